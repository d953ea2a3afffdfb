"""Every model of ours that speaks, listens or reads can be called wherever it is offered, with all that it takes."""

import asyncio
from collections.abc import Iterator, Mapping

import pytest

from modelport.catalogue.facts import Model, Offer, Operation
from modelport.catalogue.load import load
from modelport.catalogue.parameters import Parameter
from modelport.dialects.media.addresses import OCR, SPEECH, SPEECH_BYTES, TRANSCRIPTION, Met
from modelport.dialects.media.call import Sent, checked, taken_by
from modelport.dialects.media.table import media_dialect
from modelport.dialects.media.transcripts import SOURCES
from modelport.dialects.media.wire import MediaDialect, Order, Ticket, Told
from modelport.dialects.wire import Target, UpstreamRequest
from modelport.operations.made import File, Made, Pages, Sound, Transcript
from modelport.operations.media import Upload
from modelport.serving.carrying import carried
from tests.dialects.media import offers
from tests.fake.media.files import png, wav
from tests.fake.media.seam import MediaAnswer, MediaStudio
from tests.twins.files import TwinFiles

UNPLAYED = frozenset({"azure", "openrouter"})
"""Providers whose media the fake does not play: what goes to them is written, and nobody answers."""
METS: Mapping[Operation, Met] = {"speech": SPEECH, "transcription": TRANSCRIPTION, "ocr": OCR}
OFFERS = [
    (model, offer)
    for model in load().models()
    if model.operation in METS
    for offer in load().offers(model.id)
    if offer.can_be_called(model.operation) and not offer.provider.is_local
]
CASES = [pytest.param(model, offer, id=f"{model.id}@{offer.provider.id}") for model, offer in OFFERS]
PLAYED = [case for case, (_, offer) in zip(CASES, OFFERS, strict=True) if offer.provider.id not in UNPLAYED]
LINK, DOCUMENT = "https://files.example/said.wav", "https://files.example/read.pdf"
PICTURE = "https://files.example/read.png"
FILES = {
    LINK: File(data=wav(), content_type="audio/wav"),
    DOCUMENT: File(data=b"%PDF-1.4\n%%EOF\n", content_type="application/pdf"),
    PICTURE: File(data=png(8, 8), content_type="image/png"),
}
RECORDING = Upload("said.wav", "audio/wav", wav())
VALUES: Mapping[str, object] = {
    "text": "Hello & <there>.",
    "script": "Speaker 0: Hello there.",
    "url": LINK,
    "audio_url": LINK,
    "image_url": PICTURE,
    "document_url": DOCUMENT,
    "document": DOCUMENT,
    "audio": RECORDING,
    "file": RECORDING,
    "sample_rate": "8000",
    "container": "wav",
    "language": "en",
    "language_code": "en",
    "keywords": "hello:2",
    "pages": "0-2",
    "voice_id": "Calm_Woman",
    "schema": {"type": "object", "properties": {"total": {"type": "number"}}},
}
"""What texts must be that are no free ones."""
APART = {"encoding", "language_code", "auto_chapters", "document", *SOURCES}
"""What is not asked for together with all the rest: the vendor refuses that, or there is one already."""
Fields = dict[str, object]


def value_of(name: str, parameter: Parameter) -> object:
    """Make a value other than the default."""
    if parameter.enum is not None:
        return next(
            value for value in reversed(parameter.enum) if value != parameter.default or len(parameter.enum) == 1
        )
    if name in VALUES and parameter.type in ("string", "file", "object", None):
        return VALUES[name]
    if parameter.type == "boolean":
        return parameter.default is not True
    if parameter.type in ("integer", "number"):
        least = parameter.minimum if parameter.minimum is not None else 1
        unit = least if least != parameter.default else least + (1 if parameter.type == "integer" else 0.25)
        return unit if parameter.maximum is None else min(unit, parameter.maximum)
    return {} if parameter.type == "object" else "snuffleupagus"


def ways(name: str, parameter: Parameter) -> Iterator[tuple[object, object]]:
    """Make every value that says one thing more, each with one that does not say it; None for nothing at all."""
    if parameter.any_of:
        for choice in parameter.any_of:
            yield from ways(name, choice)
    elif parameter.type == "array" and parameter.items is not None:
        for value, other in ways(name, parameter.items):
            yield [value], None if other is None else [other]
    elif parameter.type == "object" and parameter.properties:
        known = parameter.properties
        least: Fields = {inner: next(ways(inner, one))[0] for inner, one in known.items() if one.required}
        for inner, one in known.items():
            for value, other in ways(inner, one):
                rest = {key: kept for key, kept in least.items() if key != inner}
                plain = None if one.required else rest if other is None else {**rest, inner: other}
                yield {**least, inner: value}, plain
    else:
        yield value_of(name, parameter), None


def whole_of(name: str, parameter: Parameter) -> object:
    """Make a value that says everything."""
    if parameter.any_of:
        return whole_of(name, parameter.any_of[0])
    if parameter.type == "array" and parameter.items is not None:
        return [whole_of(name, parameter.items)]
    if parameter.type == "object" and parameter.properties:
        return {inner: whole_of(inner, one) for inner, one in parameter.properties.items()}
    return value_of(name, parameter)


