"""The key store in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from modelport.core.credits import Credits
from modelport.keys.key import Key, UnknownPrefix
from modelport.keys.store import KeyTerms, NewKey


def laid_out(terms: KeyTerms) -> dict[str, Any]:
    """The terms by name."""
    return {one.name: getattr(terms, one.name) for one in fields(terms)}


@dataclass
class TwinKeys:
    """Keeps keys in two dictionaries, and counts how often it is asked for a digest."""

    by_id: dict[int, Key] = field(default_factory=dict)
    digests: dict[bytes, int] = field(default_factory=dict)
    spent: dict[int, Credits] = field(default_factory=dict)
    asked: int = 0
    spent_asked: list[tuple[int, int]] = field(default_factory=list)

    def add(self, new: NewKey, at_ms: int) -> Key | None:
        if any(key.prefix == new.prefix for key in self.by_id.values()):
            return None
        key = Key(
            id=len(self.by_id) + 1,
            account_id=new.account_id,
            prefix=new.prefix,
            is_management=new.is_management,
            created_at_ms=at_ms,
            updated_at_ms=at_ms,
            **laid_out(new.terms),
        )
        self.by_id[key.id] = key
        self.digests[new.digest] = key.id
        return key

    def by_digest(self, digest: bytes) -> Key | None:
        self.asked += 1
        key_id = self.digests.get(digest)
        return None if key_id is None else self.by_id[key_id]

    def of_account(self, account_id: int) -> list[Key]:
        mine = [key for key in self.by_id.values() if key.account_id == account_id and key.id in self.digests.values()]
        return sorted(mine, key=lambda key: (key.created_at_ms, key.prefix))

    def by_prefix(self, account_id: int, prefix: str) -> Key:
        for key in self.of_account(account_id):
            if key.prefix == prefix:
                return key
        raise UnknownPrefix(f"no key of this account has the prefix '{prefix}'")

    def change(self, account_id: int, prefix: str, terms: Callable[[Key], KeyTerms], at_ms: int) -> Key:
        key = self.by_prefix(account_id, prefix)
        changed = replace(key, updated_at_ms=at_ms, **laid_out(terms(key)))
        self.by_id[key.id] = changed
        return changed

    def delete(self, account_id: int, prefix: str, at_ms: int) -> None:
        key = self.by_prefix(account_id, prefix)
        self.digests = {digest: key_id for digest, key_id in self.digests.items() if key_id != key.id}

    def spent_since(self, key_id: int, since_day: int) -> Credits:
        self.spent_asked.append((key_id, since_day))
        return self.spent.get(key_id, Credits(0))
