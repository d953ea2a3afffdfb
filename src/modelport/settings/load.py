"""Settings: environment variables and one TOML file. The one place that reads the environment."""

import os
import re
import tomllib
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Union, cast, get_args, get_origin

import msgspec
from msgspec import Meta

from modelport.core.errors import Problem, Secret
from modelport.core.spelling import likest
from modelport.settings.checks import CHECKS, SECRET_KEYS, SHOWN_MAX
from modelport.settings.sections import Settings

PREFIX = "MODELPORT_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
FILE_NAME = "modelport.toml"
SECTIONS = ("server", "storage", "money", "limits", "stripe", "egress", "assets", "engine")

GUIDE = "see docs/configuration.md"
_ALSO_KNOWN = frozenset({CONFIG_VARIABLE, f"{PREFIX}KEY", f"{PREFIX}URL"})
"""Variables that are no settings: the guides and scripts of callers use them."""
_ALSO_KNOWN_PREFIX = f"{PREFIX}TEST_"


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
        settings = msgspec.convert(tree, Settings, strict=False, dec_hook=from_text)
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
        near = likest(name, (line.key for line in documented()))
        hint = "" if near is None else f"did you mean '{near}'? "
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
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


def _check(settings: Settings, source: _Source) -> None:
    """Raise `SettingsInvalid` for a value that has the right type and still cannot work."""
    for line in documented():
        check = CHECKS.get(line.key)
        value: object = settings
        for name in line.key.split("."):
            value = getattr(value, name)
        if check is None or value is None or (fault := check(value)) is None:
            continue
        received = "" if line.key in SECRET_KEYS else f", received {_shown(value)}"
        raise SettingsInvalid(f"{source.name(line.key)}: expected {fault}{received}; {GUIDE}")


def from_text(kind: type, value: object) -> object:
    """Make a value of a type that TOML and JSON do not know."""
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
