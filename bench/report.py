"""Turns rounds into a table of ratios."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.measure import Figures, Load


@dataclass(frozen=True, slots=True)
class Round:
    """nginx, Modelport, nginx again, and the upstream asked directly, within the same minute."""

    nginx_before: Figures
    modelport: Figures
    nginx_after: Figures
    direct: Load
    direct_first: Load

    def nginx(self, figure: Callable[[Figures], float]) -> float:
        """The mean of a figure of nginx before and after."""
        return (figure(self.nginx_before) + figure(self.nginx_after)) / 2

    def ratio(self, figure: Callable[[Figures], float]) -> float:
        """A figure of Modelport, as a multiple of nginx's."""
        return figure(self.modelport) / max(1e-9, self.nginx(figure))


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    name: str
    modelport: str
    nginx: str
    ratio: str
    bar: str
    holds: bool | None


def table(rounds: Sequence[Round], starts: Sequence[tuple[float, float]]) -> list[Row]:
    """Make the table: medians over rounds, ranges in brackets where it is a ratio."""
    return [
        _ratio_row("CPU per request, µs", rounds, lambda f: f.cpu_us_per_request, 5.0),
        _ratio_row("requests per second, one core", rounds, lambda f: f.requests_per_s, None),
        _added_row("p50 added at 500 rps, ms", rounds, lambda f: f.p50_ms, lambda r: r.direct.p50_ms, 0.8),
        _added_row("p99 added at 500 rps, ms", rounds, lambda f: f.p99_ms, lambda r: r.direct.p99_ms, None),
        _ratio_row("CPU per streamed chunk, µs", rounds, lambda f: f.cpu_us_per_chunk, 2.0),
        _ratio_row("CPU per translated chunk, µs", rounds, lambda f: f.cpu_us_per_translated_chunk, 4.0),
        _ratio_row("chunks per second, 256 streams", rounds, lambda f: f.chunks_per_s, None),
        _added_row(
            "time to first chunk added, ms",
            rounds,
            lambda f: f.first_chunk_ms,
            lambda r: r.direct_first.first_p50_ms,
            1.0,
        ),
        _plain_row("RSS of the serving process, MB", max(r.modelport.rss_mb for r in rounds), rounds, 80.0),
        _plain_row("RSS of all its processes, MB", max(r.modelport.tree_rss_mb for r in rounds), None, None),
        _plain_row("start to healthy, s", median(alive for alive, _ in starts), None, None),
        _plain_row("start to first 200 of a call, s", median(first for _, first in starts), None, 0.7),
    ]


def _ratio_row(name: str, rounds: Sequence[Round], figure: Callable[[Figures], float], bar: float | None) -> Row:
    ratios = sorted(r.ratio(figure) for r in rounds)
    middle = median(ratios)
    spread = f" [{ratios[0]:.2f}–{ratios[-1]:.2f}]" if len(ratios) > 1 else ""
    return Row(
        name,
        _number(median(figure(r.modelport) for r in rounds)),
        _number(median(r.nginx(figure) for r in rounds)),
        f"{middle:.2f} ×{spread}",
        "" if bar is None else f"≤ {bar:g} ×",
        None if bar is None else middle <= bar,
    )


def _added_row(
    name: str,
    rounds: Sequence[Round],
    figure: Callable[[Figures], float],
    direct: Callable[[Round], float],
    bar: float | None,
) -> Row:
    ours = median(figure(r.modelport) - direct(r) for r in rounds)
    theirs = median(r.nginx(figure) - direct(r) for r in rounds)
    fits = None if bar is None else ours <= bar
    return Row(name, f"{ours:.2f}", f"{theirs:.2f}", "", "" if bar is None else f"≤ {bar:g}", fits)


def _plain_row(name: str, value: float, rounds: Sequence[Round] | None, bar: float | None) -> Row:
    nginx = f"{max(r.nginx_after.rss_mb for r in rounds):.1f}" if rounds else ""
    fits = None if bar is None else value <= bar
    return Row(name, f"{value:.2f}", nginx, "", "" if bar is None else f"≤ {bar:g}", fits)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}"


def render(rows: Sequence[Row]) -> str:
    """Lay the table out as Markdown."""
    verdicts = {True: "yes", False: "**no**", None: ""}
    cells = [("", "Modelport", "nginx", "ratio", "to hold", "holds")]
    cells += [(r.name, r.modelport, r.nginx, r.ratio, r.bar, verdicts[r.holds]) for r in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(6)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def warnings(rounds: Sequence[Round]) -> list[str]:
    """What makes the figures doubtful."""
    found: list[str] = []
    for number, r in enumerate(rounds, 1):
        for figures, name in ((r.nginx_before, "nginx"), (r.modelport, "Modelport"), (r.nginx_after, "nginx")):
            if figures.errors:
                found.append(f"round {number}: {figures.errors} errors with {name}")
            if figures.busy < 0.9:
                found.append(
                    f"round {number}: {name} used only {figures.busy:.0%} of its core; CPU per request is inflated"
                )
    return found
