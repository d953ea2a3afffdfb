"""A request on its way from its caller's words into those of its model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from modelport.catalogue.facts import Operation
from modelport.catalogue.parameters import Parameter, Parameters
from modelport.catalogue.validation import Fault, complete
from modelport.core.errors import InvalidBody
from modelport.operations.media import Delivery


@dataclass(slots=True)
class Reading:
    """What was sent, under names that are the model's as far as that is known by now."""

    operation: Operation
    parameters: Parameters
    """What the model takes, and what the gateway takes for it."""
    fields: dict[str, object]
    called: dict[str, str] = field(default_factory=dict[str, str])
    """The names under which fields were sent that have another by now."""
    dropped: list[str] = field(default_factory=list[str])
    faults: list[Fault] = field(default_factory=list[Fault])
    delivery: Delivery | None = None

    def has(self, name: str) -> bool:
        """Whether something was sent under this name."""
        return self.fields.get(name) is not None

    def drop(self, name: str) -> None:
        """Leave a field out, and say so."""
        if self.fields.pop(name, None) is not None:
            self.dropped.append(self.called.pop(name, name))

    def rename(self, name: str, own: str) -> None:
        """Give a field the name that the model has for it."""
        self.fields[own] = self.fields.pop(name)
        self.called[own] = self.called.pop(name, name)

    def put(self, name: str, own: str, value: object) -> None:
        """Say a field in other words."""
        if name == own:
            self.fields[own] = value
        else:
            self.rename(name, own)
            self.fields[own] = value

    def fits(self, name: str, value: object) -> bool:
        """Whether the model takes this value."""
        return does_fit(self.parameters[name], value)


def does_fit(parameter: Parameter, value: object) -> bool:
    """Whether a parameter takes a value."""
    try:
        complete({"value": parameter}, {"value": value})
    except InvalidBody:
        return False
    return True


def texts_of(parameter: Parameter | None) -> Sequence[str]:
    """Return the words that a parameter lists, those of its choices among them."""
    if parameter is None:
        return ()
    own = [value for value in parameter.enum or () if isinstance(value, str)]
    return [*own, *(word for choice in parameter.any_of for word in texts_of(choice))]


def members_of(parameter: Parameter | None) -> Mapping[str, Parameter]:
    """Return the members that a parameter of several has."""
    return {} if parameter is None or parameter.properties is None else parameter.properties
