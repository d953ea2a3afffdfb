"""The terms of a key in the terminal: how they are given, and how they are shown."""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypedDict, TypeVar, get_args

import click

from modelport.bootstrap.assets import guarded_of
from modelport.bootstrap.catalogue import load_catalogue
from modelport.cli.accounts import POSITIVE_USD, shown_credits
from modelport.core.clock import iso_ms
from modelport.core.pace import Pace
from modelport.keys.grants import limit_in_words
from modelport.keys.key import DRAIN_AND_BILL, DisconnectPolicy, Key, Limit, Retention, Scope
from modelport.keys.store import KeyTerms
from modelport.keys.terms import UnusableTerm, models_of, moment_of, name_of, networks_of, pace_of, providers_of
from modelport.serving.jobs.webhooks import CheckWebhook, WebhookRefused
from modelport.settings import Settings
from modelport.upstream.pool import Pool

ALL = "all"
NONE = "none"
NEVER = "never"
_FROM_NOW = re.compile(r"([1-9][0-9]{0,5})([hd])")
_UNIT_MS = {"h": 3_600_000, "d": 86_400_000}
_LISTED = 5
"""How many of a list are shown to a person."""


class Given(TypedDict):
    """What was given on the command line; None or nothing where an option was left out."""

    name: str | None
    scopes: tuple[Scope | str, ...]
    limit: str | None
    expires: str | None
    models: tuple[str, ...]
    providers: tuple[str, ...]
    ips: tuple[str, ...]
    on_disconnect: DisconnectPolicy | None
    requests_per_minute: str | None
    tokens_per_minute: str | None
    concurrent: str | None
    webhook_url: str | None


_OPTIONS = (
    click.option("--name", default=None, help="A note to tell keys apart."),
    click.option(
        "--scope",
        "scopes",
        multiple=True,
        type=click.Choice((*get_args(Scope), ALL)),
        help="What it may be used for; repeat for more.",
    ),
    click.option("--limit", default=None, metavar="USD[/PERIOD]", help="Most to spend in a day, week, month, or ever."),
    click.option("--expires", default=None, metavar="WHEN", help="30d, 12h, 2030-12-31T00:00Z, or never."),
    click.option("--model", "models", multiple=True, metavar="ID", help="A model, or MAKER/*; repeat for more."),
    click.option("--provider", "providers", multiple=True, metavar="ID", help="Whom calls may go to; repeat for more."),
    click.option("--ip", "ips", multiple=True, metavar="RANGE", help="Where it may be used from; repeat for more."),
    click.option(
        "--on-disconnect",
        type=click.Choice(get_args(DisconnectPolicy)),
        default=None,
        help="What becomes of a call whose caller leaves.",
    ),
    click.option("--requests-per-minute", default=None, metavar="N", help="Most calls in a minute."),
    click.option("--tokens-per-minute", default=None, metavar="N", help="Most tokens in a minute."),
    click.option("--concurrent", default=None, metavar="N", help="Most calls at once."),
    click.option("--webhook-url", default=None, metavar="URL", help="Where the ends of its jobs are told."),
)
LIFTING = (
    "`all` lifts --scope, --model, --provider and --ip; `none` a limit, a number or the webhook; `never` the expiry."
)

_Command = TypeVar("_Command", bound=Callable[..., Any])


def term_options(command: _Command) -> _Command:
    """Give a command an option for each term."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def is_nothing(given: Given) -> bool:
    """Whether no term was given."""
    return all(value is None or value == () for value in given.values())


def read_terms(given: Given, settings: Settings, now_ms: int) -> Callable[[KeyTerms], KeyTerms]:
    """Return what lays all that was given over a key's terms; raises `click.BadParameter` naming the option."""
    changes = {**_single(given, now_ms), **_lists(given, settings)}
    if given["webhook_url"] is not None:
        changes["webhook_url"] = _read("--webhook-url", lambda url: _webhook(url, settings), given["webhook_url"], NONE)
    paces = {member: _read(option, _number, text, NONE) for member, option, text in _numbers(given) if text is not None}
    return lambda terms: replace(terms, pace=replace(terms.pace, **paces), **changes)


def _single(given: Given, now_ms: int) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if given["name"] is not None:
        changes["name"] = _read("--name", name_of, given["name"]) or None
    if given["limit"] is not None:
        changes["limit"] = _read("--limit", _limit, given["limit"], NONE)
    if given["expires"] is not None:
        changes["expires_at_ms"] = _read("--expires", lambda text: _expiry(text, now_ms), given["expires"], NEVER)
    if given["on_disconnect"] is not None:
        changes["on_disconnect"] = given["on_disconnect"]
    return changes


def _webhook(url: str, settings: Settings) -> str:
    """Judge an address by the guard of the server."""

    async def check() -> None:
        async with Pool() as pool:
            await CheckWebhook(guarded_of(settings, pool))(url)

    try:
        asyncio.run(check())
    except WebhookRefused as refused:
        raise click.BadParameter(refused.reason) from refused
    return url


def _lists(given: Given, settings: Settings) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if given["scopes"]:
        changes["scopes"] = _list("--scope", frozenset, given["scopes"])
    if given["ips"]:
        changes["ip_ranges"] = _list("--ip", networks_of, given["ips"])
    if given["models"] or given["providers"]:
        catalogue = load_catalogue(settings)
        if given["models"]:
            changes["models"] = _list("--model", lambda names: models_of(names, catalogue), given["models"])
        if given["providers"]:
            changes["providers"] = _list("--provider", lambda names: providers_of(names, catalogue), given["providers"])
    return changes


