"""Reading the answers of providers that speak OpenAI's chat, streamed or whole, into events."""

from collections.abc import Iterable

import msgspec
from msgspec import Raw, Struct

from modelport.catalogue.facts import Quirks
from modelport.dialects.assembling import Assembly
from modelport.dialects.chat_body import decode as checked
from modelport.dialects.chat_body import meters
from modelport.dialects.chat_track import Said, Track
from modelport.dialects.sse import SseReader
from modelport.dialects.wire import MalformedReply, UpstreamFault
from modelport.operations.reply import Began, Event, Reply, Told
from modelport.operations.usage import Usage

PROMISED = ("citations", "search_results", "images", "related_questions", "provider")
"""Members of an answer that callers of the same format are promised."""
MAX_CHOICES = 1024


class _Choice(Struct):
    index: int = 0
    delta: Said | None = None
    message: Said | None = None
    text: Raw = Raw(b"null")
    """What a completion says, where a chat has a message or delta."""
    finish_reason: str | None = None
    logprobs: Raw = Raw(b"null")
    usage: Raw = Raw(b"null")


_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_CHOICES = msgspec.json.Decoder(list[_Choice])
_NULL = Raw(b"null")


class ChatReader:
    """Reads one answer; `StreamReader` for a stream, `take` for a whole one."""

    __slots__ = (
        "_extra",
        "_has_begun",
        "_id",
        "_quirks",
        "_reported",
        "_sse",
        "_tracks",
        "has_finish",
        "is_done",
        "problem",
    )

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks
        self._sse = SseReader()
        self._tracks: dict[int, Track] = {}
        self._extra: dict[str, bytes] = {}
        self._reported: bytes | None = None
        self._has_begun = False
        self._id = ""
        self.has_finish = False
        self.is_done = False
        self.problem: UpstreamFault | MalformedReply | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes cut anywhere and return what they tell."""
        events: list[Event] = []
        if self.is_done or self.problem is not None:
            return events
        try:
            for event in self._sse.feed(data):
                if event.data.strip() == b"[DONE]":
                    self.is_done = True
                    self._finish(events)
                    break
                if event.data:
                    self._chunk(event.data, events)
        except (UpstreamFault, MalformedReply) as problem:
            self.problem = problem
        return events

    def take(self, body: bytes) -> Reply:
        """Read a whole answer; raises `MalformedReply`, or `UpstreamFault` for an error inside a success."""
        checked(body)
        events: list[Event] = []
        self._chunk(body, events)
        self._finish(events)
        assembly = Assembly()
        assembly.add(events)
        return assembly.reply(self.usage())

    def usage(self) -> Usage | None:
        """Return what the provider reported so far."""
        return None if self._reported is None else meters(self._reported)

    def _chunk(self, payload: bytes, events: list[Event]) -> None:
        members = _members(payload)
        error = bytes(members.get("error", _NULL))
        if error != b"null":
            raise UpstreamFault(200, f"200 {error[:2000].decode('utf-8', 'replace')}", retryable=True)
        choices = _choices(bytes(members.get("choices", _NULL)))
        if not self._has_begun:
            self._begin(members, events)
        usage = bytes(members.get("usage", _NULL))
        if usage != b"null":
            self._reported = usage
        self._tell(members, events)
        for choice in choices:
            self._choice(choice, events)

    def _begin(self, members: dict[str, Raw], events: list[Event]) -> None:
        self._has_begun = True
        self._id = _text(members, "id")
        created = bytes(members.get("created", _NULL))
        events.append(
            Began(
                self._id,
                _text(members, "model"),
                int(created) if created.isdigit() else 0,
                _text(members, "service_tier"),
                _text(members, "system_fingerprint"),
            )
        )

    def _tell(self, members: dict[str, Raw], events: list[Event]) -> None:
        news: dict[str, bytes] = {}
        for name in PROMISED:
            raw = bytes(members.get(name, _NULL))
            if raw != b"null" and self._extra.get(name) != raw:
                news[name] = raw
        if news:
            self._extra.update(news)
            events.append(Told(news))

    def _choice(self, choice: _Choice, events: list[Event]) -> None:
        track = self._tracks.get(choice.index)
        if track is None:
            if len(self._tracks) >= MAX_CHOICES or choice.index < 0:
                raise MalformedReply(f"the provider's answer has a choice numbered {choice.index}")
            track = self._tracks[choice.index] = Track(choice.index, self._quirks, self._id)
        usage = bytes(choice.usage)
        if usage != b"null" and self._reported is None:
            self._reported = usage  # Moonshot puts it here.
        # Perplexity sends beside each delta the message so far.
        said = choice.message if choice.delta is None else choice.delta
        if said is None and bytes(choice.text) != b"null":
            said = {"content": choice.text}
        if said:
            logprobs = bytes(choice.logprobs)
            track.say(said, b"" if logprobs == b"null" else logprobs, events)
        if choice.finish_reason and not track.is_over:
            track.end(choice.finish_reason, self._sources(), events)
            self.has_finish = True

    def _sources(self) -> list[dict[str, object]]:
        """Return where the answer comes from, as Perplexity says it beside the choices."""
        found = _listed(self._extra.get("search_results", b"[]"))
        if found:
            return [item for item in found if isinstance(item, dict)]
        return [{"url": url} for url in _listed(self._extra.get("citations", b"[]")) if isinstance(url, str)]

    def _finish(self, events: list[Event]) -> None:
        """End what the provider left open when it said that all is said."""
        for track in self._tracks.values():
            if not track.is_over:
                track.end("stop", self._sources(), events)


def _members(payload: bytes) -> dict[str, Raw]:
    try:
        return _OBJECT.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        raise MalformedReply("an event of the provider's stream is not a JSON object") from None


def _choices(raw: bytes) -> Iterable[_Choice]:
    try:
        return _CHOICES.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        raise MalformedReply("an event of the provider's stream has no list of choices") from None


def _text(members: dict[str, Raw], name: str) -> str:
    raw = bytes(members.get(name, _NULL))
    return msgspec.json.decode(raw, type=str) if raw.startswith(b'"') else ""


def _listed(raw: bytes) -> list[object]:
    try:
        return msgspec.json.decode(raw, type=list[object])
    except (msgspec.DecodeError, RecursionError):
        return []
