"""Reading Google's answers as events; a whole answer is a stream of one piece."""

from collections.abc import Iterable
from hashlib import blake2b

import msgspec
from msgspec import Raw, Struct

from modelport.dialects.google_gemini.citations import citations, one_line
from modelport.dialects.google_gemini.shapes import (
    NULL,
    Candidate,
    CitationMetadata,
    FunctionCall,
    Grounding,
    Logprobs,
    Part,
    Response,
    Token,
)
from modelport.dialects.wire import MalformedReply, UpstreamFault
from modelport.operations.content import Audio, Foreign, Image, Source, Text, Thinking, ToolUse
from modelport.operations.content import Part as SaidPart
from modelport.operations.reply import Began, Cited, Closed, Ended, Event, Finish, Grew, Opened, Signed

ORIGIN = "google_gemini"

FINISHES: dict[str, Finish] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "NO_IMAGE": "stop",
    "FINISH_REASON_UNSPECIFIED": "stop",
}
"""Every other reason is that of a filter: https://ai.google.dev/api/generate-content#FinishReason (read 2026-11-22)."""
BROKEN = frozenset(
    {
        "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
    }
)  # fmt: skip
"""The model failed: there is no answer that a caller could use, and another try may give one."""

_PART = msgspec.json.Decoder(Part)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_BESIDE = frozenset({"thought", "thoughtSignature", "partMetadata", "videoMetadata", "mediaResolution"})
_SOUNDS = {"l16": "pcm16", "pcm": "pcm16", "mpeg": "mp3"}


class _Open(Struct):
    """The part that is being said."""

    block: int
    kind: str


class _Choice:
    """One answer while it is said."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.blocks = 0
        self.tools = 0
        self.open: _Open | None = None
        self.text: list[str] = []
        """Of the text part that is open or came last."""
        self.proof = ""
        """The signature of the text; it is told last, so that what is still said of the text can be added to it."""
        self.grounding: Grounding | None = None
        self.repeated: CitationMetadata | None = None
        self.is_ended = False


class Reading:
    """Turns the pieces of one answer into events."""

    def __init__(self) -> None:
        self.id = ""
        self.model = ""
        self.reported: bytes | None = None
        self.queries: list[str] = []
        self.has_finish = False
        self._has_begun = False
        self._choices: dict[int, _Choice] = {}

    def take(self, piece: Response) -> list[Event]:
        """Read one piece; raises `UpstreamFault` or `MalformedReply`."""
        events: list[Event] = []
        if not self._has_begun:
            self._has_begun = True
            self.id, self.model = piece.response_id or "", piece.model_version or ""
            events.append(Began(self.id, self.model))
        if bytes(piece.usage_metadata) != b"null":
            self.reported = bytes(piece.usage_metadata)
        for candidate in piece.candidates or ():
            index = candidate.index or 0
            choice = self._choices.setdefault(index, _Choice(index))
            events.extend(self._candidate(choice, candidate))
        feedback = piece.prompt_feedback
        if feedback is not None and feedback.block_reason and not piece.candidates and not self._choices:
            self._choices[0] = _Choice(0)
            events.extend(self._ended(self._choices[0], feedback.block_reason))
        return events

    def _candidate(self, choice: _Choice, candidate: Candidate) -> Iterable[Event]:
        grounding = candidate.grounding_metadata
        if grounding is not None:
            self.queries.extend(grounding.web_search_queries or ())
            choice.grounding = _newer(choice.grounding, grounding)
        choice.repeated = candidate.citation_metadata or choice.repeated
        logprobs = logprobs_of(candidate.logprobs_result)
        for raw in (candidate.content.parts if candidate.content is not None else None) or ():
            for event in self._part(choice, raw, logprobs):
                if isinstance(event, Grew):
                    logprobs = b""
                yield event
        if logprobs:
            yield from _text(choice, "", logprobs)
        reason = candidate.finish_reason
        if reason and not choice.is_ended:
            if reason in BROKEN:
                told = candidate.finish_message or "the model did not give an answer that can be read"
                raise UpstreamFault(200, f"200 {reason}: {told[:2000]}", retryable=True)
            yield from self._ended(choice, reason)

    def _ended(self, choice: _Choice, reason: str) -> Iterable[Event]:
        yield from _closed(choice)
        yield from _late_citations(choice)
        yield from _proof(choice)
        choice.is_ended = self.has_finish = True
        finish = FINISHES.get(reason, "content_filter")
        yield Ended("tool_calls" if finish == "stop" and choice.tools else finish, choice.index)

    def _part(self, choice: _Choice, raw: Raw, logprobs: bytes) -> Iterable[Event]:
        part = _PART.decode(raw)
        signature = part.thought_signature or ""
        if choice.is_ended and not _says_nothing(part, raw):
            raise MalformedReply("the provider's stream goes on after its end")
        if part.text is not None:
            if part.thought:
                yield from _thought(choice, part.text, signature)
            else:
                yield from _text(choice, part.text, logprobs)
                choice.proof = signature or choice.proof
            return
        said = self._whole_part(choice, part, raw, signature)
        if said is not None:
            yield from _closed(choice)
            yield from _proof(choice)
            yield Opened(choice.blocks, said, choice.index)
            yield Closed(choice.blocks, choice.index)
            choice.blocks += 1
        elif signature:
            choice.proof = signature

    def _whole_part(self, choice: _Choice, part: Part, raw: Raw, signature: str) -> SaidPart | None:
        """Return a part that comes at once."""
        if part.function_call is not None:
            call = part.function_call
            choice.tools += 1
            return ToolUse(self._call_id(choice, call), call.name, _arguments(call), signature=signature, origin=ORIGIN)
        if part.inline_data is not None and part.inline_data.data:
            kind, _, form = (part.inline_data.mime_type or "").partition("/")
            source = Source(data=part.inline_data.data, media_type=part.inline_data.mime_type or "")
            if kind == "image":
                return Image(source)
            if kind == "audio":
                form = form.partition(";")[0].lower()
                return Audio(source, _SOUNDS.get(form, form))
        return _foreign(raw)

    def _call_id(self, choice: _Choice, call: FunctionCall) -> str:
        """Return the call's id, or else one that is the same whenever this answer is read."""
        if call.id:
            return call.id
        seed = f"{self.id}\0{choice.index}\0{choice.tools}\0{call.name}".encode("utf-8", "replace")
        return "call_" + blake2b(seed if self.id else seed + bytes(call.args), digest_size=12).hexdigest()


