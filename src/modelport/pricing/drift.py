"""What calls cost by our prices beside what their providers say that they cost."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from modelport.catalogue.catalogue import Catalogue
from modelport.core.credits import CREDITS_PER_USD

NANO = 1_000_000_000
_NANO_PER_CREDIT = NANO // CREDITS_PER_USD


@dataclass(frozen=True, slots=True)
class ToldCosts:
    """Calls of one model at one provider on one UTC day (counted from 1970), of those whose provider told the cost."""

    day: int
    provider: str
    model: str
    upstream: str
    calls: int
    ours_credits: int
    """By our prices, markup included, whoever paid."""
    theirs_nano: int


@dataclass(frozen=True, slots=True)
class Drift:
    """One day at one provider, or, with `day` None, all days; money is in billionths of a dollar."""

    day: int | None
    provider: str
    calls: int
    ours_nano: int
    """Before markup."""
    theirs_nano: int
    billed_credits: int
    """With markup."""

    @property
    def difference_nano(self) -> int:
        """How much more we reckon than the provider; negative where it takes more."""
        return self.ours_nano - self.theirs_nano

    @property
    def percent(self) -> Decimal | None:
        """The difference in hundredths of what the provider takes, to two places; None when it takes nothing."""
        if not self.theirs_nano:
            return None
        return Decimal(round(Fraction(self.difference_nano * 10_000, self.theirs_nano))).scaleb(-2)


Markup = Callable[[str, str, str], Decimal]
"""By what the rates of a model at a provider are multiplied, under the provider's own name for it."""


def markups_of(catalogue: Catalogue) -> Markup:
    """Look markups up in a catalogue; what it does not sell (any more) has none."""

    def markup(model: str, provider: str, upstream: str) -> Decimal:
        sold = [offer for offer in catalogue.offers(model) if offer.provider.id == provider]
        found = next((offer for offer in sold if offer.upstream == upstream), sold[0] if sold else None)
        return Decimal(1) if found is None else found.markup

    return markup


def drifts(told: Iterable[ToldCosts], markup: Markup) -> tuple[list[Drift], list[Drift]]:
    """Sum up by day and provider, newest day first, and by provider over all days; each exactly, rounded at the end."""
    days: defaultdict[tuple[int | None, str], list[Fraction]] = defaultdict(lambda: [Fraction(0)] * 4)
    for one in told:
        ours = Fraction(one.ours_credits * _NANO_PER_CREDIT) / Fraction(markup(one.model, one.provider, one.upstream))
        for day in (one.day, None):
            sums = days[day, one.provider]
            days[day, one.provider] = [
                sums[0] + one.calls,
                sums[1] + ours,
                sums[2] + one.theirs_nano,
                sums[3] + one.ours_credits,
            ]
    found = [
        Drift(day, provider, int(calls), round(ours), int(theirs), int(billed))
        for (day, provider), (calls, ours, theirs, billed) in days.items()
    ]
    by_day = sorted((one for one in found if one.day is not None), key=lambda one: (-(one.day or 0), one.provider))
    return by_day, sorted((one for one in found if one.day is None), key=lambda one: one.provider)


def nano_text(amount_nano: int, *, is_signed: bool = False) -> str:
    """Print billionths of a dollar as dollars, with nine places."""
    sign = "-" if amount_nano < 0 else "+" if is_signed else ""
    whole, rest = divmod(abs(amount_nano), NANO)
    return f"{sign}{whole:,}.{rest:09d}"
