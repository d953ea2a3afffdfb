"""Reading a chat request in OpenAI's form: top-level members as raw slices, documented ones checked."""

from collections.abc import Iterable, Mapping
from typing import cast

import msgspec
from msgspec import Raw

from modelport.core.errors import InvalidBody
from modelport.dialects.chat_fields import CHECKS, GATEWAY_FIELDS, fault
from modelport.dialects.chat_messages import decoded, read, unreadable
from modelport.operations.chat import ChatCall

MAX_FIELDS = 1000
MAX_FIELD_BYTES = 4 * 1024 * 1024
"""Of every documented field but the messages: all of it is decoded to check it."""
MAX_STOPS = 4
SEARCH = "$web_search"
"""The name under which Moonshot's models search the web."""
_BOM = b"\xef\xbb\xbf"
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])


def members(body: bytes) -> dict[str, Raw]:
    """Split a JSON object into its top-level members; raises `InvalidBody` saying what is wrong with it."""
    try:
        if not body.isascii():
            body.decode()
            body = body.removeprefix(_BOM)
        return _MEMBERS.decode(body)
    except UnicodeDecodeError as error:
        raise InvalidBody((f"Expected UTF-8, received an invalid byte at position {error.start}",)) from None
    except msgspec.ValidationError:
        raise InvalidBody(("Expected a JSON object at the top of the body",)) from None
    except msgspec.DecodeError as error:
        told = unreadable(body, error) if body.strip() else "Expected a JSON object, received an empty body"
        raise InvalidBody((told,)) from None
    except RecursionError:
        raise InvalidBody(("Expected JSON that is nested less deeply",)) from None


def parse(body: bytes, model: str | None = None) -> ChatCall:
    """Read and validate a chat request; raises `InvalidBody` naming every field that does not fit.

    A `model` from the request's path takes the place of the body's.
    """
    given = members(body)
    if len(given) > MAX_FIELDS:
        raise InvalidBody((f"Expected at most {MAX_FIELDS} fields, received {len(given)}",))
    faults: list[str] = []
    asked = model or _model(given, faults)
    fields, known = _checked(given, faults)
    told = read(given.get("messages"), fields, faults)
    if not _PAIRED.isdisjoint(known):
        faults.extend(_contradictions(known))
    if faults:
        raise InvalidBody(tuple(faults), _param(faults[0]))
    options = known.get("stream_options")
    return ChatCall(
        model=asked,
        fields=fields,
        is_streaming=known.get("stream") is True,
        wants_usage=not isinstance(options, dict) or cast(dict[str, object], options).get("include_usage") is not False,
        max_tokens=_bound(known),
        choices=_whole(known.get("n", 1)),
        text_bytes=told.text_bytes + sum(len(fields[name]) for name in _READ if name in fields),
        attachments=told.attachments,
        roles=told.roles,
        provider=_pin(known.get("provider")),
        messages=told.messages,
        has_names=told.has_names,
        has_reasoning=told.has_reasoning,
        prefix_at=told.prefix_at,
        is_mixed=told.is_mixed or (not _MIXING.isdisjoint(known) and _is_mixed(known, fields)),
    )


_MIXING = frozenset({"tools", "tool_choice", "functions", "function_call", "reasoning"})


def _is_mixed(known: Mapping[str, object], fields: Mapping[str, bytes]) -> bool:
    """Whether fields say something that a provider of this format does not read, or that changes its answer."""
    if "functions" in known or "function_call" in known:
        return True
    choice, thought = known.get("tool_choice"), known.get("reasoning")
    if isinstance(choice, dict) and cast(dict[str, object], choice).get("type") in _OTHER_CHOICES:
        return True
    if isinstance(thought, dict) and cast(dict[str, object], thought).get("exclude") is True:
        return True
    tools = cast(list[dict[str, object]], known.get("tools") or [])
    if {tool.get("type") for tool in tools} <= _OWN_KINDS:
        return bool(tools) and _QUOTED_SEARCH in fields["tools"]
    return any(_is_other_tool(tool) for tool in tools)


_OWN_KINDS = frozenset({"function", "custom"})
_QUOTED_SEARCH = b'"%b"' % SEARCH.encode()
_OTHER_CHOICES = frozenset({"auto", "any", "none", "tool"})


def _is_other_tool(tool: dict[str, object]) -> bool:
    kind = tool.get("type")
    if kind == "function":
        return cast(dict[str, object], tool["function"])["name"] == SEARCH
    return kind is None or kind == "builtin_function" or (kind == "web_search" and "web_search" in tool)


_READ = ("tools", "functions", "response_format")
"""Fields beside the messages that a model reads."""


