"""Catalogue files that point Modelport at the fake."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.fake.faults import FAULTS, PREFIX
from tests.fake.vendors import VENDORS

KEY_ENV = "FAKE_API_KEY"
"""The environment variable that holds the fake's key: anything that starts with `sk-fake`."""

MODELS: dict[str, tuple[str, str]] = {
    "echo": ("0.5", "1.5"),
    "meter": ("0", "500"),
    "meter-half": ("0", "500"),
    "cached": ("0.5", "1.5"),
    "thinker": ("0.5", "1.5"),
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
    lines = [
        f'name     = "{provider}"',
        f'base_url = "{base_url}{VENDORS[vendor].prefix}"',
        f'auth     = {{ scheme = "bearer", env = "{KEY_ENV}" }}',
        'speaks   = { chat = "openai_chat" }',
    ]
    limits = {"first_byte_s": first_byte_s, "idle_s": idle_s}
    given = ", ".join(f"{name} = {seconds}" for name, seconds in limits.items() if seconds is not None)
    if given:
        lines.append(f"timeouts = {{ {given} }}")
    lines.append(extra)
    offered = {f"{provider}/{name}": (name, price) for name, price in models.items()}
    offered |= {PREFIX + name: (PREFIX + name, _FAULT_PRICE) for name in faults}
    for model, (upstream, price) in sorted(offered.items()):
        lines.append(_model(model, provider))
        lines.append(_offer(model, upstream, price))
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


def _model(model: str, provider: str) -> str:
    return f"""
[[models]]
id          = "{model}"
name        = "{model}"
maker       = "{provider}"
operation   = "chat"
description = "Plays a part in tests."
"""


def _offer(model: str, upstream: str, price: tuple[str, str]) -> str:
    return f"""[[offers]]
model    = "{model}"
upstream = "{upstream}"
rates    = [{{ from = 2026-01-01, input = "{price[0]}", output = "{price[1]}" }}]
"""
