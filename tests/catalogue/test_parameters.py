"""What a request may hold is data: written in files, shared by many models, checked when it is read."""

from pathlib import Path

import pytest

from modelport.catalogue.parameters import Parameter, decoded
from tests.catalogue.written import PACKAGE, SMALL, faults, loaded

PAINTER = """
name      = "Painter"
maker     = "Acme"
operation = "images"

[parameters]
prompt = { type = "string", required = true, maxLength = 4000 }
size   = { anyOf = [{ enum = ["square", "wide"] }, { type = "object", properties = { width = { type = "integer" } } }] }
"""
SHARED = """
[parameters.seed]
type    = "integer"
minimum = 0

[parameters.tools]
type  = "array"
items = { type = "object" }
needs = "tools"
"""


def one(line: str) -> dict[str, str]:
    return {"models/acme/painter.toml": f'name = "P"\nmaker = "Acme"\n[parameters]\n{line}\n'}


def test_a_model_says_what_requests_to_it_may_hold(tmp_path: Path) -> None:
    model = loaded(tmp_path, package={**PACKAGE, "models/acme/painter.toml": PAINTER}).find("acme/painter")
    found = decoded(model.parameters)
    assert list(found) == ["prompt", "size"]
    assert found["prompt"] == Parameter(type="string", required=True, max_length=4000)
    assert found["size"].any_of[0].enum == ("square", "wide")
    assert (model.category, model.endpoints) == ("image", ("/v1/images/generations",))


def test_parameters_of_an_operation_hold_for_its_models_as_far_as_they_can(tmp_path: Path) -> None:
    able = SMALL.replace("small", "able").replace("Small", "Able") + 'capabilities = ["tools"]\n'
    package = {**PACKAGE, "parameters/chat.toml": SHARED, "models/acme/able.toml": able}
    catalogue = loaded(tmp_path, package=package)
    assert list(decoded(catalogue.find("acme/small").parameters)) == ["seed"]
    assert list(decoded(catalogue.find("acme/able").parameters)) == ["seed", "tools"]


def test_a_model_takes_shared_parameters_by_name_and_its_own_replace_them(tmp_path: Path) -> None:
    painter = PAINTER.replace('operation = "images"', 'operation = "images"\ntakes = ["seeds"]')
    painter += 'seed = { type = "integer", maximum = 7 }\n'
    package = {**PACKAGE, "parameters/seeds.toml": SHARED, "models/acme/painter.toml": painter}
    found = decoded(loaded(tmp_path, package=package).find("acme/painter").parameters)
    assert found["seed"] == Parameter(type="integer", maximum=7)


def test_an_operator_replaces_parameters_of_ours(tmp_path: Path) -> None:
    ours = {**PACKAGE, "models/acme/painter.toml": PAINTER}
    theirs = {"models/acme/painter.toml": '[parameters]\nprompt = { type = "string", maxLength = 10 }\n'}
    found = decoded(loaded(tmp_path, theirs, ours).find("acme/painter").parameters)
    assert found == {"prompt": Parameter(type="string", max_length=10)}


@pytest.mark.parametrize(
    ("line", "key", "problem"),
    [
        ('prompt = { type = "text" }', "parameters.prompt.type", "invalid enum value 'text'"),
        ("prompt = { maxLength = 3 }", "parameters.prompt.type", "is missing"),
        ('prompt = { type = "string", maxlength = 3 }', "parameters.prompt", "unknown field `maxlength`"),
        ('prompt = { type = "string", minLength = 5, maxLength = 3 }', "parameters.prompt.minLength", "5 is above 3"),
        ('n = { type = "integer", minimum = "1" }', "parameters.n.minimum", "expected `int | float | null`, got `str`"),
        ('a = { type = "array", items = {} }', "parameters.a.items.type", "is missing"),
        ('link = { type = "string", format = "link" }', "parameters.link.format", "'link' is not known"),
        ('p = { type = "string", pattern = "(" }', "parameters.p.pattern", "is no regular expression"),
        ('p = { type = "string", needs = "wings" }', "parameters.p.needs", "'wings' is no capability"),
        ('"a-b" = { type = "string" }', "parameters.a-b", "is not the name of a top-level field"),
    ],
)
def test_what_is_wrong_with_a_parameter_is_told_by_its_place(tmp_path: Path, line: str, key: str, problem: str) -> None:
    [fault] = faults(tmp_path, package={**PACKAGE, **one(line)})
    assert fault.key == key
    assert problem in fault.problem


def test_shared_parameters_that_do_not_exist_are_named(tmp_path: Path) -> None:
    painter = PAINTER.replace('operation = "images"', 'operation = "images"\ntakes = ["seeds"]')
    [fault] = faults(tmp_path, package={**PACKAGE, "models/acme/painter.toml": painter})
    assert (fault.key, fault.remedy) == ("takes", "describe them in parameters/seeds.toml")
