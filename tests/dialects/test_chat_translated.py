"""Golden exchanges that are taken apart: chat calls in other words, answers of providers that differ."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from modelport.catalogue.facts import Model, Offer, Provider, Quirks
from modelport.dialects import openai_chat
from modelport.dialects.translated import Translated
from modelport.dialects.wire import Ending, Identity, Target
from modelport.operations.usage import Usage

CASES = sorted(path.parent for path in Path(__file__).parent.glob("openai_chat/translated/*/source.toml"))
MODEL = Model(id="m", name="M", maker="acme", operation="chat", description="")


def source(case: Path) -> dict[str, Any]:
    return tomllib.loads((case / "source.toml").read_text())


def target(case: Path) -> Target:
    given = source(case)["quirks"]
    quirks = {name: frozenset(value) if isinstance(value, list) else value for name, value in given.items()}
    provider = Provider(id="p", name="P", base_url="https://p.example", speaks={"chat": ("openai_chat",)})
    return Target(Offer(model_id="m", provider=provider, upstream="upstream-name", quirks=Quirks(**quirks)), MODEL)


def passage(case: Path) -> Translated:
    call = openai_chat.SERVED.parse((case / "call.json").read_bytes())
    called = openai_chat.called(target(case))
    return Translated(call, openai_chat.SERVED, called, lambda: Identity("ours", 1777550000, "acme/small"))


def ending(usage: Usage | None, case: Path) -> Ending:
    assert usage == Usage(source(case)["meters"], "provider")
    return Ending(usage, 156)


def case_id(case: Path) -> str:
    return case.name


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_call_is_written_as_recorded(case: Path) -> None:
    call = openai_chat.SERVED.parse((case / "call.json").read_bytes())
    talk = openai_chat.SERVED.read(call)
    request = openai_chat.called(target(case)).encode(talk, target(case), is_streaming=call.is_streaming)
    assert json.loads(request.body) == json.loads((case / "request.json").read_text())
    assert list(request.dropped) == source(case)["dropped"]


@pytest.mark.parametrize("case", [case for case in CASES if (case / "response.json").exists()], ids=case_id)
def test_a_whole_answer_is_written_as_recorded(case: Path) -> None:
    way = passage(case)
    way.take((case / "response.json").read_bytes())
    written = json.loads(way.whole(ending(way.usage(), case)))
    assert written == json.loads((case / "reply.json").read_text())


@pytest.mark.parametrize("case", [case for case in CASES if (case / "response.sse").exists()], ids=case_id)
def test_a_stream_is_written_as_recorded_wherever_it_is_cut(case: Path) -> None:
    sent, expected = (case / "response.sse").read_bytes(), (case / "reply.sse").read_bytes()
    for cut in range(len(sent) + 1):
        way = passage(case)
        passed = way.feed(sent[:cut]) + way.feed(sent[cut:])
        assert way.problem is None
        assert passed + way.ending(ending(way.usage(), case)) == expected
