"""Counters that an operator's monitoring reads: plain integers, shown in Prometheus' text format."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counter:
    """A number that only grows, one for each value of its label. The values are ours: none comes from a caller."""

    name: str
    about: str
    label: str | None = None
    counts: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, value: str = "") -> None:
        """Count one more."""
        self.counts[value] += 1


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number that is looked up when it is asked for."""

    name: str
    about: str
    read: Callable[[], int]


class Counters:
    """All that one process counts."""

    def __init__(self) -> None:
        self._shown: dict[str, Counter | Gauge] = {}

    def counter(self, name: str, about: str, label: str | None = None, known: Sequence[str] = ()) -> Counter:
        """Make a counter; the `known` values of its label are shown from the start."""
        made = Counter(name, about, label)
        made.counts.update(dict.fromkeys(known if label is not None else ("",), 0))
        self._shown[name] = made
        return made

    def gauge(self, name: str, about: str, read: Callable[[], int]) -> None:
        """Show a number whenever the others are shown."""
        self._shown[name] = Gauge(name, about, read)

    def text(self, process: str) -> str:
        """Print everything; each number says which process counted it."""
        lines: list[str] = []
        for one in self._shown.values():
            kind = "counter" if isinstance(one, Counter) else "gauge"
            lines += (f"# HELP {one.name} {one.about}", f"# TYPE {one.name} {kind}")
            if isinstance(one, Counter):
                for value, count in one.counts.items():
                    label = "" if one.label is None else f',{one.label}="{value}"'
                    lines.append(f'{one.name}{{process="{process}"{label}}} {count}')
            else:
                lines.append(f'{one.name}{{process="{process}"}} {one.read()}')
        return "\n".join((*lines, ""))