def _whole(value: object) -> int:
    return int(cast(float, value))


def _bound(known: Mapping[str, object]) -> int | None:
    old, new = known.get("max_tokens"), known.get("max_completion_tokens")
    if old is None:
        return None if new is None else _whole(new)
    return _whole(old) if new is None else min(_whole(old), _whole(new))


def _pin(provider: object) -> str | None:
    return provider.lower() if isinstance(provider, str) and provider.lower() != "auto" else None


def _param(line: str) -> str | None:
    return line.split("'")[1] if line.startswith("'") else None


def _model(given: Mapping[str, Raw], faults: list[str]) -> str:
    raw = given.get("model")
    value: object = None if raw is None else decoded(raw)
    if isinstance(value, str) and value:
        return value
    faults.append("'model': Required" if value is None else fault("model", "string of at least 1 character", value))
    return ""


def _checked(given: Mapping[str, Raw], faults: list[str]) -> tuple[dict[str, bytes], dict[str, object]]:
    """Check each documented field; return the raw members to send on, and the decoded values of documented ones."""
    fields: dict[str, bytes] = {}
    known: dict[str, object] = {}
    for name, raw in given.items():
        if name == "messages" or name == "model":
            continue
        check = CHECKS.get(name)
        slice_ = bytes(raw)
        if check is not None:
            if len(slice_) > MAX_FIELD_BYTES:
                faults.append(f"'{name[:100]}': Expected at most {MAX_FIELD_BYTES} bytes, received {len(slice_)}")
                continue
            value = decoded(slice_)
            if value is None:
                continue
            if wanted := check(value):
                faults.append(fault(name, wanted, value))
                continue
            known[name] = value
            if type(value) is float and name in _WHOLE:
                slice_ = b"%d" % int(value)
        if name not in GATEWAY_FIELDS:
            fields[name] = slice_
    if not _ODD.isdisjoint(known):
        _settle_oddities(fields, known, faults)
    return fields, known


_WHOLE = frozenset({"max_tokens", "max_completion_tokens", "n", "seed", "top_logprobs", "thinking_budget", "best_of"})
_ODD = frozenset({"seed", "top_p", "stop", "stop_sequences", "tools", "functions"})


def _settle_oddities(fields: dict[str, bytes], known: Mapping[str, object], faults: list[str]) -> None:
    """Bring values that mean something else than they say into the form that every provider reads alike."""
    if known.get("seed") == 0:
        del fields["seed"]  # OpenAI's own clients send 0 for "unset".
    if cast(float, known.get("top_p", 1)) < 0.01:
        fields["top_p"] = b"0.01"
    if known.get("stop") in ("", []):
        del fields["stop"]
    if "stop_sequences" in fields:
        _join_stops(fields, known, faults)
    if known.get("tools") == []:
        _drop_empty(fields, known, "tools", "tool_choice")
        fields.pop("parallel_tool_calls", None)
    if known.get("functions") == []:
        _drop_empty(fields, known, "functions", "function_call")


def _drop_empty(fields: dict[str, bytes], known: Mapping[str, object], tools: str, choice: str) -> None:
    """Leave out an empty list of tools, and a choice among them that says nothing either."""
    del fields[tools]
    if known.get(choice) in ("auto", "none"):
        del fields[choice]


def _join_stops(fields: dict[str, bytes], known: Mapping[str, object], faults: list[str]) -> None:
    """Make one list of OpenAI's and Anthropic's way to say where to stop."""
    sequences = fields.pop("stop_sequences")
    if "stop" not in fields:
        if known["stop_sequences"]:
            fields["stop"] = sequences
        return
    stop = known["stop"]
    stops = [stop] if isinstance(stop, str) else cast(list[str], stop)
    joined = list(dict.fromkeys((*stops, *cast(list[str], known["stop_sequences"]))))
    if len(joined) > MAX_STOPS:
        faults.append(f"'stop_sequences': Expected at most {MAX_STOPS} together with 'stop', received {len(joined)}")
    fields["stop"] = msgspec.json.encode(joined)


_PAIRED = frozenset({"top_logprobs", "thinking_budget", "modalities"})


def _contradictions(known: Mapping[str, object]) -> Iterable[str]:
    if known.get("top_logprobs") is not None and known.get("logprobs") is not True:
        yield "'top_logprobs': Expected 'logprobs' to be true beside it"
    if known.get("thinking_budget") is not None and known.get("enable_thinking") is not True:
        yield "'thinking_budget': Expected 'enable_thinking' to be true beside it"
    if "audio" in cast(list[str], known.get("modalities") or []) and known.get("audio") is None:
        yield "'audio': Required when 'modalities' asks for audio"
