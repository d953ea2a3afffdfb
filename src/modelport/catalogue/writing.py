"""Writes a provider's file, as an operator would."""

import json
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sale:
    """A model that a provider sells."""

    model: str
    upstream: str
    is_new: bool
    """Whether the catalogue does not know it, so that it is described too."""
    operation: str = "chat"


@dataclass(frozen=True, slots=True)
class NewProvider:
    """What is written of a provider."""

    name: str
    base_url: str
    maker: str
    scheme: str = "none"
    env: str = ""
    speaks: tuple[tuple[str, str], ...] = (("chat", "openai_chat"),)
    priority: int | None = None
    price: str = 'price = "unknown"'
    """The line of each offer that says what it costs."""
    sales: Sequence[Sale] = ()


def provider_toml(new: NewProvider) -> str:
    """Write the file; every offer at the same price."""
    auth = f"{{ scheme = {_text(new.scheme)}, env = {_text(new.env)} }}" if new.env else '{ scheme = "none" }'
    speaks = ", ".join(f"{operation} = {_text(dialect)}" for operation, dialect in new.speaks)
    lines = [
        f"name     = {_text(new.name)}",
        f"base_url = {_text(new.base_url)}",
        f"auth     = {auth}",
        f"speaks   = {{ {speaks} }}",
    ]
    if new.priority is not None:
        lines.append(f"priority = {new.priority}")
    return "\n".join(lines) + "\n" + sales_toml(new.sales, new.maker, new.price)


def sales_toml(sales: Sequence[Sale], maker: str, price: str) -> str:
    """Write what stands at the end of a provider's file: models that are new, and offers at one price."""
    lines: list[str] = []
    for sale in sorted(sales, key=lambda one: one.model):
        if sale.is_new:
            lines += ["", "[[models]]", f"id        = {_text(sale.model)}", f"name      = {_text(sale.upstream)}"]
            lines += [f"maker     = {_text(maker)}", f"operation = {_text(sale.operation)}"]
        lines += ["", "[[offers]]", f"model    = {_text(sale.model)}", f"upstream = {_text(sale.upstream)}", price]
    return "".join(f"{line}\n" for line in lines)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