def shortest(model: Model) -> list[Fields]:
    """Make the shortest calls: one with each kind of sound or document that there may be."""
    known = taken_by(model, METS[model.operation])
    needed: Fields = {name: next(ways(name, one))[0] for name, one in known.items() if one.required}
    if model.operation == "transcription":
        return [{**needed, name: VALUES[name]} for name in SOURCES if name in known]
    if model.operation == "ocr":
        return [{**needed, "document": value} for value, _ in ways("document", known["document"])]
    return [needed]


def order_of(model: Model, offer: Offer, fields: Fields, met: Met | None = None) -> tuple[MediaDialect, Order]:
    """Bring a call to where it is written."""
    met = met or METS[model.operation]
    dialect = media_dialect(offer.dialect_for(model.operation, ""))
    call = checked(Sent(model.id, None, fields), model, met)
    files = TwinFiles(elsewhere=FILES)
    ready = asyncio.run(carried(call, taken_by(model, met), dialect.takes, offer.provider.name, files))
    return dialect, Order(ready, Target(offer, model), model.operation, id="order-1")


def asked(offer: Offer, request: UpstreamRequest, studio: MediaStudio) -> MediaAnswer:
    """Have the fake answer a request; fails where it refuses."""
    found = offers.asked(offer, request, studio)
    assert found.status in (200, 201, 202), found.body
    return found


def made(model: Model, offer: Offer, fields: Fields) -> Made:
    """Have something made by the fake."""
    dialect, order = order_of(model, offer, fields)
    studio = MediaStudio(base_url="https://fake.example")
    outcome: Made | Ticket = Ticket()
    for _ in range(10):
        if not isinstance(outcome, Ticket):
            return outcome
        found = asked(offer, dialect.ask(order, outcome), studio)
        headers = {name.encode(): value.encode() for name, value in found.headers}
        outcome = dialect.read(order, outcome, Told(found.bytes, found.content_type, headers.get))
    raise AssertionError("nothing is made in ten steps")


def check(model: Model, thing: Made) -> None:
    """See that it is what was asked for."""
    if model.operation == "speech":
        assert isinstance(thing, Sound)
        assert thing.file.data or thing.file.link
    elif model.operation == "transcription":
        assert isinstance(thing, Transcript)
        assert thing.text
        assert thing.told
    else:
        assert isinstance(thing, Pages)
        assert [page["index"] for page in thing.pages]


@pytest.mark.parametrize(("model", "offer"), PLAYED)
def test_the_shortest_call_is_taken(model: Model, offer: Offer) -> None:
    for fields in shortest(model):
        check(model, made(model, offer, fields))


@pytest.mark.parametrize(("model", "offer"), PLAYED)
def test_a_call_with_everything_that_a_model_takes_is_taken(model: Model, offer: Offer) -> None:
    known = taken_by(model, METS[model.operation])
    rest = {name: whole_of(name, one) for name, one in known.items() if name not in APART}
    for fields in shortest(model):
        check(model, made(model, offer, {**rest, **fields}))


@pytest.mark.parametrize(("model", "offer"), PLAYED)
def test_speech_that_comes_as_it_is_made_is_read(model: Model, offer: Offer) -> None:
    if model.operation != "speech":
        return
    [fields] = shortest(model)
    dialect, order = order_of(model, offer, fields, SPEECH_BYTES)
    found = asked(offer, dialect.ask(order, Ticket()), MediaStudio(base_url="https://fake.example"))
    sound = dialect.sound(order, found.content_type)
    if sound is not None:
        assert sound.feed(found.bytes)
        sound.end()
        assert sound.content_type.startswith("audio/")


@pytest.mark.parametrize(("model", "offer"), CASES)
def test_nothing_that_a_model_takes_is_lost_on_the_way(model: Model, offer: Offer) -> None:
    lost: list[str] = []
    base = shortest(model)[0]
    for name, parameter in taken_by(model, METS[model.operation]).items():
        if name in ("stream", *SOURCES):
            continue
        for value, other in ways(name, parameter):
            without = {key: kept for key, kept in base.items() if key != name or parameter.required}
            if other is not None:
                without[name] = other
            told, plain = written(model, offer, {**base, name: value}), written(model, offer, without)
            if told[0] == plain[0] and base.get(name) != value and name not in told[1]:
                lost.append(f"{name} = {value}")
    assert not lost


def written(model: Model, offer: Offer, fields: Fields) -> tuple[object, set[str]]:
    """Write the requests of a call up to where its provider answers; return them, and what is left out of them."""
    dialect, order = order_of(model, offer, fields)
    request = dialect.ask(order, Ticket())
    return (request.path, request.headers, request.body), {name.partition(".")[0] for name in request.dropped}


def test_the_fake_plays_all_but_a_few_providers() -> None:
    assert {offer.provider.id for _, offer in OFFERS} > UNPLAYED
