"""What samples send fits the parameters of their models, whether or not the calls can be made yet."""

import ast
import html
import json
import re
import subprocess
from functools import cache
from typing import Any

import pytest

from modelport.catalogue.facts import Model
from modelport.catalogue.parameters import Parameter, decoded
from modelport.console.code import is_polled
from tests.console.shelves import ROOT, catalogue, console, some_models

_SAMPLE = re.compile(r'<code data-sample="([^"]+)" data-language="(\w+)">(.*?)</code>', re.DOTALL)
_BODY = re.compile(r"-d '(.*?)'(?: \\)?(?:\n|$)", re.DOTALL)
_PARSE = """
const texts = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
for (const text of texts) new (require("node:vm").SourceTextModule)(text);
console.log(texts.length);
"""
MEDIA = [model for model in catalogue().models() if model.operation != "chat"]


@cache
def samples_of(name: str) -> list[tuple[str, str, str]]:
    """Read the programs of a model's page: what each shows, its language, and itself."""
    page = console().model(ROOT, name).body.decode()
    return [
        (name, language, html.unescape(re.sub("<[^>]*>", "", text))) for name, language, text in _SAMPLE.findall(page)
    ]


def samples(model: Model) -> list[tuple[str, str, str]]:
    return samples_of(model.id)


def bodies(model: Model) -> list[tuple[str, dict[str, Any]]]:
    """Read what its curl samples send as JSON."""
    found: list[tuple[str, dict[str, Any]]] = []
    for name, language, text in samples(model):
        sent = _BODY.search(text) if language == "curl" else None
        if sent is not None:
            found.append((name, json.loads(sent[1].replace("'\\''", "'"))))
    return found


def faults(name: str, value: Any, one: Parameter) -> list[str]:
    """Say what about a value its parameter does not allow."""
    if value is None:
        return [] if one.nullable else [f"{name} is null"]
    if one.any_of:
        each = [faults(name, value, choice) for choice in one.any_of]
        return [] if [] in each else each[0]
    found = [] if one.type is None or is_of(one.type, value) else [f"{name} is no {one.type}: {value!r}"]
    if one.enum is not None and value not in one.enum:
        found.append(f"{name} is none of {one.enum}")
    if isinstance(value, str):
        found += out_of(f"length of {name}", len(value), one.min_length, one.max_length)
    elif isinstance(value, list):
        items: list[Any] = value
        found += out_of(f"items of {name}", len(items), one.min_items, one.max_items)
        found += [fault for item in items if one.items for fault in faults(f"{name}[]", item, one.items)]
    elif isinstance(value, dict):
        members: dict[str, Any] = value
        found += inside(name, members, one)
    elif not isinstance(value, bool):
        found += out_of(name, value, one.minimum, one.maximum)
    return found


def inside(name: str, members: dict[str, Any], one: Parameter) -> list[str]:
    known = one.properties or {}
    missing = [f"{name}.{key} is missing" for key, member in known.items() if member.required and key not in members]
    told = (faults(f"{name}.{key}", value, known[key]) for key, value in members.items() if key in known)
    return [*missing, *(fault for found in told for fault in found)]


def out_of(name: str, value: float, least: float | None, most: float | None) -> list[str]:
    is_within = (least is None or value >= least) and (most is None or value <= most)
    return [] if is_within else [f"{name} is {value}, not {least} to {most}"]


def is_of(kind: str, value: Any) -> bool:
    kinds: dict[str, Any] = {
        "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
        "file": str,
    }  # fmt: skip
    return isinstance(value, kinds[kind]) and (kind == "boolean" or not isinstance(value, bool))


def test_what_a_sample_of_media_sends_is_what_its_model_takes() -> None:
    wrong: dict[str, list[str]] = {}
    for model in MEDIA:
        parameters = decoded(model.parameters)
        whole = Parameter(type="object", properties=parameters)
        for name, body in bodies(model):
            assert body.pop("model") == model.id
            if found := faults(name, body, whole):
                wrong[f"{model.id} {name}"] = found
            unknown = body.keys() - parameters.keys() - {"url"}
            assert not unknown, (model.id, name)
    assert wrong == {}


@pytest.mark.parametrize("operation", sorted({model.operation for model in MEDIA}))
def test_every_kind_of_media_has_samples_in_three_languages(operation: str) -> None:
    for model in MEDIA:
        if model.operation == operation:
            shown = samples(model)
            for path in model.endpoints:
                anchor = f"{path.strip('/').replace('/', '-')}-call"
                assert {language for name, language, _ in shown if name == anchor} == {"curl", "python", "javascript"}


def test_what_takes_a_picture_a_film_or_a_sound_has_a_sample_that_sends_one() -> None:
    for model in MEDIA:
        sent = [json.dumps(body) for _, body in bodies(model)]
        parameters = decoded(model.parameters)
        if "image_url" in parameters:
            assert any('"image_url"' in body for body in sent), model.id
        if "video_url" in parameters:
            assert any('"video_url"' in body for body in sent), model.id


def test_the_python_of_every_sample_is_python() -> None:
    for model in some_models():
        for name, language, text in samples(model):
            if language == "python":
                ast.parse(text, f"{model.id} {name}")


def test_the_curl_of_every_kind_is_shell() -> None:
    kinds = {(model.operation, model.endpoints): model for model in catalogue().models()}
    for model in kinds.values():
        for name, language, text in samples(model):
            if language == "curl":
                done = subprocess.run(["bash", "-n", "-c", text], capture_output=True, text=True)
                assert done.returncode == 0, (model.id, name, done.stderr)


@pytest.mark.debian("nodejs")
def test_the_javascript_of_every_kind_is_javascript() -> None:
    kinds = {(model.operation, model.endpoints): model for model in catalogue().models()}
    texts = [text for model in kinds.values() for _, language, text in samples(model) if language == "javascript"]
    command = ["node", "--no-warnings", "--experimental-vm-modules", "-e", _PARSE]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(texts))]


def test_samples_of_jobs_ask_for_the_outcome_where_it_is() -> None:
    for model in MEDIA:
        for name, language, text in samples(model):
            if language == "python" and any(is_polled(path) for path in model.endpoints[:1]) and name.endswith("call"):
                path = next(path for path in model.endpoints if name.startswith(path.strip("/").replace("/", "-")))
                where = "/v1/stt/{job" if path.startswith("/v1/stt/") else f"{path}?generation_id="
                assert where in text or not is_polled(path), (model.id, name)


def test_an_example_of_an_answer_tells_what_it_cost_at_the_price_of_this_gateway() -> None:
    page = html.unescape(re.sub("<[^>]*>", "", console().model(ROOT, "gpt-4o").body.decode()))
    told = json.loads(page[page.index('{\n  "id": "chatcmpl-…"') :].partition("\n}\n")[0] + "}")
    assert told["meta"]["usage"] == {"credits_used": 1020, "usd_spent": 0.00051}
    assert told["usage"]["total_tokens"] == 60