def _numbers(given: Given) -> Iterator[tuple[str, str, str | None]]:
    yield "requests_per_minute", "--requests-per-minute", given["requests_per_minute"]
    yield "tokens_per_minute", "--tokens-per-minute", given["tokens_per_minute"]
    yield "concurrent_calls", "--concurrent", given["concurrent"]


_Read = TypeVar("_Read")


def _read(option: str, read: Callable[[str], _Read], text: str, lifted: str | None = None) -> _Read | None:
    if text == lifted:
        return None
    try:
        return read(text)
    except UnusableTerm as unusable:
        raise click.BadParameter(_in_options(unusable.message), param_hint=f"'{option}'") from unusable
    except click.BadParameter as bad:
        raise click.BadParameter(bad.message, param_hint=f"'{option}'") from bad


def _list(option: str, read: Callable[[Sequence[str]], _Read], texts: Sequence[str]) -> _Read | None:
    if ALL not in texts:
        return _read(option, lambda _: read(texts), "")
    if len(texts) > 1:
        raise click.BadParameter(f"'{ALL}' stands alone: it lifts what was set before", param_hint=f"'{option}'")
    return None


def _in_options(message: str) -> str:
    """Say what a message for callers of the API says in the words of the command line."""
    return message.replace("or null for no bound", f"or {NONE}")


def _limit(text: str) -> Limit:
    amount, slash, period = text.partition("/")
    retention: Retention = "no_reset"
    if slash:
        known: dict[str, Retention] = {"day": "day", "week": "week", "month": "month"}
        if period not in known:
            raise click.BadParameter(f"'{period[:40]}' is no period: use {', '.join(known)}, or leave it out for ever")
        retention = known[period]
    if amount.startswith("-"):
        raise click.BadParameter(f"'{amount[:40]}' is negative: nothing could be spent")
    return Limit(retention, POSITIVE_USD.convert(amount, None, None))


def _expiry(text: str, now_ms: int) -> int:
    from_now = _FROM_NOW.fullmatch(text)
    if from_now is not None:
        text = iso_ms(now_ms + int(from_now[1]) * _UNIT_MS[from_now[2]])
    try:
        return moment_of(text, now_ms)
    except UnusableTerm as unusable:
        raise UnusableTerm(f"{unusable.message}; 30d, 12h and {NEVER} will do too") from unusable


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 20:
        raise click.BadParameter(f"'{text[:40]}' is not a whole number, nor {NONE}")
    return pace_of(int(text))


def json_of(key: Key) -> dict[str, object]:
    """Return every term as it is printed as JSON; null where there is none."""
    limit, pace = key.limit, key.pace
    return {
        "scopes": None if key.scopes is None else sorted(key.scopes),
        "limit": limit and {"retention": limit.retention, "threshold": shown_credits(limit.threshold)},
        "expires_at": None if key.expires_at_ms is None else iso_ms(key.expires_at_ms),
        "models": None if key.models is None else sorted(key.models),
        "providers": None if key.providers is None else sorted(key.providers),
        "ip_ranges": None if key.ip_ranges is None else [str(one) for one in key.ip_ranges],
        "on_disconnect": key.on_disconnect,
        "rate_limits": {
            "requests_per_minute": pace.requests_per_minute,
            "tokens_per_minute": pace.tokens_per_minute,
            "concurrent_calls": pace.concurrent_calls,
        },
        "webhook_url": key.webhook_url,
    }


def lines_of(key: Key, now_ms: int) -> Iterator[str]:
    """Show a key to a person: a line about it, and one for each term that it has."""
    kind = "management" if key.is_management else "regular"
    is_over = key.expires_at_ms is not None and key.expires_at_ms <= now_ms
    state = "disabled" if key.is_disabled else "expired" if is_over else "enabled"
    yield f"{key.prefix}  {kind:<10}  {state:<8}  {iso_ms(key.created_at_ms)}  {key.name or ''}".rstrip()
    for title, text in _titled(key):
        yield f"          {title:<10}  {text}"


def _titled(key: Key) -> Iterator[tuple[str, str]]:
    if key.scopes is not None:
        yield "scopes", _listed(sorted(key.scopes))
    if key.limit is not None:
        yield "limit", limit_in_words(key.limit)
    if key.expires_at_ms is not None:
        yield "expires", iso_ms(key.expires_at_ms)
    if key.models is not None:
        yield "models", _listed(sorted(key.models))
    if key.providers is not None:
        yield "providers", _listed(sorted(key.providers))
    if key.ip_ranges is not None:
        yield "from", _listed([str(one) for one in key.ip_ranges])
    if not key.pace.is_free:
        yield "pace", ", ".join(_paces(key.pace))
    if key.on_disconnect != DRAIN_AND_BILL:
        yield "on leaving", key.on_disconnect
    if key.webhook_url is not None:
        yield "webhook", key.webhook_url


def _paces(pace: Pace) -> Iterator[str]:
    for number, what in (
        (pace.requests_per_minute, "requests a minute"),
        (pace.tokens_per_minute, "tokens a minute"),
        (pace.concurrent_calls, "at once"),
    ):
        if number is not None:
            yield f"{number} {what}"


def _listed(names: Sequence[str]) -> str:
    if len(names) > _LISTED:
        return f"{', '.join(names[:_LISTED])}, … ({len(names)} in all)"
    return ", ".join(names) or "none"
