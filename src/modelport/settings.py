"""Settings: environment variables and one TOML file. The one place that reads the environment."""

import difflib
import os
import re
import ssl
import tomllib
import types
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from modelport.core.credits import from_usd
from modelport.core.errors import Problem, Secret
from modelport.upstream.proxies import parse_proxies

PREFIX = "MODELPORT_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
FILE_NAME = "modelport.toml"
SECTIONS = ("server", "storage", "money", "limits", "stripe", "egress", "engine")

GUIDE = "see docs/configuration.md"
CREDIT_MAX_USD = 1_000_000_000
_ALSO_KNOWN = frozenset({CONFIG_VARIABLE, f"{PREFIX}KEY", f"{PREFIX}URL"})
"""Variables that are no settings: the guides and scripts of callers use them."""
_ALSO_KNOWN_PREFIX = f"{PREFIX}TEST_"

Positive = Annotated[float, Meta(gt=0)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Count = Annotated[int, Meta(ge=1)]
OnFailure = Literal["open", "closed"]


class Server(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How requests come in."""

    cors_origin: Annotated[str, Meta(description="The `Access-Control-Allow-Origin` of every API answer.")] = "*"
    max_body_bytes: Annotated[Count, Meta(description="The largest request body; a larger one is refused (413).")] = (
        32 * 1024 * 1024
    )
    header_timeout_s: Annotated[Positive, Meta(description="How long request headers may take to arrive.")] = 20.0
    body_timeout_s: Annotated[Positive, Meta(description="How long a request body may pause while it arrives.")] = 60.0
    body_total_s: Annotated[Positive, Meta(description="How long a whole request body may take to arrive.")] = 300.0
    write_stall_s: Annotated[Positive, Meta(description="How long a caller may leave an answer unread.")] = 120.0
    keep_alive_s: Annotated[Positive, Meta(description="How long an idle connection is kept open.")] = 75.0
    drain_s: Annotated[Positive, Meta(description="How long calls in flight may go on after Ctrl-C or SIGTERM.")] = 30.0
    workers: Annotated[Count, Meta(description="How many processes serve; more than one use more than one core.")] = 1
    metrics_token: Annotated[
        Secret | None,
        Meta(description="The bearer token under which `GET /metrics` answers; without one there is no such route."),
    ] = None


class Storage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where things are kept."""

    durability: Annotated[
        Literal["process", "power"],
        Meta(description="What a committed charge survives: the death of the process, or loss of power too (slower)."),
    ] = "process"
    response_days: Annotated[
        Positive, Meta(description="How many days a response is kept that was made with `store: true`.")
    ] = 30.0
    log_days: Annotated[
        Count | None,
        Meta(description="How many days the row of each call is kept; default: for ever. Sums and entries stay."),
    ] = None
    retry_s: Annotated[
        Positive,
        Meta(description="How long a charge is tried again while PostgreSQL cannot be reached, before its call fails."),
    ] = 10.0


class Money(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How calls are held and billed."""

    hold_wait_s: Annotated[
        Positive, Meta(description="How long a call waits for money that other calls of the account still hold.")
    ] = 10.0
    drain_s: Annotated[
        Positive, Meta(description="How long an answer is read on after its caller has left, to bill it right.")
    ] = 120.0
    first_credit_usd: Annotated[str, Meta(description="Starting balance of the account that a first run makes.")] = "5"
    free_usd_per_hour: Annotated[
        str, Meta(description="What an account that never paid may use each hour beyond its credit; 0 is nothing.")
    ] = "0"


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of rate limits that replicas share while Redis cannot be reached: `open` goes on with this
    process's part of the limit, `closed` refuses (429)."""

    requests_on_failure: Annotated[
        OnFailure, Meta(description="Requests per minute while Redis is down: `open` divides them, `closed` refuses.")
    ] = "open"
    tokens_on_failure: Annotated[
        OnFailure, Meta(description="Tokens per minute while Redis is down: `open` divides them, `closed` refuses.")
    ] = "open"
    concurrent_on_failure: Annotated[
        OnFailure, Meta(description="Concurrent calls while Redis is down: `open` divides them, `closed` refuses.")
    ] = "open"


class Stripe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Top-ups by card; without both secrets there are none."""

    secret_key: Annotated[
        Secret | None, Meta(description="Stripe's secret key; without it and the webhook's secret nobody can pay.")
    ] = None
    webhook_secret: Annotated[
        Secret | None, Meta(description="The signing secret of the webhook that points to `/webhooks/stripe`.")
    ] = None
    base_url: Annotated[str, Meta(description="Where Stripe's API is.")] = "https://api.stripe.com"
    least_usd: Annotated[str, Meta(description="The smallest top-up.")] = "5"
    most_usd: Annotated[str, Meta(description="The largest top-up.")] = "2000"


class Egress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How requests go out."""

    allow: Annotated[
        tuple[str, ...],
        Meta(description="Address ranges that callers' URLs may point to although they are not public (CIDR)."),
    ] = ()
    ports: Annotated[tuple[Port, ...], Meta(description="Ports that callers' URLs may name.")] = (80, 443)
    trust_proxy: Annotated[
        bool, Meta(description="Fetch callers' URLs through the proxy, which then has to refuse private addresses.")
    ] = False
    https_proxy: Annotated[str | None, Meta(description="Proxy for `https` providers; default: `HTTPS_PROXY`.")] = None
    http_proxy: Annotated[str | None, Meta(description="Proxy for `http` providers; default: `HTTP_PROXY`.")] = None
    no_proxy: Annotated[str | None, Meta(description="Hosts reached without a proxy; default: `NO_PROXY`.")] = None
    ca_file: Annotated[Path | None, Meta(description="PEM file of certificate authorities to trust instead.")] = None


class Engine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How local models run."""

    default_model: Annotated[
        str, Meta(description="The weights that a first run fetches: see `modelport models list`.")
    ] = "qwen2.5-coder-0.5b-instruct"
    preload: Annotated[bool, Meta(description="Load the default model at start instead of on its first call.")] = False
    context_tokens: Annotated[Count | None, Meta(description="Context of each call; default: as the model allows.")] = (
        None
    )
    slots: Annotated[Count, Meta(description="Calls that one local model answers at the same time.")] = 2
    queue: Annotated[int, Meta(ge=0, description="Calls that may wait for a slot; more get 503.")] = 32
    threads: Annotated[
        Count | None, Meta(description="CPU threads of each local model; default: all cores but one.")
    ] = None
    resident: Annotated[Count, Meta(description="Local models kept in memory at the same time.")] = 3
    idle_s: Annotated[Positive, Meta(description="How long an unused local model stays in memory.")] = 1800.0


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings; each is a line in docs/configuration.md."""

    host: Annotated[str, Meta(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="The port to listen on; 0 picks a free one.")] = 8080
    data_dir: Annotated[Path, Meta(description="Folder of the database, weights, overlay and secret.")] = Path("data")
    public_url: Annotated[
        str | None,
        Meta(description="The root of every absolute link; default: scheme and host of the request."),
    ] = None
    trusted_proxies: Annotated[
        tuple[str, ...], Meta(description="Addresses or ranges whose `X-Forwarded-*` headers are believed.")
    ] = ()
    secret: Annotated[
        Secret | None,
        Meta(description="Secret under which keys are hashed; default: made once in the data folder."),
    ] = None
    database_url: Annotated[
        Secret | None,
        Meta(
            description="A PostgreSQL database that replicas share: `postgresql://user:password@host/name`; "
            "default: SQLite in the data folder."
        ),
    ] = None
    redis_url: Annotated[
        Secret | None,
        Meta(description="Redis or Valkey for rate limits that replicas share: `redis://host:6379/0`."),
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="How much is written to standard error.")
    ] = "info"
    server: Server = Server()
    storage: Storage = Storage()
    money: Money = Money()
    limits: Limits = Limits()
    stripe: Stripe = Stripe()
    egress: Egress = Egress()
    engine: Engine = Engine()


class SettingsInvalid(Problem):
    """A setting that cannot be read; the message names it."""


class Documented(msgspec.Struct, frozen=True):
    """One line of the table of settings."""

    variable: str
    key: str
    default: object
    description: str
    type: object


def documented() -> Iterator[Documented]:
    """List every setting: its environment variable, its key in the file, its default and what it does."""
    yield from _documented(Settings, ())


def _documented(section: type[msgspec.Struct], path: tuple[str, ...]) -> Iterator[Documented]:
    for field in msgspec.structs.fields(section):
        if field.name in SECTIONS and not path:
            yield from _documented(type(cast(msgspec.Struct, field.default)), (field.name,))
            continue
        notes = [item for item in get_args(field.type) if isinstance(item, Meta)]
        description = next((note.description for note in notes if note.description), "")
        names = (*path, field.name)
        variable = PREFIX + "_".join(names).upper()
        yield Documented(variable, ".".join(names), field.default, description, get_args(field.type)[0])


class _Source(msgspec.Struct, frozen=True):
    """Where values came from, to name the place of a wrong one."""

    keys: frozenset[str]
    """Those that the environment gave; the others came from the file, or from the command line."""
    file: Path
    inherited: Mapping[str, str]
    """Keys that were taken from the usual variables of other programs, with their names."""

    def name(self, key: str) -> str:
        """Name a setting as the operator wrote it."""
        if key in self.inherited:
            return f"setting '{key}' ({self.inherited[key]})"
        variable = PREFIX + key.replace(".", "_").upper()
        where = "" if key in self.keys or not self.file.exists() else f" in {self.file}"
        return f"setting '{key}' ({variable}){where}"


def load(
    environment: Mapping[str, str] = os.environ,
    file: Path | None = None,
    given: Mapping[str, object] | None = None,
) -> Settings:
    """Read settings: what was `given` on the command line, else the environment, else the file, else the default.

    Raises `SettingsInvalid` naming the variable or the key, what was wrong and what to do.
    """
    chosen = {name: value for name, value in (given or {}).items() if value is not None}
    variables = _from_environment(environment)
    data_dir = Path(str(chosen.get("data_dir") or variables.get("data_dir") or Settings().data_dir))
    named = file or (Path(environment[CONFIG_VARIABLE]) if environment.get(CONFIG_VARIABLE) else None)
    path = named or data_dir / FILE_NAME
    tree = _from_file(path, is_required=named is not None)
    for name, value in {**variables, **chosen}.items():
        *sections, last = name.split(".")
        target = tree
        for section in sections:
            inner = target.setdefault(section, {})
            if not isinstance(inner, dict):
                raise SettingsInvalid(f"{path}: '{section}' is a section, write [{section}]; {GUIDE}")
            target = cast(dict[str, object], inner)
        target[last] = value
    inherited = _inherit_proxies(tree, environment)
    return _converted(tree, _Source(frozenset({*variables, *chosen}), path, inherited))


def _inherit_proxies(tree: dict[str, object], environment: Mapping[str, str]) -> Mapping[str, str]:
    """Take proxies from the usual variables where no setting names one; return which were taken from where."""
    egress = tree.setdefault("egress", {})
    taken: dict[str, str] = {}
    if isinstance(egress, dict):
        section = cast(dict[str, object], egress)
        for name in ("https_proxy", "http_proxy", "no_proxy"):
            variable = name.upper() if environment.get(name.upper()) else name
            if environment.get(variable) and name not in section:
                section[name] = environment[variable]
                taken[f"egress.{name}"] = variable
    return taken


def unknown_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """List variables that look like settings and are none."""
    known = {line.variable for line in documented()} | _ALSO_KNOWN
    return sorted(
        name
        for name in environment
        if name.startswith(PREFIX) and name not in known and not name.startswith(_ALSO_KNOWN_PREFIX)
    )


def provider_secret(variable: str, environment: Mapping[str, str] = os.environ) -> Secret | None:
    """Return a provider's credential from its environment variable; None when it is unset or blank."""
    value = environment.get(variable, "").strip()
    return Secret(value) if value else None


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    known = {line.variable: line for line in documented()}
    found: dict[str, object] = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE or not value:
            continue
        if (line := known.get(variable)) is not None:
            found[line.key] = _split(value) if get_origin(line.type) is tuple else value
    return found


def _split(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def _from_file(path: Path, *, is_required: bool) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        if is_required:
            raise SettingsInvalid(f"the settings file {path} does not exist: correct {CONFIG_VARIABLE}") from None
        return {}
    except OSError as error:
        raise SettingsInvalid(f"the settings file {path} cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"the settings file {path} is not TOML: {error}") from None


def _converted(tree: Mapping[str, object], source: _Source) -> Settings:
    try:
        settings = msgspec.convert(tree, Settings, strict=False, dec_hook=_hook)
    except msgspec.ValidationError as error:
        raise SettingsInvalid(_told(str(error), tree, source)) from None
    _check(settings, source)
    # Parts of it are handed to programs that run elsewhere, such as pip.
    return msgspec.structs.replace(settings, data_dir=settings.data_dir.absolute())


def _told(error: str, tree: Mapping[str, object], source: _Source) -> str:
    """Turn the decoder's message into ours."""
    what, _, where = error.partition(" - at `$.")
    what, key = what.removesuffix(" - at `$`"), where.rstrip("`").partition("[")[0]
    if (unknown := _UNKNOWN_KEY.fullmatch(what)) is not None:
        name = ".".join(filter(None, (key, unknown[1])))
        near = difflib.get_close_matches(name, [line.key for line in documented()], 1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        return f"{source.file}: there is no setting '{name}'; {hint}{GUIDE[0].upper()}{GUIDE[1:]}"
    line = next((line for line in documented() if line.key == key), None)
    if line is None:
        return f"{source.file}: '{key}' is a section, write [{key}]; {GUIDE}"
    expected = f"one of {type_name(line.type)}" if get_origin(line.type) is Literal else type_name(line.type)
    if line.key == "egress.ports":
        expected = "list of ports from 1 to 65535"
    elif (bound := _BOUND.search(what)) is not None:
        expected = f"{expected} {_BOUNDS[bound[1]]} {bound[2].removesuffix('.0')}"
    received = "" if line.type is Secret else f", received {_shown(_value_at(tree, key))}"
    return f"{source.name(key)}: expected {expected.replace('`', '')}{received}; {GUIDE}"


_UNKNOWN_KEY = re.compile(r"Object contains unknown field `(.+)`")
_BOUND = re.compile(r"(>=|<=|>|<) (-?[0-9.]+)`?$")
_BOUNDS = {">=": "at least", "<=": "at most", ">": "above", "<": "below"}


def _value_at(tree: Mapping[str, object], key: str) -> object:
    found: object = tree
    for name in key.split("."):
        found = cast(Mapping[str, object], found).get(name) if isinstance(found, dict) else None
    return found


def _shown(value: object) -> str:
    text = msgspec.json.encode(value, enc_hook=str).decode()
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


_SHOWN_MAX = 100


def _check(settings: Settings, source: _Source) -> None:
    """Raise `SettingsInvalid` for a value that has the right type and still cannot work."""
    for line in documented():
        check = _CHECKS.get(line.key)
        value: object = settings
        for name in line.key.split("."):
            value = getattr(value, name)
        if check is None or value is None or (fault := check(value)) is None:
            continue
        received = "" if line.key in _SECRET_KEYS else f", received {_shown(value)}"
        raise SettingsInvalid(f"{source.name(line.key)}: expected {fault}{received}; {GUIDE}")


def _public_url(value: str) -> str | None:
    """A path is allowed: a gateway may be one part of a site."""
    expected = "an address such as https://models.example.com, without query and fragment"
    try:
        parts = urlsplit(value)
        is_fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return expected
    is_bare = not any(mark in value for mark in "?#@") and value.isascii() and value.isprintable() and " " not in value
    return None if is_fine and is_bare else expected


def _networks(values: tuple[str, ...]) -> str | None:
    for value in values:
        try:
            ip_network(value, strict=False)
        except ValueError:
            return f"addresses or ranges such as 10.0.0.0/8 ('{value[:_SHOWN_MAX]}' is none)"
    return None


def _database_url(value: Secret) -> str | None:
    is_fine = value.reveal().partition("://")[0] in ("postgresql", "postgres")
    return None if is_fine else "an address such as postgresql://user:password@host:5432/name"


def _redis_url(value: Secret) -> str | None:
    is_fine = value.reveal().partition("://")[0] in ("redis", "rediss", "unix")
    return None if is_fine else "an address such as redis://host:6379/0"


def _proxy(value: str) -> str | None:
    try:
        parse_proxies(value, None, None)
    except ValueError:
        return "an address such as http://proxy.example.com:3128 (TLS to a proxy is not spoken)"
    return None


def _ca_file(value: Path) -> str | None:
    try:
        ssl.create_default_context(cafile=value)
    except (OSError, ssl.SSLError) as error:
        return f"a readable PEM file of certificates ({error.strerror or error})"
    return None


def _amount(value: str) -> str | None:
    try:
        amount = Decimal(value)
        is_fine = 0 <= amount <= CREDIT_MAX_USD
        from_usd(amount)
    except (InvalidOperation, ValueError):
        is_fine = False
    return None if is_fine else f"an amount in US dollars such as 5 or 0.25, at most {CREDIT_MAX_USD}"


def _origin(value: str) -> str | None:
    return None if _ORIGIN.fullmatch(value) else "* or an origin such as https://app.example.com"


_ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[A-Za-z0-9.:_\[\]-]+")
_SECRET_KEYS = frozenset({"egress.https_proxy", "egress.http_proxy", "database_url", "redis_url"})
_CHECKS: Mapping[str, Callable[[Any], str | None]] = {
    "public_url": _public_url,
    "trusted_proxies": _networks,
    "server.cors_origin": _origin,
    "money.first_credit_usd": _amount,
    "money.free_usd_per_hour": _amount,
    "stripe.least_usd": _amount,
    "stripe.most_usd": _amount,
    "stripe.base_url": _public_url,
    "database_url": _database_url,
    "redis_url": _redis_url,
    "egress.allow": _networks,
    "egress.https_proxy": _proxy,
    "egress.http_proxy": _proxy,
    "egress.ca_file": _ca_file,
}
"""What a value must be beyond its type: each returns what was expected, or None."""


def _hook(kind: type, value: object) -> object:
    if kind is Path or kind is Secret:
        return kind(str(value))
    raise NotImplementedError(kind)


def type_name(kind: object) -> str:
    """Print a setting's type for people."""
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(type_name(item) for item in get_args(kind) if item is not type(None))
    if get_origin(kind) is Annotated:
        return type_name(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return ", ".join(f"`{item}`" for item in get_args(kind))
    if get_origin(kind) is tuple:
        return "list"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path", Secret: "secret"}
    return names[cast(type, kind)]
