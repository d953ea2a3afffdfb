"""The real catalogue, as pages show it to a reader whose gateway is at `ROOT`."""

from functools import cache
from pathlib import Path

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Model
from modelport.catalogue.load import load
from modelport.console.site import Console
from modelport.core.clock import SystemClock
from modelport.routing.router import Router

ROOT = "http://gateway.example:8080"
NAMED = ("gpt-4o", "deepseek/deepseek-v3.2-speciale", "openai/gpt-image-1")
CONFIGURED = frozenset({"openai", "anthropic"})


@cache
def catalogue() -> Catalogue:
    """Load the catalogue that comes with the product."""
    return load(Path("no-overlay"), None, environ={})


def some_models() -> list[Model]:
    """Take every tenth model, and one of each kind of thing that is asked for at the same paths."""
    kinds = {(model.operation, model.endpoints): model for model in catalogue().models()}
    return [
        *{
            model.id: model for model in (*catalogue().models()[::10], *kinds.values(), *map(catalogue().find, NAMED))
        }.values()
    ]


@cache
def console() -> Console:
    """Make pages of it, with two providers configured; the pages are kept for all tests."""
    return fresh_console()


def fresh_console() -> Console:
    """Make pages of it anew."""
    router = Router(catalogue(), CONFIGURED)
    return Console(lambda: router, SystemClock())
