"""A clock that stands still until it is moved."""

from dataclasses import dataclass

DAY_MS = 86_400_000


@dataclass(slots=True)
class StoppedClock:
    """The `Clock` of tests."""

    at_ms: int = 1_790_000_000_000

    def now_ms(self) -> int:
        """Tell the time that was set."""
        return self.at_ms

    def monotonic_s(self) -> float:
        """Tell the same in seconds."""
        return self.at_ms / 1000

    def pass_s(self, seconds: float) -> None:
        """Let time go by."""
        self.at_ms += int(seconds * 1000)
