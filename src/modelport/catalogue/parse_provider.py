"""Reads a provider: where it is, what it speaks, how it knows us, what it sells."""

import re
from collections.abc import Iterator
from itertools import pairwise

from modelport.catalogue.addresses import fault_of
from modelport.catalogue.drafts import AuthDraft, OfferDraft, ProviderDraft, TimeoutsDraft
from modelport.catalogue.forms import (
    DIALECTS,
    LINK,
    LINK_FORM,
    MODELS,
    MODELS_FORM,
    PROVIDER_ID,
    PROVIDER_ID_FORM,
    REASON,
    REASON_FORM,
    SCHEMES,
    VARIABLE,
    VARIABLE_FORM,
)
from modelport.catalogue.parse_offers import parse_markup, parse_offers, parse_origin
from modelport.catalogue.parse_quirks import parse_quirks
from modelport.catalogue.sources import Source
from modelport.catalogue.table import Table


def parse_provider(top: Table, source: Source) -> Iterator[ProviderDraft]:
    """Read the provider that a file describes; none when the file's name is no id."""
    offers = tuple(parse_offers(top))
    if source.layer == "package":
        _check_sorted(top, offers)
    aliases = top.texts("aliases", pattern=PROVIDER_ID, form=PROVIDER_ID_FORM)
    prices = top.table("prices")
    prices_source, prices_read_on = parse_origin(prices) if prices else (None, None)
    if prices:
        prices.close()
    draft = ProviderDraft(
        file=source.shown,
        layer=source.layer,
        id=source.stem,
        name=top.text("name"),
        base_url=_base_url(top, source),
        auth=_auth(top),
        speaks=_speaks(top),
        quirks=parse_quirks(top),
        timeouts=_timeouts(top),
        priority=top.whole("priority", 0, 1000),
        concurrency=top.whole("concurrency", 1, 1_000_000),
        docs=top.text("docs", pattern=LINK, form=LINK_FORM),
        aliases=aliases,
        prices_source=prices_source,
        prices_read_on=prices_read_on,
        markup=parse_markup(top),
        free=top.flag("free"),
        maintenance=top.text("maintenance", pattern=REASON, form=REASON_FORM),
        only_models=top.texts("only_models", pattern=MODELS, form=MODELS_FORM),
        hidden=top.flag("hidden"),
        offers=offers,
    )
    if re.fullmatch(PROVIDER_ID, source.stem):
        yield draft
    else:
        top.fault("", f"the file's name '{source.stem}' is not {PROVIDER_ID_FORM}", "rename the file")


def _check_sorted(top: Table, offers: tuple[OfferDraft, ...]) -> None:
    for first, second in pairwise(offers):
        if second.model < first.model:
            top.fault("offers", f"'{second.model}' stands after '{first.model}'", "sort the offers by model")
            return


def _base_url(top: Table, source: Source) -> str | None:
    url = top.text("base_url")
    if url is None:
        return None
    if url.startswith("unix:"):
        if source.layer != "package":
            remedy = "write the http:// or https:// address of your engine"
            top.fault("base_url", "'unix:' names an engine that Modelport itself runs", remedy)
            return None
        return url
    if (wrong := fault_of(url)) is not None:
        top.fault("base_url", *wrong)
        return None
    return url.rstrip("/")


def _auth(top: Table) -> AuthDraft | None:
    table = top.table("auth")
    if table is None:
        return None
    scheme = table.choice("scheme", SCHEMES)
    env = table.text("env", pattern=VARIABLE, form=VARIABLE_FORM)
    issuer_env = table.text("issuer_env", pattern=VARIABLE, form=VARIABLE_FORM)
    table.close()
    if "scheme" not in table:
        table.fault("scheme", "is missing", f"write one of {', '.join(SCHEMES)}")
    elif scheme == "none" and "env" in table:
        table.fault("env", "is given, but the scheme is none", 'remove it or write scheme = "bearer"')
    elif scheme not in (None, "none") and "env" not in table:
        table.fault("env", "is missing", VARIABLE_FORM.replace("the name", "write the name"))
    if scheme == "jwt" and "issuer_env" not in table:
        table.fault("issuer_env", "is missing", VARIABLE_FORM.replace("the name", "write the name"))
    elif scheme not in (None, "jwt") and "issuer_env" in table:
        table.fault("issuer_env", f"is given, but the scheme is {scheme}", 'remove it or write scheme = "jwt"')
    return AuthDraft(scheme, env, issuer_env) if scheme else None


def _speaks(top: Table) -> dict[str, tuple[str, ...]] | None:
    table = top.table("speaks")
    if table is None:
        return None
    spoken = {operation: _dialects(table, operation, DIALECTS[operation]) for operation in DIALECTS}
    table.close()
    return {operation: dialects for operation, dialects in spoken.items() if dialects}


def _dialects(table: Table, operation: str, allowed: tuple[str, ...]) -> tuple[str, ...] | None:
    if isinstance(table.values.get(operation), list):
        return table.choices(operation, allowed)
    one = table.choice(operation, allowed)
    return (one,) if one else None


def _timeouts(top: Table) -> TimeoutsDraft:
    table = top.table("timeouts")
    if table is None:
        return TimeoutsDraft()
    draft = TimeoutsDraft(table.seconds("connect_s"), table.seconds("first_byte_s"), table.seconds("idle_s"))
    table.close()
    return draft
