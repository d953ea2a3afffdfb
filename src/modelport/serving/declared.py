"""What a text model alone is said to take, held against a request."""

import msgspec

from modelport.catalogue.facts import Model
from modelport.catalogue.parameters import decoded
from modelport.catalogue.validation import complete
from modelport.operations.chat import ChatCall


def check_declared(call: ChatCall, model: Model, endpoint: str) -> None:
    """Raise `InvalidBody` where a request to the model's main endpoint crosses a bound of the model's own."""
    if endpoint != model.endpoints[0]:
        return
    declared = decoded(model.own_parameters)
    given: dict[str, object] = {
        name: msgspec.json.decode(call.fields[name]) for name in declared if name in call.fields
    }
    complete({name: declared[name] for name in given}, given)
