"""Writing the canonical form as a chat call in the words of a provider."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from modelport.catalogue.facts import SearchForm
from modelport.dialects import chat_tools, reasoning, web_search
from modelport.dialects.chat_sending import encode, refuse_unable
from modelport.dialects.chat_written import Messages, manner
from modelport.dialects.wire import CannotSearch, NotExpressible, Target, UpstreamRequest
from modelport.operations.chat import ChatCall
from modelport.operations.conversation import AnswerFormat, Conversation, WebSearch


def request(talk: Conversation, target: Target, *, is_streaming: bool) -> UpstreamRequest:
    """Write a call for a provider; raises `NotExpressible` for what must not be left out."""
    _refuse_prefix(talk, target)
    writing = _Writing(talk, target)
    fields = writing.fields()
    if is_streaming:
        fields["stream"] = b"true"
    prefix = len(writing.messages.listed) - 1 if talk.turns and talk.turns[-1].is_prefix else None
    call = ChatCall(
        model="",
        fields=fields,
        is_streaming=is_streaming,
        wants_usage=True,
        max_tokens=talk.max_tokens,
        choices=talk.choices,
        text_bytes=0,
        attachments=0,
        roles={turn.role: index for index, turn in enumerate(talk.turns)},
        provider=None,
        has_names=any(turn.name for turn in talk.turns),
        has_reasoning=any("reasoning_content" in message for message in writing.messages.listed),
        prefix_at=prefix,
    )
    refuse_unable(call, target.offer)
    sent = encode(call, target.offer, target.output_bound)
    dropped = (*writing.dropped, *(_spelled(talk, name) for name in sent.dropped))
    return msgspec.structs.replace(sent, dropped=tuple(dict.fromkeys(dropped)))


def _refuse_prefix(talk: Conversation, target: Target) -> None:
    """Refuse a message to continue where the caller put it, which need not be where it stands among those sent."""
    if not talk.turns or not talk.turns[-1].is_prefix or target.offer.quirks.prefix:
        return
    place = talk.place(len(talk.turns) - 1)
    told = f"{place}.prefix" if talk.dialect in _OURS else place
    what = "cannot continue a message of this model; leave it out"
    raise NotExpressible(told, target.offer.provider.name, what)


class _Writing:
    """Gathers the fields of a call, and the names of what could not be carried."""

    __slots__ = ("_fields", "_provider", "_quirks", "_talk", "dropped", "messages")

    def __init__(self, talk: Conversation, target: Target) -> None:
        self._talk = talk
        self._quirks = target.offer.quirks
        self._provider = target.offer.provider.name
        self._fields: dict[str, bytes] = {}
        self.dropped: list[str] = []
        self.messages = Messages(manner(self._provider, self._quirks), talk.dialect)

    def fields(self) -> dict[str, bytes]:
        """Return the fields in a fixed order."""
        talk, fields = self._talk, self._fields
        self.messages.turns((talk.place(index), turn) for index, turn in enumerate(talk.turns))
        fields["messages"] = msgspec.json.encode(self.messages.listed)
        self.dropped.extend(self.messages.left_out)
        if talk.max_tokens is not None:
            word = talk.spelling("max_tokens")
            fields[word if word == "max_completion_tokens" else "max_tokens"] = b"%d" % talk.max_tokens
        if talk.choices > 1:
            fields["n"] = b"%d" % talk.choices
        self._plain()
        self._tools(self._search())
        self._reasoning()
        if talk.format is not None:
            fields["response_format"] = format_written(talk.format)
        if talk.truncation not in ("", "disabled"):
            self.dropped.append(talk.spelling("truncation"))
        self._rest()
        return fields

    def _plain(self) -> None:
        for name, canon in _PLAIN:
            value = getattr(self._talk, canon)
            if value is None or value in ("", b"", ()):
                continue
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            self._fields[name] = value if isinstance(value, bytes) else msgspec.json.encode(value)

    def _search(self) -> list[Raw]:
        """Ask for a search of the web; return the tools that do so."""
        talk, quirks = self._talk, self._quirks
        if talk.search is None:
            return []
        settings, strategy = talk.extra.get(web_search.SETTINGS, b""), talk.extra.get("search_options", b"")
        may_be_left_out = talk.dialect in _OURS and talk.spelling("search") != "tools"
        # Where nothing is known of a provider, its lists decide about the field of OpenAI's own.
        form: SearchForm = quirks.search or ("options" if may_be_left_out else "")
        written = web_search.written(web_search.Asked(talk.search, settings, strategy), form)
        if written is None:
            if not may_be_left_out:
                raise CannotSearch(talk.spelling("search"), self._provider)
            self.dropped.append(talk.spelling("search"))
            return []
        self._fields.update(written.fields)
        if not written.is_all and not self._domains(talk.search):
            self.dropped.append(talk.spelling("search"))
        return list(written.tools)

    def _domains(self, search: WebSearch) -> bool:
        """Say where to search by Perplexity's field, if that is all that is missing and the provider has it."""
        domains = [*search.allowed_domains, *(f"-{domain}" for domain in search.blocked_domains)]
        if not domains or search.max_uses is not None or "search_domain_filter" not in self._quirks.accept:
            return False
        self._fields["search_domain_filter"] = msgspec.json.encode(domains)
        return True

    def _tools(self, search: list[Raw]) -> None:
        talk, fields = self._talk, self._fields
        marks = "cache_control" in self._quirks.accept
        if not marks and any(tool.cache is not None for tool in talk.tools):
            self.dropped.append("cache_control")
        tools = chat_tools.written(talk.tools, talk.foreign_tools, self._provider, marks=marks) + search
        if tools:
            fields["tools"] = msgspec.json.encode(tools)
            if talk.parallel_tools is not None:
                fields["parallel_tool_calls"] = b"true" if talk.parallel_tools else b"false"
        choice = talk.tool_choice
        if choice is None or (not tools and choice.mode in ("auto", "none")):
            return
        if not tools and talk.search is not None:
            self.dropped.append(talk.spelling("tool_choice"))
            return
        fields["tool_choice"] = chat_tools.choice_written(choice, talk.tools)

    def _reasoning(self) -> None:
        asked = self._talk.reasoning
        if asked is None:
            return
        written, is_all = reasoning.written(asked, reasoning.form_of(self._quirks))
        self._fields.update(written)
        if not is_all:
            self.dropped.append(self._talk.spelling("reasoning"))

    def _rest(self) -> None:
        """Carry what has no canonical form: of a caller of this format whatever the provider takes."""
        talk, quirks = self._talk, self._quirks
        for name, raw in talk.extra.items():
            if name in _CONSUMED or (name == web_search.SETTINGS and quirks.search == "web_search_tool"):
                continue
            if name == "search_options" and quirks.search == "enable_search":
                continue
            is_ours = talk.dialect in _OURS and not name.startswith(_INNER)
            if (is_ours or name in quirks.accept) and name not in self._fields:
                self._fields[name] = raw
            else:
                self.dropped.append(name)


