"""Continuing what is stored: the input of a call that goes on from an earlier response, or names items of one."""

from collections.abc import Callable, Iterator, Sequence

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from modelport.core.errors import InvalidBody
from modelport.dialects.openai_responses.items_seen import kind_of, look_over
from modelport.dialects.openai_responses.request_in import roles_of, text_bytes_of
from modelport.dialects.signatures import SEALED_MARK
from modelport.operations.chat import ChatCall

PREVIOUS = "previous_response_id"
MAX_JOINED_BYTES = 32 * 1024 * 1024
"""Of an input with all that it refers to, which could name one large item again and again."""
Find = Callable[[str], bytes | None]
"""Looks up an item by its id."""
_REFERENCE = "item_reference"
_RAWS = msgspec.json.Decoder(list[Raw])


class _Head(Struct):
    type: str | None = None
    role: str | None = None
    id: str | None = None


_HEAD = msgspec.json.Decoder(_Head)


def items_of(call: ChatCall) -> bytes:
    """Return the call's own input as a list of items."""
    return msgspec.json.encode(_items(call.fields.get("input", b"[]")))


def output_of(response: bytes) -> bytes:
    """Return the output items of a response."""
    return bytes(msgspec.json.decode(response, type=_Answer).output)


class _Answer(Struct):
    output: Raw = Raw(b"[]")


def previous_of(call: ChatCall) -> str | None:
    """Return the id of the response that a call goes on from."""
    raw = call.options.get(PREVIOUS)
    return None if raw is None else msgspec.json.decode(raw, type=str)


def wants_storing(call: ChatCall) -> bool:
    """Whether the response shall be remembered."""
    return call.options.get("store") == b"true"


def wants_recalling(call: ChatCall) -> bool:
    """Whether the output items of the response may be named by later calls."""
    return call.options.get("store") != b"false"


def named_items(response: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the output items of a response that have an id, each with it."""
    for item in msgspec.json.decode(response, type=_Listed).output or ():
        try:
            own = _HEAD.decode(item).id
        except msgspec.ValidationError:
            continue  # What a provider calls in some other way cannot be named by a reference.
        if own:
            yield own, bytes(item)


class _Listed(Struct):
    output: list[Raw] | None = None


def _nothing(_: str) -> None:
    """Know no items."""


def continued(call: ChatCall, earlier_input: bytes, earlier_output: bytes, find: Find = _nothing) -> ChatCall:
    """Put an earlier response's input and output before the call's own; its instructions are not inherited.

    References are replaced by the items that they name, there or elsewhere; raises `InvalidBody` for one that names
    nothing.
    """
    earlier = [*_RAWS.decode(earlier_input), *_RAWS.decode(earlier_output)]
    named = {head.id: bytes(item) for item in earlier if (head := _HEAD.decode(item)).id}
    own = _items(call.fields.get("input", b"[]"))
    return _saying(call, [*earlier, *_resolved(own, lambda item_id: named.get(item_id) or find(item_id))])


def resolved(call: ChatCall, find: Find) -> ChatCall:
    """Replace references by the items that they name; raises `InvalidBody` for one that names nothing."""
    if not call.is_mixed:  # as every call is that has references
        return call
    own = _items(call.fields.get("input", b"[]"))
    return _saying(call, _resolved(own, find)) if any(_reference(item) for item in own) else call


def _saying(call: ChatCall, items: Sequence[Raw]) -> ChatCall:
    """Give a call another input."""
    joined = msgspec.json.encode(items)
    seen = look_over(joined)
    if seen.faults:
        raise InvalidBody(tuple(seen.faults), "input")
    fields = {**call.fields, "input": joined}
    return replace(
        call,
        fields=fields,
        text_bytes=text_bytes_of(seen, fields),
        attachments=seen.attachments,
        roles=roles_of(seen, fields),
        messages=max(seen.items, 1),
        has_reasoning=seen.has_reasoning,
        is_mixed=SEALED_MARK in joined or seen.must_be_read,
    )


def not_remembered(response_id: str) -> InvalidBody:
    """Say that a call goes on from a response that is not there."""
    told = (
        f"'{PREVIOUS}': no response '{_shown(response_id)}' is stored for this account, or it has expired;"
        " send the conversation itself as 'input', and 'store': true with a response to continue it later"
    )
    return InvalidBody((told,), PREVIOUS)


def _items(raw: bytes) -> list[Raw]:
    if not raw.startswith(b'"'):
        return _RAWS.decode(raw)
    said = b'{"type":"message","role":"user","content":[{"type":"input_text","text":%b}]}' % raw
    return [Raw(said)]


def _resolved(items: Sequence[Raw], find: Find) -> list[Raw]:
    """Replace references among items; raises `InvalidBody` for one that names nothing, or for too much."""
    found: list[Raw] = []
    size = 0
    for index, item in enumerate(items):
        if (item_id := _reference(item)) is not None:
            known = find(item_id)
            if known is None:
                raise _unknown(f"input[{index}].id", item_id)
            item = Raw(known)
            size += len(known)
            if size > MAX_JOINED_BYTES:
                told = f"'input': Expected references to at most {MAX_JOINED_BYTES} bytes of items"
                raise InvalidBody((told,), "input")
        found.append(item)
    return found


def _reference(item: Raw) -> str | None:
    """Return the id that an item refers to; None for one that is no reference."""
    head = _HEAD.decode(item)
    kind = kind_of(head.type, has_role=head.role is not None, has_id=head.id is not None)
    return head.id if kind == _REFERENCE else None


def _unknown(place: str, item_id: str) -> InvalidBody:
    told = (
        f"'{place}': no item '{_shown(item_id)}' is known here: items of answers are remembered only for a while and by"
        " the process that answered; send the item itself, or use 'store': true and 'previous_response_id'"
    )
    return InvalidBody((told,), place)


def _shown(name: str) -> str:
    return name if len(name) <= 100 else name[:97] + "..."
