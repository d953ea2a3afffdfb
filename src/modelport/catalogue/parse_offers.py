"""Reads what a provider sells, and at which prices."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import pairwise

from modelport.catalogue.drafts import OfferDraft, PriceDraft, RateDraft, TierDraft, VariantDraft
from modelport.catalogue.facts import DRAFT_METER
from modelport.catalogue.forms import DIALECTS, LINK, LINK_FORM, MODEL_ID, MODEL_ID_FORM
from modelport.catalogue.parse_quirks import parse_quirks
from modelport.catalogue.prices import METERS, UNIT_PRICES
from modelport.catalogue.table import Table

_ALL_DIALECTS = tuple(dict.fromkeys(dialect for dialects in DIALECTS.values() for dialect in dialects))
_MAX_TIERS = 10


def parse_offers(top: Table) -> Iterator[OfferDraft]:
    """Read `[[offers]]`."""
    seen: set[str] = set()
    for table in top.tables("offers"):
        model = table.text("model", pattern=MODEL_ID, form=MODEL_ID_FORM)
        draft = OfferDraft(
            file=table.file,
            key=table.path,
            model=model or "",
            upstream=table.text("upstream"),
            price=_price(table),
            markup=parse_markup(table),
            quirks=parse_quirks(table),
            speaks=_speaks(table),
            hidden=table.flag("hidden"),
        )
        table.close()
        if "model" not in table:
            table.fault("model", "is missing", "write the id of the model that is offered")
        elif model in seen:
            table.fault("model", f"'{model}' is offered twice", "keep one of the two offers")
        elif model is not None:
            seen.add(model)
            yield draft


def parse_origin(table: Table) -> tuple[str | None, date | None]:
    """Read where and when prices were read."""
    return table.text("source", pattern=LINK, form=LINK_FORM), table.day("read")


def parse_markup(table: Table) -> Decimal | None:
    """Read the factor on prices."""
    markup = table.decimal("markup", "a factor on prices")
    if markup is not None and not markup:
        table.fault("markup", "is zero", "write free = true to charge nothing")
        return None
    return markup


def _speaks(table: Table) -> tuple[str, ...] | None:
    spoken = table.choices("speaks", _ALL_DIALECTS)
    if spoken == ():
        table.fault(
            "speaks", "is empty", 'write speaks = ["openai_chat"], or leave it out for what the provider speaks'
        )
        return None
    return spoken


def _price(table: Table) -> PriceDraft | None:
    given = [key for key in ("rates", "free", "price") if key in table]
    if len(given) > 1:
        table.fault(given[1], f"is given beside {given[0]}", "keep one of rates, free and price")
    if table.choice("price", ("unknown",)):
        return PriceDraft("unknown")
    if table.flag("free"):
        return PriceDraft("free")
    if table.values.get("rates") == []:
        table.fault("rates", "is empty", 'write a price, or price = "unknown", which refuses to serve')
    rates = tuple(_rates(table))
    for first, second in pairwise(rates):
        if second.since <= first.since:
            table.fault("rates", f"{second.since} stands after {first.since}", "write the oldest rates first")
    return PriceDraft("rates", rates) if "rates" in table else None


def _rates(table: Table) -> Iterator[RateDraft]:
    for rate in table.tables("rates"):
        since = rate.day("from")
        if "per" in rate:
            yield from _media_rate(rate, since)
            continue
        usd = _usd(rate)
        source, read_on = parse_origin(rate)
        tiers = tuple(_tiers(rate, frozenset(usd)))
        rate.close()
        if "from" not in rate:
            rate.fault("from", "is missing", "write the day from which the price holds, as in from = 2026-11-22")
        if "input" not in rate:
            _missing(rate, "input")
        if since is not None and "input" in usd:
            yield RateDraft(rate.file, rate.path, since, usd, source, read_on, tiers)


def _media_rate(rate: Table, since: date | None) -> Iterator[RateDraft]:
    """Read what a unit of media costs, and what it costs in calls of some kind."""
    per = rate.choice("per", tuple(UNIT_PRICES))
    price = rate.decimal("price", "dollars per unit")
    drafts = rate.decimal(DRAFT_METER, "dollars per unfinished picture")
    source, read_on = parse_origin(rate)
    variants = tuple(_variants(rate))
    rate.close()
    if "from" not in rate:
        rate.fault("from", "is missing", "write the day from which the price holds, as in from = 2026-11-22")
    if "price" not in rate and not variants:
        rate.fault("price", "is missing", 'write dollars per unit, as in price = "0.04"')
    usd = {per: price} if per is not None and price is not None else {}
    if drafts is not None and per != "image":
        rate.fault(
            DRAFT_METER, "is given, and pictures are not paid one by one", 'write per = "image", or leave it out'
        )
    if since is not None and per is not None and (usd or variants):
        yield RateDraft(rate.file, rate.path, since, usd, source, read_on, per=per, variants=variants, drafts=drafts)


def _variants(rate: Table) -> Iterator[VariantDraft]:
    for variant in rate.tables("variants"):
        when = variant.mapping("when")
        price = variant.decimal("price", "dollars per unit")
        variant.close()
        for key in ("when", "price"):
            if key not in variant:
                variant.fault(key, "is missing", 'write { when = { resolution = "720p" }, price = "0.10" }')
        if when and price is not None:
            yield VariantDraft(when, price)


def _tiers(rate: Table, named: frozenset[str]) -> Iterator[TierDraft]:
    """Read dearer rates for much input.

    Each names every meter that its rate names, but for `search`, which costs the same whatever else was sent.
    """
    before = 0
    for number, tier in enumerate(rate.tables("tiers"), 1):
        above = tier.whole("above", 1, 1_000_000_000)
        usd = _usd(tier)
        tier.close()
        if number > _MAX_TIERS:
            tier.fault("above", f"is one of more than {_MAX_TIERS} tiers", "join some")
            return
        if "above" not in tier:
            tier.fault("above", "is missing", "write the input tokens beyond which it holds, as in above = 200000")
        for meter in METERS:
            if meter in named and meter not in tier and meter != "search":
                tier.fault(meter, "is missing, and the rate outside the tier has it", _price_of(meter))
        if above is not None and above <= before:
            tier.fault("above", f"{above} stands after {before}", "write the smallest first")
        if above is not None and "input" in usd:
            before = above
            yield TierDraft(above, usd)


def _usd(table: Table) -> dict[str, Decimal]:
    return {
        meter: price for meter in METERS if (price := table.decimal(meter, "dollars per million units")) is not None
    }


def _missing(table: Table, meter: str) -> None:
    table.fault(meter, "is missing", _price_of(meter))


def _price_of(meter: str) -> str:
    return f'write dollars per million units, as in {meter} = "0.59"'
