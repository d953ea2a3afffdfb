"""Our own files in chat calls: the provider gets the file, never the link."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from modelport.serving.inlining import MARK, Inlining
from modelport.serving.inputs import InputLimits, InputRefused, Inputs
from tests.assets.test_archive import PICTURE, Hands
from tests.assets.test_kinds import SAMPLES
from tests.serving.test_inputs import Web
from tests.twins.assets import twin_archive

ROOT = "http://127.0.0.1:8080"
SOUND, PAPER, NOTE = SAMPLES["audio/wav"], SAMPLES["application/pdf"], b"a note, with \xc3\xbc"


class Desk:
    """Our files, and what rewrites calls that link to them."""

    def __init__(self, max_bytes: int = 100_000) -> None:
        self.web = Web({})
        self.clock = Hands()
        self.archive = twin_archive(self.clock)
        self.inline = Inlining(Inputs(self.web, self.archive, InputLimits(max_bytes=max_bytes)))

    async def link(self, content: bytes, root: str = ROOT) -> str:
        return root + self.archive.path(await self.archive.keep(7, content))

    async def rewritten(self, body: object) -> Any:
        return json.loads(await self.inline(json.dumps(body).encode(), ROOT))


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def data_url(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{encoded(content)}"


def user(*parts: object) -> dict[str, object]:
    return {"model": "m", "messages": [{"role": "user", "content": list(parts)}]}


PNG_URL = data_url(PICTURE, "image/png")
PNG_SOURCE = {"type": "base64", "media_type": "image/png", "data": encoded(PICTURE)}
Part = Callable[[str], dict[str, Any]]
PARTS: dict[str, tuple[bytes, Part, dict[str, Any]]] = {
    "a picture of chat": (
        PICTURE,
        lambda link: {"type": "image_url", "image_url": {"url": link, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": PNG_URL, "detail": "low"}},
    ),
    "a picture by its address alone": (
        PICTURE,
        lambda link: {"type": "image_url", "image_url": link},
        {"type": "image_url", "image_url": PNG_URL},
    ),
    "a picture of Responses": (
        PICTURE,
        lambda link: {"type": "input_image", "image_url": link},
        {"type": "input_image", "image_url": PNG_URL},
    ),
    "a picture of Messages": (
        PICTURE,
        lambda link: {"type": "image", "source": {"type": "url", "url": link}},
        {"type": "image", "source": PNG_SOURCE},
    ),
    "a picture that a tool gave back": (
        PICTURE,
        lambda link: {
            "type": "tool_result",
            "content": [{"type": "image", "source": {"type": "url", "url": link}}],
        },
        {"type": "tool_result", "content": [{"type": "image", "source": PNG_SOURCE}]},
    ),
    "a sound": (
        SOUND,
        lambda link: {"type": "input_audio", "input_audio": {"data": link, "format": "wav"}},
        {"type": "input_audio", "input_audio": {"data": encoded(SOUND), "format": "wav"}},
    ),
    "a sound without its format": (
        SOUND,
        lambda link: {"type": "input_audio", "input_audio": {"data": link}},
        {"type": "input_audio", "input_audio": {"data": encoded(SOUND), "format": "wav"}},
    ),
    "a file with a name": (
        PAPER,
        lambda link: {"type": "file", "file": {"file_data": link, "filename": "bill.pdf"}},
        {"type": "file", "file": {"file_data": data_url(PAPER, "application/pdf"), "filename": "bill.pdf"}},
    ),
    "a document of Messages": (
        PAPER,
        lambda link: {"type": "document", "source": {"type": "url", "url": link}, "title": "Bill"},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": encoded(PAPER)},
            "title": "Bill",
        },
    ),
    "a text of Messages": (
        NOTE,
        lambda link: {"type": "document", "source": {"type": "url", "url": link}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": NOTE.decode()}},
    ),
}


@pytest.mark.parametrize("name", PARTS)
async def test_a_part_holds_the_file_in_the_words_of_its_format(name: str) -> None:
    content, part, expected = PARTS[name]
    desk = Desk()
    link = await desk.link(content)
    assert await desk.rewritten(user(part(link))) == user(expected)
    assert desk.web.asked == []


async def test_a_file_of_responses_has_a_name_and_no_address() -> None:
    desk = Desk()
    body = {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": await desk.link(PAPER)}]}]}
    part = (await desk.rewritten(body))["input"][0]["content"][0]
    assert part.pop("filename").endswith(".pdf")
    assert part == {"type": "input_file", "file_data": data_url(PAPER, "application/pdf")}


@pytest.mark.parametrize("root", ["", "http://localhost:1", "https://another.example/name"])
async def test_a_link_is_ours_under_any_name(root: str) -> None:
    desk = Desk()
    body = user({"type": "image_url", "image_url": {"url": await desk.link(PICTURE, root)}})
    assert (await desk.rewritten(body))["messages"][0]["content"][0]["image_url"]["url"] == PNG_URL


async def test_a_link_with_escaped_slashes_is_read() -> None:
    desk = Desk()
    body = json.dumps(user({"type": "image_url", "image_url": {"url": await desk.link(PICTURE)}}))
    written = await desk.inline(body.replace("/", "\\/").encode(), ROOT)
    assert json.loads(written)["messages"][0]["content"][0]["image_url"]["url"] == PNG_URL


async def test_all_else_stays_as_it_was_sent() -> None:
    desk = Desk()
    link = await desk.link(PICTURE)
    kept = b'{"role":"user","content":[{"type":"text","text":"1.10 and 1e400"},{"n":123456789012345678901234567890}]}'
    other = b'{"role":"assistant","content":"\\u00fc"}'
    head = b'{"model":"m","temperature":1.0,"messages":[' + other + b","
    part = b'{"type":"image_url","image_url":{"url":"%b"}}'
    body = head + kept.replace(b'{"n"', part % link.encode() + b',{"n"') + b"]}"
    written = await desk.inline(body, ROOT)
    wanted = head + kept.replace(b'{"n"', part % PNG_URL.encode() + b',{"n"') + b"]}"
    assert written.replace(b'"role":"user", ', b'"role":"user",') == wanted.replace(
        b'"role":"user", ', b'"role":"user",'
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[{"role":"user","content":"what are assets?"}]}',
        b'{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://a.example/assets/x.png"}}]}]}',
        b"assets/1234567890-" + b"a" * 32 + b"/ is no JSON",
        b'["assets/1234567890-' + b"a" * 32 + b'/"]',
    ],
)
async def test_a_body_without_a_link_of_ours_is_not_touched(body: bytes) -> None:
    assert MARK in body
    assert await Desk().inline(body, ROOT) == body


async def test_a_link_in_a_text_is_a_text() -> None:
    desk = Desk()
    link = await desk.link(PICTURE)
    body = {
        **user({"type": "text", "text": link}),
        "system": link,
        "tools": [{"function": {"parameters": {"image_url": link}}}],
        "metadata": {"image_url": link},
    }
    assert await desk.rewritten(body) == body


async def test_an_address_of_another_host_that_looks_like_ours_goes_on_as_it_is() -> None:
    desk = Desk()
    forged = (await desk.link(PICTURE, "https://other.example")).replace("-", "-A", 1)
    forged = forged[: forged.index("-A") + 33] + forged[forged.index("-A") + 34 :]
    body = user({"type": "image_url", "image_url": {"url": forged}})
    assert await desk.rewritten(body) == body


async def test_a_link_that_has_ended_is_told_with_its_place() -> None:
    desk = Desk()
    body = user({"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": await desk.link(PICTURE)}})
    desk.clock.ms += 10**9
    with pytest.raises(InputRefused, match="this address of a file ended at") as told:
        await desk.rewritten(body)
    assert told.value.param == "messages[0].content[1].image_url.url"


async def test_a_file_of_another_kind_than_its_part_is_refused() -> None:
    desk = Desk()
    body = user({"type": "input_audio", "input_audio": {"data": await desk.link(PICTURE), "format": "mp3"}})
    with pytest.raises(InputRefused, match="Expected a sound file, received a file that is image/png"):
        await desk.rewritten(body)


async def test_the_files_of_one_call_share_a_bound() -> None:
    desk = Desk(max_bytes=2 * len(PICTURE))
    part = {"type": "image_url", "image_url": {"url": await desk.link(PICTURE)}}
    await desk.rewritten(user(part, part))
    with pytest.raises(InputRefused, match="larger than"):
        await desk.rewritten(user(part, part, part))


async def test_what_is_nested_without_end_is_left_to_who_reads_it() -> None:
    desk = Desk()
    deep = b'{"messages":' + b"[" * 5000 + b'"%b"' % (await desk.link(PICTURE)).encode() + b"]" * 5000 + b"}"
    assert await desk.inline(deep, ROOT) == deep