_OURS = frozenset({"openai_chat", "openai_completions"})
"""Formats whose fields have the names of chat."""
_CONSUMED = frozenset({"normalize_tool_schemas"})
_INNER = ("messages.", "tools.")
_PLAIN = (
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("top_k", "top_k"),
    ("min_p", "min_p"),
    ("stop", "stop"),
    ("seed", "seed"),
    ("frequency_penalty", "frequency_penalty"),
    ("presence_penalty", "presence_penalty"),
    ("logit_bias", "logit_bias"),
    ("logprobs", "logprobs"),
    ("top_logprobs", "top_logprobs"),
    ("modalities", "modalities"),
    ("audio", "audio"),
    ("prediction", "prediction"),
    ("user", "user"),
    ("metadata", "metadata"),
    ("service_tier", "service_tier"),
    ("verbosity", "verbosity"),
    ("prompt_cache_key", "prompt_cache_key"),
    ("safety_identifier", "safety_identifier"),
)
_CANON: Mapping[str, str] = {
    "max_completion_tokens": "max_tokens",
    "n": "choices",
    "parallel_tool_calls": "parallel_tools",
    "response_format": "format",
    **dict.fromkeys(reasoning.WORDS, "reasoning"),
    **dict.fromkeys(web_search.WORDS, "search"),
}
"""The canonical name of a field of chat, where it differs."""


def _spelled(talk: Conversation, name: str) -> str:
    """Return the caller's word for a field of chat."""
    canon = _CANON.get(name, name)
    return talk.spelled.get(canon, name)


def format_written(form: AnswerFormat) -> bytes:
    """Write `response_format`."""
    if form.kind != "json_schema":
        return msgspec.json.encode({"type": form.kind})
    schema: dict[str, object] = {"name": form.name or "answer"}
    if form.description:
        schema["description"] = form.description
    if form.schema:
        schema["schema"] = Raw(form.schema)
    if form.strict is not None:
        schema["strict"] = form.strict
    return msgspec.json.encode({"type": "json_schema", "json_schema": schema})
