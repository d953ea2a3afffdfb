"""What a gateway does beside its calls."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from modelport.bootstrap.background import Follower
from modelport.storage.changes import Change


@dataclass
class ToldChanges:
    """Changes that a test tells."""

    told: Sequence[Change]
    is_quick: bool = True

    def poll(self) -> Sequence[Change]:
        return self.told


@dataclass
class Memory:
    """In place of what remembers keys and money: writes down what it was told."""

    heard: list[object] = field(default_factory=list)

    def forget(self, key_id: int | None = None) -> None:
        self.heard.append(("forget", key_id))

    def key_changed(self, key_id: int) -> None:
        self.heard.append(("key", key_id))

    def hear(self) -> None:
        self.heard.append("catalogue")

    def everything_changed(self) -> None:
        self.heard.append("everything")


async def test_who_missed_changes_forgets_all_keys_and_gives_back_all_money() -> None:
    memory = Memory()
    told: Any = ToldChanges([Change(6, "everything", ""), Change(7, "key", "3")])
    anything: Any = memory
    await Follower(told, anything, anything, anything).poll()
    assert memory.heard == [("forget", None), "everything", "catalogue", ("forget", 3), ("key", 3)]
