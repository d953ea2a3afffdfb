"""Reads catalogue files into drafts; everything that a single file can get wrong is found here."""

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import cast, get_args
from urllib.parse import urlsplit

from modelport.catalogue.drafts import (
    AuthDraft,
    Drafts,
    ModelDraft,
    OfferDraft,
    PriceDraft,
    ProviderDraft,
    QuirksDraft,
    RateDraft,
    RetiredDraft,
    SettingsDraft,
    TimeoutsDraft,
)
from modelport.catalogue.facts import AuthScheme, Dialect, Note, Operation, Retired
from modelport.catalogue.prices import METERS
from modelport.catalogue.problems import Fault
from modelport.catalogue.sources import Source
from modelport.catalogue.table import Table

OPERATIONS: tuple[str, ...] = get_args(Operation)
DIALECTS: tuple[str, ...] = get_args(Dialect)
SCHEMES: tuple[str, ...] = get_args(AuthScheme)
MODALITIES = ("audio", "file", "image", "text", "video")
ROLES = ("assistant", "developer", "function", "system", "tool")
CAPABILITIES = (
    "choices",
    "developer",
    "json_object",
    "json_schema",
    "logprobs",
    "parallel_tools",
    "prediction",
    "reasoning",
    "seed",
    "stop",
    "streaming",
    "system",
    "tools",
    "web_search",
)

_MODEL_ID = r"#?[A-Za-z0-9][A-Za-z0-9._:@-]*(/[A-Za-z0-9][A-Za-z0-9._:@-]*){0,5}"
_MODEL_ID_FORM = "a model id (letters, digits and . _ : @ -, in parts joined by /)"
_PROVIDER_ID = r"[a-z0-9][a-z0-9_-]{0,63}"
_PROVIDER_ID_FORM = "a provider id (small letters, digits, - and _)"
_FIELD = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
_FIELD_FORM = "the name of a top-level field of a request"
_MEMBER_FORM = "the name of a member of a message"
_LINK = r"https?://[^\s]+"
_LINK_FORM = "a link that starts with https://"
_HEADER_FORBIDDEN = {"authorization", "host", "content-length", "transfer-encoding", "connection"}


def parse(sources: list[Source], faults: list[Fault]) -> Drafts:
    """Read every file; what a file gets wrong is added to `faults`."""
    drafts = Drafts()
    for source in sources:
        top = _toml(source, faults)
        if top is None:
            continue
        if source.holds_settings:
            drafts.settings = _settings(top)
        elif source.holds_models and "models" not in top:
            drafts.models.extend(_model(top, source))
            drafts.retired.extend(_retired(top))
        else:
            drafts.models.extend(_models(top, source))
            drafts.retired.extend(_retired(top))
            if not source.holds_models and top.values.keys() - {"models", "retired"}:
                drafts.providers.extend(_provider(top, source))
        top.close()
    return drafts


def _toml(source: Source, faults: list[Fault]) -> Table | None:
    try:
        values = cast("dict[str, object]", tomllib.loads(source.data.decode()))
    except UnicodeDecodeError as error:
        faults.append(Fault(source.shown, "", f"is not UTF-8 (byte {error.start})", "save it as UTF-8"))
        return None
    except tomllib.TOMLDecodeError as error:
        faults.append(Fault(source.shown, "", f"is not TOML: {error}", "correct it at that place"))
        return None
    return Table(source.shown, "", values, faults)


def _settings(top: Table) -> SettingsDraft:
    hide = top.texts("hide", pattern=_MODEL_ID, form=_MODEL_ID_FORM)
    return SettingsDraft(markup=_markup(top), hide=hide or ())


def _models(top: Table, source: Source) -> Iterator[ModelDraft]:
    for table in top.tables("models"):
        yield from _model(table, source)
        table.close()


