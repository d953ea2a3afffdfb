"""Files that a call is about, from wherever its caller has them."""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest

from modelport.assets.kinds import Family
from modelport.catalogue.facts import Timeouts
from modelport.core.clock import DAY_MS
from modelport.egress.guard import AddressRefused
from modelport.operations.inputs import Input
from modelport.operations.media import Upload
from modelport.serving.inputs import InputLimits, InputRefused, Inputs, InputUnreachable, Reach, Wanted
from modelport.serving.ports import AnswerTooLarge, ConnectFailed
from tests.assets.test_archive import PICTURE, Hands
from tests.twins.assets import twin_archive

IMAGE = Wanted("image", frozenset[Family]({"image"}))
ANY = Wanted("file")
URL = "https://files.example/a/cat%20one.jpeg?x=1"
TEXT = base64.b64encode(PICTURE).decode()


@dataclass
class Answer:
    """What an address gives."""

    status: int = 200
    body: bytes = PICTURE
    headers: Mapping[bytes, bytes] = field(default_factory=dict[bytes, bytes])


def moved(to: str, status: int = 302) -> Answer:
    return Answer(status, b"", {b"location": to.encode()})


@dataclass
class Web:
    """Addresses and what they give; whatever else is asked for is refused."""

    pages: Mapping[str, Answer | Exception] = field(default_factory=lambda: {URL: Answer()})
    asked: list[str] = field(default_factory=list)
    wait_s: float = 0.0

    async def fetch(self, url: str, limit_bytes: int, timeouts: Timeouts, total_s: float) -> Answer:
        self.asked.append(url)
        await asyncio.sleep(self.wait_s)
        found = self.pages.get(url) or AddressRefused("there", "it is not known")
        if isinstance(found, Exception):
            raise found
        if len(found.body) > limit_bytes:
            raise AnswerTooLarge("too large")
        return found


def inputs(web: Web | None = None, reach: Reach | None = None, **limits: float) -> Inputs:
    bounds = InputLimits(**{"max_bytes": 10_000, **limits})  # pyright: ignore[reportArgumentType]
    return Inputs(web or Web(), twin_archive(Hands()), bounds, reach)


async def refused(value: object, wanted: Wanted = IMAGE, given: Inputs | None = None) -> str:
    with pytest.raises(InputRefused) as told:
        await (given or inputs()).read(value, wanted)
    assert told.value.param == wanted.field
    assert told.value.faults[0].startswith(f"'{wanted.field}': ")
    return told.value.faults[0]


@pytest.mark.parametrize(
    "value",
    [
        TEXT,
        TEXT.rstrip("="),
        "\n".join(TEXT[start : start + 10] for start in range(0, len(TEXT), 10)),
        base64.urlsafe_b64encode(PICTURE).decode(),
        f"data:image/png;base64,{TEXT}",
        f"DATA:image/png;charset=x;BASE64,{TEXT}",
        f"data:text/plain;base64,{TEXT}",
        f"data:,{quote(PICTURE)}",
        Upload("cat.png", "text/html", PICTURE),
        URL,
    ],
)
async def test_a_file_is_read_from_wherever_it_is_and_is_what_its_bytes_say(value: object) -> None:
    read = await inputs().read(value, IMAGE)
    assert (read.data, read.content_type) == (PICTURE, "image/png")
    assert read.data_url == f"data:image/png;base64,{TEXT}"


async def test_a_name_is_plain_and_ends_as_the_type_does() -> None:
    names = [
        ((await inputs().read(value, IMAGE)).name)
        for value in (URL, TEXT, Upload("../../Ünter wegs.tar.gz", "", PICTURE), Upload("", "", PICTURE))
    ]
    assert names == ["cat_20one.png", "file.png", "nter_wegs.tar.png", "file.png"]


@pytest.mark.parametrize("value", [None, 7, True, ["x"], {"url": "x"}])
async def test_what_cannot_be_a_file_is_refused(value: object) -> None:
    assert "Expected an http or https address, a data URL or base64, received" in await refused(value)


@pytest.mark.parametrize(
    "value", ["", " ", "cat.png", "not base64!", "data:;base64,???", "data:;base64,", "/etc/hosts.conf"]
)
async def test_a_text_that_is_none_of_these_is_refused(value: str) -> None:
    assert "Expected an http or https address, a data URL or base64" in await refused(value)


