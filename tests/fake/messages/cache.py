"""The cache of prompts, as Anthropic keeps it: markers write prefixes, and a prefix that was written is read.

`https://platform.claude.com/docs/zh-CN/build-with-claude/prompt-caching`, read on 2026-11-22. Two things are simpler
here: prompts of any length are kept, and nothing is ever too old.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tests.fake.asked import CacheUse, Said, tokens_of
from tests.fake.memory import Memory
from tests.fake.messages.types import CountCall, MessagesCall


def _parts(call: MessagesCall | CountCall) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every part of a prompt that may hold a marker, in the order of the prefix."""
    for index, tool in enumerate(call.tools):
        yield f"tools.{index}", tool
    if isinstance(call.system, list):
        for index, block in enumerate(call.system):
            yield f"system.{index}", msgspec.to_builtins(block)
    elif call.system:
        yield "system", {"type": "text", "text": call.system}
    for index, message in enumerate(call.messages):
        if isinstance(message.content, str):
            yield f"messages.{index}", {"role": message.role, "text": message.content}
        else:
            for at, block in enumerate(message.content):
                yield f"messages.{index}.content.{at}", {"role": message.role, **msgspec.to_builtins(block)}


def markers(call: MessagesCall | CountCall) -> list[tuple[str, str]]:
    """Where a prompt is marked, and for how long each time."""
    found = [(where, part["cache_control"].get("ttl", "5m")) for where, part in _parts(call) if _is_marked(part)]
    if call.cache_control is not None:
        found.append(("cache_control", call.cache_control.ttl))
    return found


def _is_marked(part: Mapping[str, Any]) -> bool:
    return isinstance(part.get("cache_control"), dict)


def use_cache(call: MessagesCall, prompt_tokens: int, memory: Memory) -> CacheUse:
    """Read what was written before, write what is marked, and say how many tokens each was."""
    parts = [part for _, part in _parts(call)]
    marks = {at: part["cache_control"].get("ttl", "5m") for at, part in enumerate(parts) if _is_marked(part)}
    if call.cache_control is not None and parts:
        marks.setdefault(len(parts) - 1, call.cache_control.ttl)
    if not marks:
        return CacheUse()
    digests, sizes = _prefixes(call.model, parts, prompt_tokens)
    last = max(marks)
    read = max((at for at in range(last + 1) if digests[at] in memory.prefixes), default=None)
    so_far = 0 if read is None else sizes[read]
    written = {"5m": 0, "1h": 0}
    for at in sorted(marks):
        if read is None or at > read:
            written[marks[at]] += sizes[at] - max(so_far, 0)
            so_far = sizes[at]
        memory.cache(digests[at], marks[at])
    return CacheUse(0 if read is None else sizes[read], written["5m"], written["1h"])


def _prefixes(model: str, parts: Sequence[Mapping[str, Any]], prompt_tokens: int) -> tuple[list[bytes], list[int]]:
    """The digest and the size of every prefix; sizes stay below the whole, which keeps some input uncached."""
    hashed = hashlib.sha256(model.encode())
    digests: list[bytes] = []
    sizes: list[int] = []
    size = 0
    for part in parts:
        plain = {name: value for name, value in part.items() if name != "cache_control"}
        encoded = msgspec.json.encode(plain)
        hashed.update(encoded)
        digests.append(hashed.digest())
        size += tokens_of(Said("", str(part.get("text", "") or encoded.decode()))) - 3
        sizes.append(min(size, max(0, prompt_tokens - 1)))
    return digests, sizes