def _model(table: Table, source: Source) -> Iterator[ModelDraft]:
    model_id = table.text("id", pattern=_MODEL_ID, form=_MODEL_ID_FORM)
    if "id" not in table:
        model_id = _id_from_name(table, source)
    draft = ModelDraft(
        file=table.file,
        key=table.path,
        id=model_id or "",
        name=table.text("name"),
        maker=table.text("maker"),
        operation=table.choice("operation", OPERATIONS),
        description=table.text("description"),
        aliases=table.texts("aliases", pattern=_MODEL_ID, form=_MODEL_ID_FORM),
        inputs=table.choices("inputs", MODALITIES),
        outputs=table.choices("outputs", MODALITIES),
        capabilities=table.choices("capabilities", CAPABILITIES),
        context_tokens=table.whole("context_tokens", 1, 1_000_000_000),
        output_tokens=table.whole("output_tokens", 1, 1_000_000_000),
        released_on=table.day("released_on"),
        cutoff_on=table.day("cutoff_on"),
        documentation=table.text("documentation", pattern=_LINK, form=_LINK_FORM),
        weights=table.text("weights", pattern=_LINK, form=_LINK_FORM),
        refuses_roles=table.choices("refuses_roles", ROLES),
        notes=_notes(table) if "notes" in table else None,
        hidden=table.flag("hidden"),
    )
    if model_id is not None:
        yield draft


def _id_from_name(table: Table, source: Source) -> str | None:
    parts = source.name.removesuffix(".toml").split("/")
    if source.holds_models and len(parts) == 3 and not table.path:
        return f"{parts[1]}/{parts[2]}"
    table.fault("id", "is missing", 'write the id by which the model is asked for, as in id = "acme/small"')
    return None


def _notes(table: Table) -> tuple[Note, ...]:
    notes: list[Note] = []
    for note in table.tables("notes"):
        on, text = note.day("on"), note.text("text")
        if on is not None and text is not None:
            notes.append(Note(on, text))
        for key in ("on", "text"):
            if key not in note:
                note.fault(key, "is missing", 'write a note as { on = 2026-11-22, text = "…" }')
        note.close()
    return tuple(notes)


def _retired(top: Table) -> Iterator[RetiredDraft]:
    for table in top.tables("retired"):
        old = table.text("id", pattern=_MODEL_ID, form=_MODEL_ID_FORM)
        new = table.text("replacement", pattern=_MODEL_ID, form=_MODEL_ID_FORM)
        if "id" not in table:
            table.fault("id", "is missing", "write the id that is no longer served")
        elif old is not None:
            yield RetiredDraft(table.file, table.path, Retired(old, new))
        table.close()


def _provider(top: Table, source: Source) -> Iterator[ProviderDraft]:
    offers = tuple(_offers(top))
    if source.layer == "package":
        _check_sorted(top, offers)
    aliases = top.texts("aliases", pattern=_PROVIDER_ID, form=_PROVIDER_ID_FORM)
    prices = top.table("prices")
    prices_source, prices_read_on = _origin(prices) if prices else (None, None)
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
        quirks=_quirks(top),
        timeouts=_timeouts(top),
        priority=top.whole("priority", 0, 1000),
        concurrency=top.whole("concurrency", 1, 1_000_000),
        docs=top.text("docs", pattern=_LINK, form=_LINK_FORM),
        aliases=aliases,
        prices_source=prices_source,
        prices_read_on=prices_read_on,
        markup=_markup(top),
        free=top.flag("free"),
        hidden=top.flag("hidden"),
        offers=offers,
    )
    if re.fullmatch(_PROVIDER_ID, source.stem):
        yield draft
    else:
        top.fault("", f"the file's name '{source.stem}' is not {_PROVIDER_ID_FORM}", "rename the file")


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
        if source.layer == "overlay":
            remedy = "write the http:// or https:// address of your engine"
            top.fault("base_url", "'unix:' names an engine that Modelport itself runs", remedy)
            return None
        return url
    remedy = "write it as https://host/path, without user, query or fragment"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable, parts = False, urlsplit("")
    odd = parts.query or parts.fragment or "@" in parts.netloc or any(char.isspace() for char in url)
    if not usable or odd:
        top.fault("base_url", f"'{url}' is not the address of a service", remedy)
        return None
    return url.rstrip("/")


