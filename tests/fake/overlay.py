"""Catalogue files that point Modelport at the fake.

`write_overlay` writes one provider of chat completions, `fake`, with the models `fake/echo`, `fake/meter`, … and the
faults as `fault/429`, …. `write_formats` writes one provider for each further format, with the same models and faults:

- `fake-messages` speaks Anthropic Messages: `fake-messages/echo`, …, `fake-messages/fault/429`, ….
- `fake-responses` speaks OpenAI Responses: `fake-responses/echo`, …, `fake-responses/fault/429`, ….
- `fake-gemini` speaks Gemini: `fake-gemini/echo`, …, `fake-gemini/fault/429`, …; and Google's embeddings:
  `fake-gemini/embedding`.
- `fake-embeddings` speaks OpenAI's embeddings: `fake-embeddings/small` (sizes can be chosen), `fake-embeddings/old`
  (they cannot), `fake-embeddings/fault/429`, ….
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.fake.faults import FAULTS, PREFIX, STREAM_ONLY
from tests.fake.media.table import PREFIXES
from tests.fake.vendors import VENDORS

KEY_ENV = "FAKE_API_KEY"
"""The environment variable that holds the fake's key: anything that starts with `sk-fake`."""

MODELS: dict[str, tuple[str, str]] = {
    "echo": ("0.5", "1.5"),
    "meter": ("0", "500"),
    "meter-half": ("0", "500"),
    "cached": ("0.5", "1.5"),
    "thinker": ("0.5", "1.5"),
    "redacted": ("0.5", "1.5"),
    "refuser": ("0.5", "1.5"),
    "searcher": ("0.5", "1.5"),
    "slow-20": ("0.5", "1.5"),
    "late-200": ("0.5", "1.5"),
    "pieces-200": ("0.5", "1.5"),
}
"""Models offered as `fake/<name>`, with dollars per million tokens in and out: "0.5" is one credit a token."""

_FAULT_PRICE = ("0.5", "1.5")


def write_overlay(
    folder: Path,
    base_url: str,
    *,
    vendor: str = "openai",
    provider: str = "fake",
    models: Mapping[str, tuple[str, str]] = MODELS,
    faults: Iterable[str] = FAULTS,
    first_byte_s: float | None = None,
    idle_s: float | None = None,
    extra: str = "",
) -> Path:
    """Write `<provider>.toml` into an operator's catalogue folder: a provider that is the fake, its models and prices.

    `base_url` is the fake's own; it is asked as `vendor`. `extra` is TOML for the provider, such as its quirks.
    """
    limits = {"first_byte_s": first_byte_s, "idle_s": idle_s}
    offered = {f"{provider}/{name}": (name, price) for name, price in models.items()}
    offered |= {PREFIX + name: (PREFIX + name, _FAULT_PRICE) for name in faults}
    speaking = _Speaking(vendor, 'chat = "openai_chat"', "bearer")
    return _write(folder, provider, base_url, speaking, limits, extra, {"chat": offered})


@dataclass(frozen=True, slots=True)
class _Speaking:
    """What a provider speaks, played by which vendor, and how it knows us."""

    vendor: str
    speaks: str
    scheme: str


_FORMATS: dict[str, _Speaking] = {
    "fake-messages": _Speaking("anthropic", 'chat = "anthropic_messages"', "x-api-key"),
    "fake-responses": _Speaking("openai", 'chat = "openai_responses"', "bearer"),
    "fake-gemini": _Speaking("gemini", 'chat = "google_gemini", embeddings = "google_embeddings"', "x-goog-api-key"),
    "fake-embeddings": _Speaking("openai", 'embeddings = "openai_embeddings"', "bearer"),
}
"""The providers of `write_formats`."""

FORMATS: tuple[str, ...] = tuple(_FORMATS)

_EMBEDDERS: dict[str, dict[str, str]] = {
    "fake-gemini": {"embedding": "gemini-embedding-001"},
    "fake-embeddings": {"small": "text-embedding-3-small", "old": "text-embedding-ada-002"},
}
"""The models that embed: under which name, and the vendor's own."""


