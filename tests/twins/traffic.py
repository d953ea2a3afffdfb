"""What processes measured, in memory."""

from dataclasses import dataclass, field

from modelport.reports.traffic import Series


@dataclass
class TwinTraffic:
    """A `TrafficStore` that forgets nothing."""

    published: list[Series] = field(default_factory=list)
    looks: int = 0

    def publish(self, measured: list[Series]) -> None:
        self.published += measured

    def recent(self) -> list[Series]:
        self.looks += 1
        return list(self.published)
