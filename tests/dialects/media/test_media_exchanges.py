"""Every wire format of media says what its vendor's documentation has, and reads what it answers.

A folder `<dialect>/<case>` holds `source.toml` (`url`, `read`, `kind`: documented or recorded), `call.json` (what is
asked: `operation`, `upstream`, `fields`, perhaps `is_edit`, `drop`, `rename`, `parameters`; a file is
`{"$file": "png"}`), `steps.json` (each request as it must be, and the answer to it) and `made.json` (what comes of it).
"""

import base64
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from modelport.catalogue.facts import SPOKEN, Dialect, Model, Offer, Operation, Provider, Quirks
from modelport.dialects.media.table import media_dialect
from modelport.dialects.media.wire import Order, Ticket, Told
from modelport.dialects.wire import MalformedReply, Target, UpstreamFault, UpstreamRequest
from modelport.operations.made import Made
from modelport.operations.media import MediaCall, Upload
from tests.fake.media.files import JPEG, MP3, png, wav
from tests.fake.media.seam import FilePart, MediaAsked, MediaStudio

HERE = Path(__file__).parent
CASES = sorted(place.parent for place in HERE.glob("*/*/call.json"))
FILES = {
    "png": Upload("one.png", "image/png", png(8, 8)),
    "jpeg": Upload("one.jpg", "image/jpeg", JPEG),
    "mp3": Upload("one.mp3", "audio/mpeg", MP3),
    "wav": Upload("one.wav", "audio/wav", wav()),
    "pdf": Upload("one.pdf", "application/pdf", b"%PDF-1.4\n%%EOF\n"),
}


@dataclass
class Case:
    """One exchange, which is documented."""

    place: Path

    @property
    def dialect(self) -> Dialect:
        return cast("Dialect", self.place.parent.name)

    def read(self, name: str) -> Any:
        return json.loads((self.place / name).read_text())

    def order(self) -> Order:
        call = self.read("call.json")
        operation = cast("Operation", call["operation"])
        provider = Provider("acme", "Acme", "https://acme.example", {operation: (self.dialect,)}, "none")
        quirks = Quirks(drop=frozenset(call.get("drop", ())), rename=call.get("rename", {}))
        offer = Offer("acme/one", provider, call["upstream"], quirks=quirks)
        model = Model(id="acme/one", name="One", maker="acme", operation=operation, description="One.")
        fields = cast("dict[str, object]", _with_files(call["fields"]))
        asked = MediaCall("acme/one", fields, call.get("delivery"))
        return Order(asked, Target(offer, model), operation, call.get("is_edit", False), "order-1")


def _with_files(value: Any) -> object:
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        if "$file" in members:
            return FILES[members["$file"]]
        return {name: _with_files(one) for name, one in members.items()}
    return [_with_files(one) for one in cast("list[Any]", value)] if isinstance(value, list) else value


def _sent(request: UpstreamRequest) -> dict[str, Any]:
    """Lay a request out as `steps.json` has it: files by their size, headers only where they are not the usual ones."""
    headers = {name.decode(): value.decode() for name, value in request.headers}
    kind = headers.pop("content-type", "")
    headers.pop("accept", None)
    found: dict[str, Any] = {"method": request.method, "path": request.path}
    if kind.startswith("multipart/form-data"):
        asked = MediaAsked("POST", "", "", {"content-type": kind}, request.body, MediaStudio())
        found["form"] = {name: [_part(one) for one in values] for name, values in asked.form.items()}
    elif kind == "application/json":
        found["json"] = json.loads(request.body)
    elif request.body:
        found["bytes"] = len(request.body)
        found["content_type"] = kind
    if request.beside:
        found["beside"] = request.beside
    if headers:
        found["headers"] = headers
    return found


def _part(one: str | FilePart) -> object:
    return one if isinstance(one, str) else {"content_type": one.content_type, "bytes": len(one.data)}


def _told(answer: dict[str, Any]) -> Told:
    if "json" in answer:
        return Told(json.dumps(answer["json"]).encode(), "application/json")
    return Told(base64.b64decode(answer["base64"]), answer["content_type"])


def _laid_out(made: Made) -> Any:
    """Write what was made as JSON: bytes by their number, and nothing that is empty."""

    def plain(value: Any) -> Any:
        if isinstance(value, bytes):
            return len(value)
        if isinstance(value, msgspec.Struct):
            return {
                name: plain(inner)
                for name in value.__struct_fields__
                if (inner := getattr(value, name)) not in (None, "", b"", (), {}, [])
            }
        if isinstance(value, dict):
            return {name: plain(inner) for name, inner in cast("dict[str, Any]", value).items()}
        if isinstance(value, list | tuple):
            return [plain(inner) for inner in cast("list[Any]", value)]
        return value

    return {type(made).__name__: plain(made)}


@pytest.mark.parametrize("place", CASES, ids=lambda place: f"{place.parent.name}/{place.name}")
def test_an_exchange_goes_as_it_is_documented(place: Path) -> None:
    case = Case(place)
    source = tomllib.loads((place / "source.toml").read_text())
    assert source["url"].startswith("https://")
    assert source["kind"] in ("documented", "recorded")
    assert source["read"]
    dialect, order, ticket = media_dialect(case.dialect), case.order(), Ticket()
    outcome: Made | Ticket = ticket
    for step in case.read("steps.json"):
        assert isinstance(outcome, Ticket), "something was made before the last step"
        assert _sent(dialect.ask(order, outcome)) == {"method": "POST", **step["request"]}
        outcome = dialect.read(order, outcome, _told(step["answer"]))
        if isinstance(outcome, Ticket):  # as it is kept between steps
            outcome = msgspec.json.decode(msgspec.json.encode(outcome), type=Ticket)
    assert not isinstance(outcome, Ticket), "nothing was made"
    assert _laid_out(outcome) == case.read("made.json")


@pytest.mark.parametrize("place", CASES, ids=lambda place: f"{place.parent.name}/{place.name}")
def test_an_answer_that_is_something_else_is_told_as_such(place: Path) -> None:
    case = Case(place)
    dialect, order, outcome = media_dialect(case.dialect), case.order(), cast("Made | Ticket", Ticket())
    for step in case.read("steps.json"):
        assert isinstance(outcome, Ticket)
        for body in (b"", b"[]", b"<html>", b"{}", b'{"error": {"message": "no"}}', b"null", b'"text"'):
            if "json" in step["answer"]:
                with pytest.raises((MalformedReply, UpstreamFault)):
                    dialect.read(order, outcome, Told(body, "application/json"))
        outcome = dialect.read(order, outcome, _told(step["answer"]))


def test_every_format_of_media_has_an_exchange() -> None:
    text = {name for name in SPOKEN if name.startswith(("openai_c", "openai_r", "anthropic")) or "embeddings" in name}
    media = SPOKEN - text - {"google_gemini"}
    assert {place.parent.name for place in CASES} == media
