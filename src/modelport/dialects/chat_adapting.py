"""Bringing fields of a chat call into the form of a provider whose words differ: reasoning, search, schemas."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from modelport.catalogue.facts import Quirks
from modelport.dialects import reasoning, web_search
from modelport.dialects.chat_node import Node
from modelport.dialects.chat_rewrite import with_instruction
from modelport.dialects.holding import schema_prompt
from modelport.dialects.tool_schemas import SchemaRefused, rewrite
from modelport.dialects.wire import NotExpressible
from modelport.operations.conversation import AnswerFormat

CONTROLS = reasoning.WORDS | web_search.WORDS | {"response_format", "normalize_tool_schemas"}
"""Fields that may have to be written otherwise; a call without them is left alone."""
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_LIST = msgspec.json.Decoder(list[dict[str, Raw]])


class Adapted(Struct):
    """Fields in a provider's form."""

    fields: dict[str, bytes]
    granted: set[str] = msgspec.field(default_factory=set[str])
    """Fields that the provider takes whatever its lists say, since they were written for it."""
    dropped: list[str] = msgspec.field(default_factory=list[str])


def adapted(fields: Mapping[str, bytes], quirks: Quirks, provider: str) -> Adapted:
    """Write the controls among the fields of a call in a provider's form."""
    changed = Adapted(dict(fields))
    if not reasoning.WORDS.isdisjoint(fields):
        _reason(changed, quirks)
    if quirks.search and not web_search.WORDS.isdisjoint(fields):
        _search(changed, quirks)
    if quirks.schema_as and "response_format" in fields:
        _schema(changed, quirks)
    if quirks.tool_schemas and "tools" in fields:
        _tools(changed, quirks, provider)
    changed.fields.pop("normalize_tool_schemas", None)
    return changed


def _reason(changed: Adapted, quirks: Quirks) -> None:
    fields, form = changed.fields, reasoning.form_of(quirks)
    if reasoning.is_native(fields, quirks):
        changed.granted |= reasoning.words_of(form) & fields.keys()
        return
    told = reasoning.read(fields)
    asked = [name for name in fields if name in reasoning.WORDS]
    if told is None or (form == "none" and quirks.reasoning != "none"):
        return  # The lists of the provider say what is left out.
    written, is_all = reasoning.written(told, form)
    for name in asked:
        del fields[name]
    fields.update(written)
    changed.granted |= written.keys()
    if not is_all:
        changed.dropped.extend(asked)


def _search(changed: Adapted, quirks: Quirks) -> None:
    fields = changed.fields
    if web_search.is_native(fields, quirks.search):
        changed.granted |= web_search.WORDS & fields.keys()
        return
    given = [name for name in fields if name in web_search.WORDS]
    asked = web_search.read(fields, None)
    written = web_search.written(asked, quirks.search)
    for name in given:
        del fields[name]
    if written is None:
        changed.dropped.extend(given)
        return
    fields.update(written.fields)
    changed.granted |= written.fields.keys()
    if written.tools:
        tools = msgspec.json.decode(fields.get("tools", b"[]"), type=list[Raw])
        fields["tools"] = msgspec.json.encode([*tools, *written.tools])
    if not written.is_all:
        changed.dropped.extend(given)


def _schema(changed: Adapted, quirks: Quirks) -> None:
    """Ask in words for what the provider cannot be asked for by a schema."""
    fields = changed.fields
    node = Node.of(fields["response_format"], "response_format")
    kind = node.needed("type")
    if kind == "json_schema":
        inner = node.needed_node("json_schema")
        form = AnswerFormat(
            "json_schema", inner.needed("name"), inner.raw("schema"), description=inner.text("description")
        )
    elif kind == "json_object" and quirks.schema_as == "prompt":
        form = AnswerFormat("json_object")
    else:
        return
    if quirks.schema_as == "json_object":
        fields["response_format"] = b'{"type":"json_object"}'
    else:
        del fields["response_format"]
    fields["messages"] = with_instruction(fields["messages"], schema_prompt(form))


def _tools(changed: Adapted, quirks: Quirks, provider: str) -> None:
    tools = _LIST.decode(changed.fields["tools"])
    for index, tool in enumerate(tools):
        function = _OBJECT.decode(tool.get("function", Raw(b"{}")))
        schema = bytes(function.get("parameters", Raw(b"")))
        if not schema or not quirks.tool_schemas:
            continue
        try:
            function["parameters"] = Raw(rewrite(schema, quirks.tool_schemas))
        except SchemaRefused as refused:
            place = f"tools[{index}].function.parameters"
            raise NotExpressible(place, provider, refused.message) from None
        tool["function"] = Raw(msgspec.json.encode(function))
    changed.fields["tools"] = msgspec.json.encode(tools)


def must_stream(fields: Mapping[str, bytes], quirks: Quirks) -> bool:
    """Whether the provider answers a call with these fields, in its own form, with a stream only."""
    only = quirks.stream_only
    return "always" in only or any(fields.get(name) == value.encode() for name, value in only.items())
