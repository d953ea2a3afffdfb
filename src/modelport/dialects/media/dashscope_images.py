"""Alibaba's pictures: Qwen, Z-Image and newer Wan models answer at once, older Wan models take a task.

Shapes: https://www.alibabacloud.com/help/en/model-studio/qwen-image-generation-and-editing-api-reference,
https://www.alibabacloud.com/help/en/model-studio/wan-image-generation-and-editing-api-reference,
https://www.alibabacloud.com/help/en/model-studio/text-to-image-v2-api-reference (read 2026-11-29). Both lie beside the
compatible mode in which text is asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from modelport.dialects.media.reading_json import Json, data_url, id_in, inside, members, needed, several, text
from modelport.dialects.media.taking import Taking, doubled, heard, pixels_of, told, varied
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import JSON_HEADERS, MalformedReply, UpstreamFault, UpstreamRequest
from modelport.operations.made import File, Made, Pictures
from modelport.operations.media import Upload
from modelport.operations.units import PRESETS, count_of

BESIDE = "/compatible-mode/v1"
NOW = "/api/v1/services/aigc/multimodal-generation/generation"
LATER = "/api/v1/services/aigc/text2image/image-synthesis"
TASKS = "/api/v1/tasks"
MORE, POLL = "more", "poll"
FIRST_S, POLL_S = 2.0, 2.0
_WAITING = frozenset({"PENDING", "RUNNING"})
_UNSAFE = "DataInspectionFailed"
FIXED: Mapping[str, tuple[int, int]] = {
    "square_hd": (1328, 1328),
    "square": (1328, 1328),
    "portrait_4_3": (1104, 1472),
    "portrait_16_9": (928, 1664),
    "landscape_4_3": (1472, 1104),
    "landscape_16_9": (1664, 928),
}
"""The only sizes of the first Qwen-Image, by the presets of their shape."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How a model is asked."""

    says: frozenset[str]
    """What it can be told beside the prompt: of `n`, `negative_prompt`, `prompt_extend`, `size`, `watermark`."""
    least_pixels: int = 512 * 512
    is_task: bool = False
    has_fixed_sizes: bool = False


_ALL = frozenset({"n", "negative_prompt", "prompt_extend", "size", "watermark"})
FORMS: Sequence[tuple[str, _Form]] = (
    ("qwen-image-edit", _Form(frozenset({"negative_prompt", "watermark"}))),
    ("qwen-image-", _Form(_ALL)),
    ("qwen-image", _Form(_ALL - {"n"}, has_fixed_sizes=True)),
    ("z-image", _Form(frozenset({"prompt_extend", "size"}))),
    ("wan2.6", _Form(_ALL, 768 * 768)),
    ("wan2.7", _Form(_ALL - {"negative_prompt", "prompt_extend"}, 768 * 768)),
    ("wan2.5", _Form(_ALL, 768 * 768, is_task=True)),
    ("", _Form(_ALL, is_task=True)),
)
"""By the beginning of a model's name; the first that fits holds."""
TEXT_ONLY: Mapping[str, str] = {"wan2.6-image": "wan2.6-t2i"}
"""Models that change pictures and make none from a text alone, and the sibling that does."""
SAID: Mapping[str, str] = {
    "negative_prompt": "negative_prompt",
    "enhance_prompt": "prompt_extend",
    "enable_prompt_expansion": "prompt_extend",
    "watermark": "watermark",
}
"""The caller's words and DashScope's."""


