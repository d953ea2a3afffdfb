"""Which wire formats of media are called, each loaded when it is first spoken."""

from functools import cache
from importlib import import_module
from typing import Protocol, cast

from modelport.catalogue.facts import Dialect
from modelport.dialects.media.wire import MediaDialect

EDITING: frozenset[Dialect] = frozenset({"openai_images"})
"""Those in which pictures can be changed that are sent as files."""


class _Module(Protocol):
    CALLED: MediaDialect


@cache
def media_dialect(dialect: Dialect) -> MediaDialect:
    """Return a wire format of media."""
    return cast("_Module", import_module(f"modelport.dialects.media.{dialect}")).CALLED