@pytest.mark.parametrize("scheme", ["file", "gopher", "ftp", "dict", "ldap", "jar", "javascript", "blob", "unix"])
async def test_no_other_kind_of_address_is_called(scheme: str) -> None:
    web = Web()
    assert f"received an address of the kind '{scheme}:'" in await refused(
        f"{scheme}:///etc/passwd", IMAGE, inputs(web)
    )
    assert web.asked == []


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<html>moved</html>", "text/html"),
        (b"<svg xmlns='x'/>", "image/svg+xml"),
        (b"%PDF-1.7", "application/pdf"),
        (b"\x00\x01", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
async def test_a_file_of_another_type_than_it_says_is_refused_by_what_it_is(content: bytes, kind: str) -> None:
    url = "https://files.example/cat.png"
    web = Web({url: Answer(body=content, headers={b"content-type": b"image/png"})})
    assert f"Expected an image, received a file that is {kind} by its content" in await refused(url, IMAGE, inputs(web))


async def test_a_field_that_takes_anything_takes_what_is_not_known() -> None:
    assert (await inputs().read(Upload("a", "", b"\x00"), ANY)).content_type == "application/octet-stream"


async def test_redirects_are_followed_so_far_and_no_further() -> None:
    steps = {f"https://a.example/{step}": moved(f"/{step + 1}") for step in range(9)}
    web = Web({**steps, "https://a.example/3": Answer()})
    read = await inputs(web).read("https://a.example/0", IMAGE)
    assert read.data == PICTURE
    assert web.asked == [f"https://a.example/{step}" for step in range(4)]
    assert "redirected more than 3 times" in await refused("https://a.example/0", IMAGE, inputs(Web(steps)))
    assert "more than 0 times" in await refused("https://a.example/0", IMAGE, inputs(Web(steps), redirects=0))


@pytest.mark.parametrize("location", [b"", b"http://[x"])
async def test_a_redirect_to_nowhere_is_refused(location: bytes) -> None:
    web = Web({URL: Answer(302, b"", {b"location": location})})
    assert "redirected to nowhere" in await refused(URL, IMAGE, inputs(web))


@pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 500])
async def test_an_answer_that_is_no_file_is_told_by_its_status(status: int) -> None:
    assert f"status {status}" in await refused(URL, IMAGE, inputs(Web({URL: Answer(status)})))


async def test_what_fails_on_the_way_is_told_with_the_field() -> None:
    failed = ConnectFailed("files.example could not be reached: refused.")
    assert "files.example could not be reached" in await refused(URL, IMAGE, inputs(Web({URL: failed})))
    assert "is refused: it is not known" in await refused("https://other.example/", IMAGE)


async def test_a_file_that_takes_too_long_is_given_up() -> None:
    assert "within 0.05 s" in await refused(URL, IMAGE, inputs(Web(wait_s=60), timeout_s=0.05))


@pytest.mark.parametrize(
    "value",
    [
        Upload("a.png", "", PICTURE + bytes(10_000)),
        base64.b64encode(PICTURE + bytes(10_000)).decode(),
        "A" * 100_000,
        "data:," + "a" * 100_000,
        URL,
    ],
)
async def test_a_file_beyond_the_bound_is_refused_from_wherever_it_comes(value: object) -> None:
    web = Web({URL: Answer(body=PICTURE + bytes(10_000))})
    assert "larger than 10000 bytes" in await refused(value, IMAGE, inputs(web))


async def test_a_field_may_have_a_smaller_bound_and_never_a_larger_one() -> None:
    upload = Upload("a", "", bytes(5000))
    assert "larger than 4999 bytes" in await refused(upload, Wanted("file", None, 4999))
    assert "larger than 10000 bytes" in await refused(Upload("a", "", bytes(10_001)), Wanted("file", None, 20_000))


@pytest.mark.parametrize("root", ["", "http://127.0.0.1:8080", "https://models.example/below", "http://localhost"])
async def test_a_file_of_ours_is_read_from_the_store_and_never_called(root: str) -> None:
    web, clock = Web({}), Hands()
    archive = twin_archive(clock)
    path = archive.path(await archive.keep(7, PICTURE))
    read = await Inputs(web, archive).read(f"{root}{path}", IMAGE, "http://127.0.0.1:8080")
    assert (read.data, read.address) == (PICTURE, "")
    assert web.asked == []


async def test_a_link_of_ours_that_gives_nothing_is_refused_and_never_called() -> None:
    web, clock = Web({}), Hands()
    archive = twin_archive(clock)
    given = Inputs(web, archive, InputLimits(max_bytes=20), Reach("https://models.example"))
    path = archive.path(await archive.keep(7, PICTURE))
    assert "larger than 20 bytes" in await refused(path, IMAGE, given)
    assert "was not made by this server" in await refused(path.replace("-", "0-"), IMAGE, given)
    forged = f"https://models.example/assets/{'0' * 10}-{'A' * 32}/{path.partition('-')[2].partition('/')[2]}"
    assert "was not made by this server" in await refused(forged, IMAGE, given)
    await archive.forget(7)
    assert "there is no such file" in await refused(path, IMAGE, given)
    clock.ms += DAY_MS
    assert "ended at 2026-05-03" in await refused(path, IMAGE, given)
    assert web.asked == []


async def test_a_provider_that_takes_addresses_gets_the_callers_own_or_one_of_ours() -> None:
    given = inputs(reach=Reach("https://models.example", is_reachable=True))
    public = await given.read(URL, IMAGE)
    assert await given.address(public, "image", "acme", 7) == URL
    ours = await given.address(await given.read(TEXT, IMAGE), "image", "acme", 7)
    assert ours.startswith("https://models.example/assets/")
    assert (await given.read(ours, IMAGE)).data == PICTURE


@pytest.mark.parametrize(
    ("reach", "missing"),
    [(Reach(), "`public_url` and `assets.reachable`;"), (Reach("https://models.example"), "set `assets.reachable`;")],
)
async def test_without_an_address_of_ours_the_missing_setting_is_named(reach: Reach, missing: str) -> None:
    with pytest.raises(InputUnreachable, match=missing) as told:
        await inputs(reach=reach).address(Input(PICTURE, "image/png", "a.png"), "image", "acme", 7)
    assert told.value.param == "image"
    assert "acme" in told.value.message


async def test_an_address_that_may_lead_into_the_operators_network_is_not_passed_on() -> None:
    given = inputs(reach=Reach("https://models.example", is_reachable=True, passes_on=False))
    handed = await given.address(await given.read(URL, IMAGE), "image", "acme", 7)
    assert handed.startswith("https://models.example/assets/")