def _auth(top: Table) -> AuthDraft | None:
    table = top.table("auth")
    if table is None:
        return None
    scheme = table.choice("scheme", SCHEMES)
    form = "the name of an environment variable, as in ACME_API_KEY"
    env = table.text("env", pattern=r"[A-Z][A-Z0-9_]{0,127}", form=form)
    table.close()
    if "scheme" not in table:
        table.fault("scheme", "is missing", f"write one of {', '.join(SCHEMES)}")
    elif scheme == "none" and "env" in table:
        table.fault("env", "is given, but the scheme is none", 'remove it or write scheme = "bearer"')
    elif scheme not in (None, "none") and "env" not in table:
        table.fault("env", "is missing", form.replace("the name", "write the name"))
    return AuthDraft(scheme, env) if scheme else None


def _speaks(top: Table) -> dict[str, str] | None:
    table = top.table("speaks")
    if table is None:
        return None
    spoken = {operation: table.choice(operation, DIALECTS) for operation in OPERATIONS}
    table.close()
    return {operation: dialect for operation, dialect in spoken.items() if dialect}


def _quirks(parent: Table) -> QuirksDraft:
    table = parent.table("quirks")
    if table is None:
        return QuirksDraft()
    headers = table.mapping("headers")
    for name in headers or {}:
        if name.lower() in _HEADER_FORBIDDEN or not name.replace("-", "").isalnum():
            table.fault("headers", f"'{name}' cannot be set", "remove it; credentials belong in `auth`")
    draft = QuirksDraft(
        rename=table.mapping("rename"),
        drop=table.texts("drop", pattern=_FIELD, form=_FIELD_FORM),
        accept=table.texts("accept", pattern=_FIELD, form=_FIELD_FORM),
        accept_unknown=table.flag("accept_unknown"),
        headers=headers,
        stream_usage=table.flag("stream_usage"),
        developer_role=table.flag("developer_role"),
        cancel_on_disconnect=table.flag("cancel_on_disconnect"),
        choices=table.flag("choices"),
        message_names=table.flag("message_names"),
        prefix=table.text("prefix", pattern=_FIELD, form=_MEMBER_FORM),
        clamp=_clamp(table),
        reasoning_field=table.text("reasoning_field", pattern=_FIELD, form=_MEMBER_FORM),
    )
    table.close()
    return draft


def _clamp(quirks: Table) -> dict[str, str] | None:
    table = quirks.table("clamp")
    if table is None:
        return None
    most = {name: table.decimal(name, "the most that it may be") for name in table.values}
    return {name: f"{value:f}" for name, value in most.items() if value is not None}


def _timeouts(top: Table) -> TimeoutsDraft:
    table = top.table("timeouts")
    if table is None:
        return TimeoutsDraft()
    draft = TimeoutsDraft(table.seconds("connect_s"), table.seconds("first_byte_s"), table.seconds("idle_s"))
    table.close()
    return draft


def _offers(top: Table) -> Iterator[OfferDraft]:
    seen: set[str] = set()
    for table in top.tables("offers"):
        model = table.text("model", pattern=_MODEL_ID, form=_MODEL_ID_FORM)
        draft = OfferDraft(
            file=table.file,
            key=table.path,
            model=model or "",
            upstream=table.text("upstream"),
            price=_price(table),
            markup=_markup(table),
            quirks=_quirks(table),
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
        usd = {meter: price for meter in METERS if (price := _usd(rate, meter)) is not None}
        source, read_on = _origin(rate)
        rate.close()
        if "from" not in rate:
            rate.fault("from", "is missing", "write the day from which the price holds, as in from = 2026-11-22")
        for meter in ("input", "output"):
            if meter not in rate:
                rate.fault(meter, "is missing", f'write dollars per million units, as in {meter} = "0.59"')
        if since is not None and {"input", "output"} <= usd.keys():
            yield RateDraft(rate.file, rate.path, since, usd, source, read_on)


def _origin(table: Table) -> tuple[str | None, date | None]:
    return table.text("source", pattern=_LINK, form=_LINK_FORM), table.day("read")


def _usd(rate: Table, meter: str) -> Decimal | None:
    return rate.decimal(meter, "dollars per million units")


def _markup(table: Table) -> Decimal | None:
    markup = table.decimal("markup", "a factor on prices")
    if markup is not None and not markup:
        table.fault("markup", "is zero", "write free = true to charge nothing")
        return None
    return markup
