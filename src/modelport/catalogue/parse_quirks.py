"""Reads how a provider's form of a dialect differs."""

import json
import re
from collections.abc import Mapping
from datetime import date, time

from modelport.catalogue.drafts import QuirksDraft
from modelport.catalogue.forms import (
    CHECKS,
    FIELD,
    FIELD_FORM,
    MEMBER_FORM,
    REASONING,
    SCHEMA_AS,
    SEARCH,
    TOOL_SCHEMAS,
)
from modelport.catalogue.table import Table

ALWAYS = "always"
_HEADER_FORBIDDEN = {
    "authorization",
    "x-api-key",
    "x-goog-api-key",
    "api-key",
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
}
_PATH = r"(/[A-Za-z0-9._~-]+)+"
_PATH_FORM = 'a path below the base address, as in "/completions"'


def parse_quirks(parent: Table) -> QuirksDraft:
    """Read `quirks` of a provider or an offer."""
    table = parent.table("quirks")
    if table is None:
        return QuirksDraft()
    headers = table.mapping("headers")
    for name in headers or {}:
        if name.lower() in _HEADER_FORBIDDEN or not name.replace("-", "").isalnum():
            table.fault("headers", f"'{name}' cannot be set", "remove it; credentials belong in `auth`")
    draft = QuirksDraft(
        rename=table.mapping("rename"),
        drop=table.texts("drop", pattern=FIELD, form=FIELD_FORM),
        accept=table.texts("accept", pattern=FIELD, form=FIELD_FORM),
        accept_unknown=table.flag("accept_unknown"),
        headers=headers,
        stream_usage=table.flag("stream_usage"),
        developer_role=table.flag("developer_role"),
        cancel_on_disconnect=table.flag("cancel_on_disconnect"),
        choices=table.flag("choices"),
        message_names=table.flag("message_names"),
        prefix=table.text("prefix", pattern=FIELD, form=MEMBER_FORM),
        clamp=_clamp(table),
        reasoning_field=table.text("reasoning_field", pattern=FIELD, form=MEMBER_FORM),
        reasoning=_form(table, "reasoning", REASONING),
        search=_form(table, "search", SEARCH),
        checks=table.choices("checks", CHECKS),
        schema_as=_form(table, "schema_as", SCHEMA_AS),
        stream_only=_stream_only(table),
        set=_values(table, "set"),
        tool_schemas=_form(table, "tool_schemas", TOOL_SCHEMAS),
        fill_path=table.text("fill_path", pattern=_PATH + "|", form=_PATH_FORM),
    )
    table.close()
    return draft


def _form(table: Table, key: str, allowed: tuple[str, ...]) -> str | None:
    """Read one of the forms of a quirk; the empty one takes back what lies below and is not offered as a word."""
    return "" if table.text(key) == "" else table.choice(key, tuple(word for word in allowed if word))


def _clamp(quirks: Table) -> dict[str, str] | None:
    table = quirks.table("clamp")
    if table is None:
        return None
    most = {name: table.decimal(name, "the most that it may be") for name in table.values}
    return {name: f"{value:f}" for name, value in most.items() if value is not None}


def _stream_only(quirks: Table) -> dict[str, str] | None:
    values = _values(quirks, "stream_only")
    if values is not None and values.get(ALWAYS, "true") != "true":
        quirks.fault("stream_only", f"'{ALWAYS}' is {values[ALWAYS]}", f"write {ALWAYS} = true or remove it")
    return values


def _values(quirks: Table, key: str) -> dict[str, str] | None:
    """Read a table of values of any kind that JSON has, as JSON."""
    table = quirks.table(key)
    if table is None:
        return None
    for name in table.values:
        if not re.fullmatch(FIELD, name):
            table.fault(name, f"'{name}' is not {FIELD_FORM}", "correct it")
        elif _has_moment(table.values[name]):
            table.fault(name, "is a date or time, which a request cannot hold", "write it as text")
    return {
        name: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        for name, value in table.values.items()
        if not _has_moment(value)
    }


def _has_moment(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_moment, value.values()))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    if isinstance(value, list):
        return any(map(_has_moment, value))  # pyright: ignore[reportUnknownArgumentType]
    return isinstance(value, date | time)