def write_formats(
    folder: Path,
    base_url: str,
    *,
    models: Mapping[str, tuple[str, str]] = MODELS,
    faults: Iterable[str] = FAULTS,
    first_byte_s: float | None = None,
    idle_s: float | None = None,
    extra: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write a provider for each format beyond chat completions, with these models; `extra` is by provider."""
    limits = {"first_byte_s": first_byte_s, "idle_s": idle_s}
    named = tuple(faults)
    written: list[Path] = []
    for provider, speaking in _FORMATS.items():
        embedders = _EMBEDDERS.get(provider, {})
        embedded = {f"{provider}/{name}": (upstream, ("0.5", "0")) for name, upstream in embedders.items()}
        if "chat" in speaking.speaks:
            offered = {f"{provider}/{name}": (name, price) for name, price in models.items()}
            # Gemini's names stand in a path: one with a slash is written out.
            start = "models/" if provider == "fake-gemini" else ""
            offered |= {f"{provider}/{PREFIX}{name}": (start + PREFIX + name, _FAULT_PRICE) for name in named}
        else:
            shown = (name for name in named if name not in STREAM_ONLY)
            embedded |= {f"{provider}/{PREFIX}{name}": (PREFIX + name, ("0.5", "0")) for name in shown}
            offered = {}
        sold = {"chat": offered, "embeddings": embedded}
        written.append(_write(folder, provider, base_url, speaking, limits, (extra or {}).get(provider, ""), sold))
    return written


def _write(
    folder: Path,
    provider: str,
    base_url: str,
    speaking: _Speaking,
    limits: Mapping[str, float | None],
    extra: str,
    sold: Mapping[str, Mapping[str, tuple[str, tuple[str, str]]]],
) -> Path:
    """Write one provider: `sold` are its models by operation, each with the fake's name of it and its prices."""
    lines = [
        f'name     = "{provider}"',
        f'base_url = "{base_url}{VENDORS[speaking.vendor].prefix}"',
        f'auth     = {{ scheme = "{speaking.scheme}", env = "{KEY_ENV}" }}',
        f"speaks   = {{ {speaking.speaks} }}",
    ]
    given = ", ".join(f"{name} = {seconds}" for name, seconds in limits.items() if seconds is not None)
    if given:
        lines.append(f"timeouts = {{ {given} }}")
    lines.append(extra)
    every = [(model, operation, *told) for operation, offered in sold.items() for model, told in offered.items()]
    for model, operation, upstream, price in sorted(every):
        lines.append(_model(model, provider, operation))
        lines.append(_offer(model, upstream, price, operation))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{provider}.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_redirects(folder: Path, base_url: str, vendors: Mapping[str, str]) -> None:
    """Send providers of the catalogue to the fake: each provider's id, and the vendor that plays it."""
    folder.mkdir(parents=True, exist_ok=True)
    for provider, vendor in vendors.items():
        text = f'base_url = "{base_url}{VENDORS[vendor].prefix}"\n'
        (folder / f"{provider}.toml").write_text(text, encoding="utf-8")


def write_media_redirects(folder: Path, base_url: str, only: Collection[str] = ()) -> frozenset[str]:
    """Send the providers of media to the fake, or `only` some of them; return their ids."""
    folder.mkdir(parents=True, exist_ok=True)
    told: set[str] = set()
    for prefix in (*PREFIXES, COMPATIBLE):
        provider = prefix.strip("/").partition("/")[0]
        if only and provider not in only:
            continue
        place = {"dashscope": COMPATIBLE, "google-documentai": PROCESSOR}.get(provider, prefix)
        (folder / f"{provider}.toml").write_text(f'base_url = "{base_url}{place}"\n', encoding="utf-8")
        told.add(provider)
    return frozenset(told)


COMPATIBLE = "/dashscope/compatible-mode/v1"
"""Where DashScope's provider stands; its pictures are asked for beside it."""
PROCESSOR = "/google-documentai/v1/projects/p/locations/eu/processors/x/processorVersions"
"""A processor of Google's Document AI."""


def _model(model: str, provider: str, operation: str) -> str:
    more = "output_tokens = 64000\n" if provider == "fake-messages" else ""
    if operation == "embeddings" and not model.endswith("/old"):
        more = 'capabilities = ["dimensions"]\n'
    elif model.endswith(("/thinker", "/redacted")):
        more += 'capabilities = ["reasoning"]\n'
    return f"""
[[models]]
id          = "{model}"
name        = "{model}"
maker       = "{provider}"
operation   = "{operation}"
description = "Plays a part in tests."
{more}"""


def _offer(model: str, upstream: str, price: tuple[str, str], operation: str) -> str:
    output = f', output = "{price[1]}"' if operation == "chat" else ""
    return f"""[[offers]]
model    = "{model}"
upstream = "{upstream}"
rates    = [{{ from = 2026-01-01, input = "{price[0]}"{output} }}]
"""
