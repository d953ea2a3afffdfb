"""The samples of a model: for each path and each thing that it can do, a call in three languages."""

from dataclasses import dataclass

from modelport.catalogue.facts import Model, Rates
from modelport.catalogue.parameters import Parameters
from modelport.console.answers import example
from modelport.console.asks import Ask, asks
from modelport.console.code import Code, programs
from modelport.console.media_asks import media_asks
from modelport.console.wording import endpoint as endpoint_name


@dataclass(frozen=True, slots=True)
class Sample:
    """One call, as programs."""

    ask: Ask
    anchor: str
    codes: tuple[Code, ...]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path that serves the model, its samples, and what it answers."""

    path: str
    name: str
    anchor: str
    samples: tuple[Sample, ...]
    answer: str


def endpoints(model: Model, parameters: Parameters, rates: Rates | None, root: str) -> tuple[Endpoint, ...]:
    """Write the samples of every path of a model, against the gateway whose address is `root`."""
    return tuple(_endpoint(model, path, parameters, rates, root) for path in model.endpoints)


def _endpoint(model: Model, path: str, parameters: Parameters, rates: Rates | None, root: str) -> Endpoint:
    anchor = path.strip("/").replace("/", "-")
    made = asks(model, path, parameters) if model.operation == "chat" else media_asks(model, parameters)
    if path == "/v1/images/edits":
        made = made[:1]
    samples = tuple(Sample(ask, f"{anchor}-{ask.key}", programs(root, path, ask)) for ask in made)
    return Endpoint(path, endpoint_name(path), anchor, samples, example(model, path, rates))
