"""A text model that takes less than others of its kind says so before anybody is asked."""

import json

import pytest

from modelport.catalogue.facts import Model
from modelport.catalogue.load import load
from modelport.catalogue.parameters import Parameter, encoded
from modelport.core.errors import InvalidBody
from modelport.dialects.chat_request import parse
from modelport.routing.router import Router
from modelport.serving.declared import check_declared
from modelport.serving.explaining import FORMATS, explained_request

OWN = encoded(
    {"temperature": Parameter(type="number", minimum=0, maximum=1), "seed": Parameter(type="integer", required=True)}
)
MODEL = Model(id="acme/calm", name="Calm", maker="acme", operation="chat", description="Calm.", own_parameters=OWN)
CHAT = "/v1/chat/completions"


def check(endpoint: str = CHAT, **fields: object) -> None:
    body = {"model": "acme/calm", "messages": [{"role": "user", "content": "hi"}], **fields}
    check_declared(parse(json.dumps(body).encode()), MODEL, endpoint)


def test_a_field_beyond_the_bound_of_its_model_is_refused_and_named() -> None:
    with pytest.raises(InvalidBody) as refused:
        check(temperature=1.5)
    assert refused.value.faults == ("'temperature': Expected number from 0 to 1, received 1.5",)
    assert refused.value.param == "temperature"


def test_what_fits_and_what_was_left_out_are_taken() -> None:
    check(temperature=1)
    check()


def test_other_endpoints_of_the_model_have_bounds_of_their_own() -> None:
    check("/v1/responses", temperature=1.5)


def test_an_explanation_of_a_request_refuses_what_a_call_would_be_refused_with() -> None:
    body = {"model": "claude-3-5-sonnet-latest", "messages": [{"role": "user", "content": "hi"}], "temperature": 2}
    with pytest.raises(InvalidBody, match="'temperature': Expected number from 0 to 1, received 2"):
        explained_request(Router(load(), frozenset()), json.dumps(body).encode(), FORMATS[CHAT], 0)
