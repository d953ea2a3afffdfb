"""What the Python programs share: where to call, whom to ask, and one line of JSON for each scenario that was run."""

import asyncio
import base64
import inspect
import io
import json
import os
import struct
import sys
import traceback
import urllib.request
from collections.abc import Callable, Iterable
from typing import Any

URL = os.environ["MODELPORT_URL"]
KEY = os.environ["MODELPORT_KEY"]
POOR_KEY = os.environ["MODELPORT_POOR_KEY"]
MODELS: dict[str, str] = json.loads(os.environ["MODELPORT_MODELS"])
"""Models by what they are for: one for each format that a provider speaks, `thinking:FORMAT`, `image`, …"""
FORMATS: list[str] = json.loads(os.environ["MODELPORT_FORMATS"])

HELLO = "ahoy there"
BOTH_TOOLS = "Ask get_weather and get_tide about the harbour."
ONE_TOOL = "Ask get_weather about the harbour."
LOOK = "What is on it?"
THINKING: dict[str, Any] = {"type": "enabled", "budget_tokens": 1024}
"""Asks for thoughts, and to see them."""
LONG = "ahoy " + " ".join(f"port{number}" for number in range(40))
"""More than the smallest limit that every provider takes."""
SYSTEM = "You are a harbour pilot."
WEATHER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}
TIDE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"harbour": {"type": "string"}, "hour": {"type": "integer"}},
    "required": ["harbour", "hour"],
    "additionalProperties": False,
}
SCHEMAS = {"get_weather": WEATHER_SCHEMA, "get_tide": TIDE_SCHEMA}
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
"""A PNG of one pixel in base64."""
SAID = "Hello there."
SOUND = (b"\xff\xfb\x90\x64" + bytes(413)) * 8
"""A fifth of a second of nothing, as MP3."""
WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "authentication": ("sk-nobody", {}),
    "not_found": (KEY, {"model": "fake/ecko"}),
    "bad_request": (KEY, {"temperature": 3.5}),
    "permission": (POOR_KEY, {}),
    "rate_limit": (KEY, {"model": "fault/429"}),
}
"""What goes wrong, by the name that clients have for it: the key of the call, and what is changed in it."""

_scenarios: dict[str, Callable[[], Any]] = {}


def scenario(function: Callable[[], Any]) -> Callable[[], Any]:
    """Run a function as the scenario of its name; what it returns is the detail."""
    _scenarios[function.__name__] = function
    return function


def per_format(function: Callable[[str], Any]) -> Callable[[str], Any]:
    """Run a function once for each format that a provider may speak, with the model of it."""
    for name in FORMATS:
        _scenarios[f"{function.__name__}[{name}]"] = lambda name=name: function(MODELS[name])
    return function


def per_thinking_model(function: Callable[[str], Any]) -> Callable[[str], Any]:
    """Run a function once for each format, with a model that reasons."""
    for name in FORMATS:
        _scenarios[f"{function.__name__}[{name}]"] = lambda name=name: function(MODELS[f"thinking:{name}"])
    return function


def file_of(data: bytes, name: str) -> io.BytesIO:
    """Make a file with a name, as clients are handed one."""
    file = io.BytesIO(data)
    file.name = name
    return file


def fetched(link: str) -> bytes:
    """Read what a link leads to, without a key."""
    with urllib.request.urlopen(link, timeout=60) as answer:
        return answer.read()


def size_of(picture: bytes | str) -> list[int]:
    """Return width and height of a PNG, which may be in base64."""
    data = base64.b64decode(picture) if isinstance(picture, str) else picture
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError(f"no PNG: {data[:20]!r}")
    return list(struct.unpack(">II", data[16:24]))


def told(name: str, arguments: dict[str, Any]) -> str:
    """Do what a tool does."""
    return json.dumps({"tool": name, "for": sorted(arguments), "degrees": 7})


def raised(kinds: type[Exception] | tuple[type[Exception], ...], call: Callable[[str, dict[str, Any]], Any]) -> Any:
    """Provoke each of `WRONG` and say which exception came, with its status and code."""
    seen: dict[str, Any] = {}
    for name, (key, changes) in WRONG.items():
        try:
            call(key, changes)
        except kinds as error:
            seen[name] = {"kind": type(error).__name__, "status": getattr(error, "status_code", None)}
            seen[name] |= {"message": str(error)}
        else:
            seen[name] = None
    return seen


def main(only: Iterable[str] = sys.argv[1:]) -> None:
    """Run the scenarios, all or those whose name starts with one that is given, and print what came of each."""
    starts = tuple(only) or ("",)
    for name, work in _scenarios.items():
        if name.startswith(starts):
            sys.stdout.write(json.dumps({"scenario": name, **outcome(work)}, default=repr) + "\n")
            sys.stdout.flush()


def outcome(work: Callable[[], Any]) -> dict[str, Any]:
    """Run one scenario; whatever it raises is its outcome too."""
    try:
        detail = work()
        if inspect.isawaitable(detail):
            detail = asyncio.run(_awaited(detail))
    except Exception:  # noqa: BLE001 (a scenario that fails is told, and the next one runs)
        return {"ok": False, "detail": traceback.format_exc()[-4000:]}
    return {"ok": True, "detail": detail}


async def _awaited(detail: Any) -> Any:
    return await detail
