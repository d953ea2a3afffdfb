"""The price of what was used."""

from collections.abc import Mapping

from modelport.catalogue.facts import RATE_UNITS
from modelport.core.credits import Credits
from modelport.core.errors import Problem


class UnpricedUsage(Problem):
    """Something was used for which the offer has no rate."""

    def __init__(self, meters: set[str]) -> None:
        super().__init__(f"no rate for {', '.join(sorted(meters))}: add it to the offer's `rates`")
        self.meters = meters


def charge(usage: Mapping[str, int], rates: Mapping[str, int]) -> Credits:
    """Price `usage` (units per meter) at `rates` (credits per `RATE_UNITS` units): summed exactly, rounded up once.

    A meter that was used but has no rate raises `UnpricedUsage`, so a gap in a data file can refuse a call but can
    never give one away.
    """
    total = 0
    for meter, units in usage.items():
        rate = rates.get(meter)
        if rate is None:
            raise UnpricedUsage(set(usage) - set(rates))
        total += units * rate
    return scaled(total)


def scaled(total: int) -> Credits:
    """Turn an exact sum of units × rates into credits, rounded up."""
    return Credits(-(-total // RATE_UNITS))