class DashscopeImages(Usual):
    """The wire formats of DashScope for pictures."""

    takes: frozenset[Carriage] = frozenset({"inline", "link"})

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Ask for a picture, submit a task, or ask after it."""
        if ticket.stage == POLL:
            return request(f"{TASKS}/{ticket.facts['id']}", {}, method="GET")
        model, taking = order.target.offer.upstream, Taking(order)
        form = _form_of(model)
        prompt, pictures = taking.text("prompt"), taking.pictures()
        wanted = taking.count()
        parameters = _parameters(taking, form, model)
        parameters |= {"n": wanted} if "n" in form.says else {}
        seed = taking.number("seed")
        if (varied_seed := varied(seed, len(heard(ticket, "links")))) is not None:
            parameters["seed"] = varied_seed
        taking.means("enable_safety_checker", True)
        taking.means("output_format", "png")
        if form.is_task:
            given: dict[str, object] = {"prompt": prompt}
            if (avoided := parameters.pop("negative_prompt", None)) is not None:
                given["negative_prompt"] = avoided
            body: dict[str, object] = {"model": model, "input": given, "parameters": parameters}
            return request(LATER, body, taking.dropped, is_task=True)
        content: list[dict[str, object]] = [
            {"image": data_url(one) if isinstance(one, Upload) else one} for one in pictures
        ]
        named = model if pictures else TEXT_ONLY.get(model, model)
        turn = {"role": "user", "content": [*content, {"text": prompt}]}
        return request(NOW, {"model": named, "input": {"messages": [turn]}, "parameters": parameters}, taking.dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read pictures, a receipt, or the state of a task."""
        answer = members(told.body, "an answer of DashScope")
        output = inside(answer, "output")
        if not output:
            raise _failure(answer)
        if ticket.stage == POLL:
            return _polled(ticket, output)
        form = _form_of(order.target.offer.upstream)
        if form.is_task:
            return Ticket(POLL, {"id": id_in(output, "task_id")}, FIRST_S, is_taken=True)
        links = [*heard(ticket, "links"), *_links(output)]
        if not links:
            raise MalformedReply("the provider made no picture")
        if len(links) < count_of(order.call) and "n" not in form.says:
            return Ticket(MORE, _kept(links))
        return Pictures(files=tuple(File(link=link) for link in links))


def _form_of(model: str) -> _Form:
    return next(form for start, form in FORMS if model.startswith(start))


def request(
    path: str,
    body: dict[str, object],
    dropped: Sequence[str] = (),
    *,
    method: Literal["GET", "POST"] = "POST",
    is_task: bool = False,
) -> UpstreamRequest:
    """Write a request to DashScope's own API, beside the compatible mode."""
    headers = (*JSON_HEADERS, (b"x-dashscope-async", b"enable")) if is_task else JSON_HEADERS
    if method == "GET":
        return UpstreamRequest(path, JSON_HEADERS[1:], b"", False, method=method, beside=BESIDE)
    return UpstreamRequest(path, headers, msgspec.json.encode(body), False, tuple(dropped), beside=BESIDE)


def _parameters(taking: Taking, form: _Form, model: str) -> dict[str, object]:
    parameters: dict[str, object] = {}
    taking.move(parameters, {name: own for name, own in SAID.items() if own in form.says})
    size = taking.asked_size() if "size" in form.says else None
    if size is not None:
        sides = _sides(size, form)
        if sides is None:
            raise taking.size_refusal(f"makes pictures of a few sizes only with {model}: give a preset")
        if sides[0] * sides[1] < form.least_pixels:
            raise taking.size_refusal(f"makes no picture of fewer than {form.least_pixels} pixels with {model}")
        parameters["size"] = f"{sides[0]}*{sides[1]}"
    return parameters


def _sides(size: object, form: _Form) -> tuple[int, int] | None:
    sides = pixels_of(size)
    if form.has_fixed_sizes:
        return FIXED.get(size) if isinstance(size, str) else sides if sides in FIXED.values() else None
    if sides is None:
        return None
    return doubled(sides, form.least_pixels) if isinstance(size, str) and size in PRESETS else sides


def _kept(links: Sequence[str]) -> Mapping[str, str]:
    return told(links=links)


def _links(output: Json) -> list[str]:
    contents = [part for choice in several(output, "choices") for part in several(inside(choice, "message"), "content")]
    return [link for part in contents if (link := text(part, "image"))]


def _polled(ticket: Ticket, output: Json) -> Made | Ticket:
    status = needed(output, "task_status")
    if status in _WAITING:
        return Ticket(POLL, ticket.facts, POLL_S, is_taken=True)
    results = several(output, "results")
    links = [link for one in results if (link := text(one, "url"))]
    if status != "SUCCEEDED" or not links:
        failed = next((one for one in (output, *results) if text(one, "code")), output)
        raise _failure(failed, f"the task ended as {status}")
    return Pictures(files=tuple(File(link=link) for link in links))


def _failure(answer: Json, what: str = "no picture was made") -> UpstreamFault | MalformedReply:
    code, message = text(answer, "code"), text(answer, "message")
    if not code and not message and what == "no picture was made":
        return MalformedReply("the provider's answer has no 'output'")
    is_unsafe = code == _UNSAFE
    said = ": ".join(one for one in (what, code, message) if one)[:500]
    return UpstreamFault(400 if is_unsafe else 200, said, retryable=not is_unsafe)


CALLED = DashscopeImages()
