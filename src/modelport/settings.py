"""Settings: environment variables and one TOML file. The one place that reads the environment."""

import os
import tomllib
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Union, cast, get_args, get_origin

import msgspec
from msgspec import Meta

from modelport.core.errors import Problem, Secret

PREFIX = "MODELPORT_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
FILE_NAME = "modelport.toml"
SECTIONS = ("server", "storage", "money", "egress", "engine")

Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]


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


class Storage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where things are kept."""

    durability: Annotated[
        Literal["process", "power"],
        Meta(description="What a committed charge survives: the death of the process, or loss of power too (slower)."),
    ] = "process"


class Money(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How calls are held and billed."""

    hold_wait_s: Annotated[
        Positive, Meta(description="How long a call waits for money that other calls of the account still hold.")
    ] = 10.0
    drain_s: Annotated[
        Positive, Meta(description="How long an answer is read on after its caller has left, to bill it right.")
    ] = 120.0
    first_credit_usd: Annotated[str, Meta(description="Starting balance of the account that a first run makes.")] = "5"


class Egress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How requests go out."""

    allow: Annotated[
        tuple[str, ...],
        Meta(description="Address ranges that callers' URLs may point to although they are not public (CIDR)."),
    ] = ()
    ports: Annotated[tuple[int, ...], Meta(description="Ports that callers' URLs may name.")] = (80, 443)
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
    resident: Annotated[Count, Meta(description="Local models kept in memory at the same time.")] = 2
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
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="How much is written to standard error.")
    ] = "info"
    server: Server = Server()
    storage: Storage = Storage()
    money: Money = Money()
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
    tree = _from_file(named or data_dir / FILE_NAME, is_required=named is not None)
    for name, value in {**variables, **chosen}.items():
        *path, last = name.split(".")
        target = tree
        for part in path:
            target = cast(dict[str, object], target.setdefault(part, {}))
        target[last] = value
    egress = cast(dict[str, object], tree.setdefault("egress", {}))
    for name in ("https_proxy", "http_proxy", "no_proxy"):
        inherited = environment.get(name.upper()) or environment.get(name)
        if inherited and name not in egress:
            egress[name] = inherited
    return _converted(tree)


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
    except FileNotFoundError:
        if is_required:
            raise SettingsInvalid(f"the settings file {path} does not exist: correct {CONFIG_VARIABLE}") from None
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"the settings file {path} is not TOML: {error}") from None


def _converted(tree: Mapping[str, object]) -> Settings:
    try:
        settings = msgspec.convert(tree, Settings, strict=False, dec_hook=_hook)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        key = where.rstrip("`") or "settings"
        variable = PREFIX + key.replace(".", "_").upper()
        raise SettingsInvalid(f"setting '{key}' ({variable}): {what}; see docs/configuration.md") from None
    # Parts of it are handed to programs that run elsewhere, such as pip.
    return msgspec.structs.replace(settings, data_dir=settings.data_dir.absolute())


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
    names = {str: "text", int: "whole number", float: "number", bool: "yes/no", Path: "path", Secret: "secret"}
    return names[cast(type, kind)]
