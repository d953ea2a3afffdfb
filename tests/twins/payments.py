"""Payments in memory: whoever signs with `good` is believed."""

from dataclasses import dataclass, field

from modelport.core.credits import Credits
from modelport.ledger.payments import AutoTopUp, Bounds, InvalidSignature, NoSavedCard


@dataclass(frozen=True, slots=True)
class TwinBegun:
    """A checkout that nobody pays."""

    order_id: str
    url: str
    amount: Credits


@dataclass(slots=True)
class TwinPayments:
    """The `Payments` of the API."""

    bounds: Bounds = field(default_factory=lambda: Bounds(Credits(10_000_000), Credits(4_000_000_000)))
    has_card: bool = False
    begun: list[tuple[int, int, str, str, bool]] = field(default_factory=list[tuple[int, int, str, str, bool]])
    received: list[bytes] = field(default_factory=list[bytes])
    settings: AutoTopUp = field(default_factory=lambda: AutoTopUp(False, Credits(0), Credits(0), False, 0, None))

    async def begin(
        self, account_id: int, amount: Credits, success_url: str, cancel_url: str, is_saving: bool
    ) -> TwinBegun:
        self.begun.append((account_id, amount, success_url, cancel_url, is_saving))
        return TwinBegun("o" * 21, "https://pay.example/1", amount)

    async def receive(self, body: bytes, signature: bytes | None) -> None:
        if signature != b"good":
            raise InvalidSignature("it is not good")
        self.received.append(body)

    async def auto_top_up(self, account_id: int) -> AutoTopUp:
        return self.settings

    async def set_auto_top_up(
        self, account_id: int, is_enabled: bool, threshold: Credits, amount: Credits
    ) -> AutoTopUp:
        if is_enabled and not self.has_card:
            raise NoSavedCard
        self.settings = AutoTopUp(is_enabled, threshold, amount, self.has_card, 0, None)
        return self.settings
