"""Whom the ends of jobs are told, in memory: what each address answers, and what it was sent."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from modelport.core.errors import Problem
from modelport.egress.guard import AddressRefused, Guard
from modelport.jobs.signing import Seed
from modelport.upstream.guarded import Taken


@dataclass(frozen=True, slots=True)
class Sent:
    """What an address was sent."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class TwinCallbacks:
    """The `Callbacks` of tests: no name is looked up, and each address answers what it is told to, in turn."""

    answers: list[int | Problem | Taken] = field(default_factory=list[int | Problem | Taken])
    """What comes next; 204 once there are no more."""
    private: frozenset[str] = frozenset({"intranet.example"})
    """Names that lead to addresses which are not public."""
    sent: list[Sent] = field(default_factory=list[Sent])

    async def check(self, url: str, timeout_s: float) -> None:
        guard = Guard()
        destination = guard.destination(url)
        if destination.is_address:
            guard.check(destination.host, destination.host)
        if destination.host in self.private:
            raise AddressRefused(destination.host, "it leads to an address that is not public")

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, total_s: float) -> Taken:
        await self.check(url, total_s)
        self.sent.append(Sent(url, headers, body))
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, Problem):
            raise answer
        return answer if isinstance(answer, Taken) else Taken(answer, {})


@dataclass(slots=True)
class TwinSeeds:
    """The `SeedStore` in memory."""

    kept: dict[int, list[Seed]] = field(default_factory=lambda: defaultdict[int, list[Seed]](list))

    def seeds(self, account_id: int, now_ms: int) -> Sequence[Seed]:
        return [one for one in self.kept[account_id] if one.until_ms is None or one.until_ms > now_ms]

    def first(self, account_id: int, seed: Seed) -> Sequence[Seed]:
        if not self.kept[account_id]:
            self.kept[account_id] = [seed]
        return self.seeds(account_id, seed.created_at_ms)

    def replace(self, account_id: int, seed: Seed, until_ms: int, most_old: int) -> Sequence[Seed]:
        old = [replace(one, until_ms=one.until_ms or until_ms) for one in self.kept[account_id]]
        self.kept[account_id] = [seed, *old][: most_old + 1]
        return self.seeds(account_id, seed.created_at_ms)