def _newer(before: Grounding | None, now: Grounding) -> Grounding:
    return now if before is None or now.grounding_chunks or now.grounding_supports else before


def _says_nothing(part: Part, raw: Raw) -> bool:
    return part.text == "" or (part.text is None and part.function_call is None and _foreign(raw) is None)


def _arguments(call: FunctionCall) -> str:
    return "{}" if call.args == NULL else one_line(call.args).decode()


def _foreign(raw: Raw) -> Foreign | None:
    kind = next((name for name in _MEMBERS.decode(raw) if name not in _BESIDE), None)
    return None if kind is None else Foreign(ORIGIN, kind, one_line(raw))


def _text(choice: _Choice, text: str, logprobs: bytes) -> Iterable[Event]:
    if choice.open is None or choice.open.kind != "text":
        if not text:
            return
        yield from _closed(choice)
        yield from _proof(choice)
        choice.text = []
        yield from _opened(choice, "text", Text(""))
    choice.text.append(text)
    if text or logprobs:
        yield Grew(choice.blocks, text, choice.index, logprobs)


def _thought(choice: _Choice, text: str, signature: str) -> Iterable[Event]:
    if choice.open is None or choice.open.kind != "thought":
        yield from _closed(choice)
        yield from _proof(choice)
        yield from _opened(choice, "thought", Thinking("", is_summary=True, origin=ORIGIN))
    if text:
        yield Grew(choice.blocks, text, choice.index)
    if signature:
        yield Signed(choice.blocks, signature, choice=choice.index)
        yield from _closed(choice)


def _opened(choice: _Choice, kind: str, part: SaidPart) -> Iterable[Event]:
    choice.open = _Open(choice.blocks, kind)
    yield Opened(choice.blocks, part, choice.index)


def _closed(choice: _Choice) -> Iterable[Event]:
    if choice.open is None:
        return
    block, choice.open = choice.open, None
    if block.kind == "text":
        for citation in citations("".join(choice.text), choice.grounding, choice.repeated):
            yield Cited(block.block, citation, choice.index)
        choice.grounding = choice.repeated = None
    yield Closed(block.block, choice.index)
    choice.blocks += 1


def _late_citations(choice: _Choice) -> Iterable[Event]:
    """Tell sources that came after their text was complete with an empty text of their own."""
    late = citations("", choice.grounding, choice.repeated)
    if late:
        choice.text = []
        yield from _opened(choice, "text", Text(""))
        yield from _closed(choice)


def _proof(choice: _Choice) -> Iterable[Event]:
    """Tell the signature of a text as a thought without words right after it."""
    if not choice.proof:
        return
    yield Opened(choice.blocks, Thinking("", is_summary=True, origin=ORIGIN), choice.index)
    yield Signed(choice.blocks, choice.proof, choice=choice.index)
    yield Closed(choice.blocks, choice.index)
    choice.proof = ""
    choice.blocks += 1


def logprobs_of(found: Logprobs | None) -> bytes:
    """Write Google's log probabilities as OpenAI's; empty when there are none."""
    if found is None or not found.chosen_candidates:
        return b""
    tops = [top.candidates or [] for top in found.top_candidates or ()]
    content = [
        {**_token(chosen), "top_logprobs": [_token(top) for top in tops[place]] if place < len(tops) else []}
        for place, chosen in enumerate(found.chosen_candidates)
    ]
    return msgspec.json.encode({"content": content, "refusal": None})


def _token(token: Token) -> dict[str, object]:
    return {"token": token.token, "logprob": token.log_probability, "bytes": list(token.token.encode())}
