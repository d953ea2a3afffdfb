"""Offers of media, played against the fake without a socket: from a caller's fields to what is made of them."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from modelport.catalogue.facts import Model, Offer, Operation
from modelport.catalogue.load import load
from modelport.catalogue.parameters import Parameter, Parameters
from modelport.core.clock import SystemClock
from modelport.core.errors import Secret
from modelport.dialects.media.addresses import Met
from modelport.dialects.media.call import Sent, checked, taken_by
from modelport.dialects.media.table import media_dialect
from modelport.dialects.media.wire import MediaDialect, Order, Ticket, Told
from modelport.dialects.wire import Target, UpstreamRequest
from modelport.operations.made import File, Made
from modelport.serving.carrying import PLAIN, carried
from modelport.upstream.head import credential
from modelport.upstream.tokens import signed
from tests.fake.media.files import png
from tests.fake.media.seam import MediaAnswer, MediaStudio
from tests.fake.media.table import media_answer
from tests.twins.files import TwinFiles

LINKS = ("https://files.example/one.png", "https://files.example/two.png")
FILES = {link: File(data=png(8 + 8 * at, 8), content_type="image/png") for at, link in enumerate(LINKS)}
MOST_STEPS = 40
SOME = 7
"""A number, where no bound says which."""


@dataclass(frozen=True, slots=True)
class Sold:
    """A model at a provider that calls it in a format of ours."""

    model: Model
    offer: Offer
    met: Met

    @property
    def dialect(self) -> MediaDialect:
        return media_dialect(self.offer.dialect_for(self.model.operation, ""))

    @property
    def parameters(self) -> Parameters:
        return taken_by(self.model, self.met)

    @property
    def shortest(self) -> dict[str, object]:
        """What a request must hold."""
        return {name: self.values(name)[0] for name, one in self.parameters.items() if one.required}

    def values(self, name: str) -> tuple[object, ...]:
        """Return values of a field that fit and differ: several, or one where there is no other."""
        return LINKS if name in PLAIN else values(self.parameters[name])

    def order(self, given: Mapping[str, object]) -> Order:
        """Bring a caller's fields to this offer; raises `InvalidBody`."""
        call = checked(Sent(self.model.id, None, fields=given), self.model, self.met)
        ready = carried(call, self.parameters, self.dialect.takes, self.offer.provider.name, TwinFiles(dict(FILES)))
        return Order(asyncio.run(ready), Target(self.offer, self.model), self.model.operation, self.met.is_edit, "one")


@cache
def sold(operation: Operation, met: Met) -> tuple[Sold, ...]:
    """Every offer of the models that are asked at an address, as far as a format of ours calls it."""
    catalogue = load()
    return tuple(
        Sold(model, offer, met)
        for model in catalogue.models()
        if model.operation == operation and met.answers(model)
        for offer in catalogue.offers(model.id)
        if offer.can_be_called(operation)
    )


@dataclass(frozen=True, slots=True)
class Played:
    """What came of an order, and what was asked on the way."""

    made: Made
    requests: tuple[UpstreamRequest, ...]


def play(one: Sold, order: Order, studio: MediaStudio) -> Played:
    """Go from request to request until something is made. Raises the format's fault where the fake refuses."""
    ticket, requests = Ticket(), list[UpstreamRequest]()
    while len(requests) < MOST_STEPS:
        request = one.dialect.ask(order, ticket)
        requests.append(request)
        answer = asked(one.offer, request, studio)
        if answer.status not in (200, 201, 202):
            raise one.dialect.fault(answer.status, None, answer.bytes)
        outcome = one.dialect.read(order, ticket, Told(answer.bytes, answer.content_type))
        if not isinstance(outcome, Ticket):
            return Played(outcome, tuple(requests))
        ticket = outcome
    raise AssertionError("nothing was made after so many requests")


def asked(offer: Offer, request: UpstreamRequest, studio: MediaStudio) -> MediaAnswer:
    """Hand a request to the fake's vendor, with a key of the fake."""
    provider = offer.provider
    headers = {name.decode(): value.decode() for name, value in request.headers}
    if provider.auth != "none":
        secret = Secret("sk-fake-key")
        if provider.auth == "jwt":
            secret = signed(Secret("sk-fake-key:sk-fake-key"), SystemClock().now_ms())
        name, value = credential(provider.auth, secret, provider.id)
        headers[name.decode()] = value.decode()
    base = urlsplit(provider.base_url).path.removesuffix(request.beside)
    path, _, query = request.path.partition("?")
    found = media_answer(request.method, f"/{provider.id}{base}{path}", query, headers, request.body, studio)
    assert found is not None, f"the fake does not play {provider.id}: {request.method} {path}"
    return found


def values(parameter: Parameter) -> tuple[object, ...]:
    """Return values that fit and differ: several, or one where there is no other."""
    found = list(_values(parameter))
    return tuple(value for at, value in enumerate(found) if value not in found[:at])


def _values(parameter: Parameter) -> Iterator[object]:
    if parameter.any_of:
        yield from (values(choice)[0] for choice in parameter.any_of)
        yield from values(parameter.any_of[0])[1:]
    elif parameter.enum is not None:
        yield from (parameter.enum[0], parameter.enum[-1])
    elif parameter.type == "boolean":
        yield from (False, True)
    elif parameter.type in ("integer", "number"):
        yield from _numbers(parameter)
    elif parameter.type == "array":
        yield from ([value] for value in (() if parameter.items is None else values(parameter.items)))
    elif parameter.type == "object":
        yield from _objects(parameter.properties or {})
    elif parameter.format == "uri":
        yield from LINKS
    elif parameter.pattern is not None:
        yield from ("1024x1024", "768x1024")
    else:
        yield from ("a cat", "a dog")


def _numbers(parameter: Parameter) -> Iterator[object]:
    """Yield a plain number and another, on the grid of what is taken."""
    step = parameter.multiple_of or 1
    least = parameter.minimum if parameter.minimum is not None else min(1, parameter.maximum or 1)
    most = parameter.maximum if parameter.maximum is not None else least + SOME * step
    usual = parameter.default if isinstance(parameter.default, int | float) else None
    yield usual if usual is not None else least
    yield least if usual not in (None, least) else most


def _objects(known: Parameters) -> Iterator[object]:
    """Yield plain members, and others well inside their bounds: vendors bound width times height, too."""
    yield {name: values(one)[0] for name, one in known.items()}
    yield {name: _midway(one) if one.minimum is not None else values(one)[-1] for name, one in known.items()}


def _midway(parameter: Parameter) -> object:
    least, step = int(parameter.minimum or 0), int(parameter.multiple_of or 1)
    most = least + SOME * step if parameter.maximum is None else int(parameter.maximum)
    return (least + most) // 2 // step * step
