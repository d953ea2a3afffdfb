"""Instructor over OpenAI's client (tools, JSON schema, Responses) and over Anthropic's."""

from collections.abc import Iterable
from typing import Any

import anthropic
import instructor
import openai
from anthropic import Anthropic
from instructor.core.exceptions import InstructorError
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel
from scenarios import HELLO, KEY, MODELS, SYSTEM, URL, main, per_format, raised, scenario

messages: list[Any] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": HELLO}]


class Port(BaseModel):
    """A harbour, as the model is to give it."""

    name: str
    depth_m: int
    pilots: list[str]


def chat(key: str = KEY, **more: Any) -> Any:
    return instructor.from_openai(OpenAI(base_url=f"{URL}/v1", api_key=key, max_retries=0), **more)


def claude(key: str = KEY, **more: Any) -> Any:
    return instructor.from_anthropic(Anthropic(base_url=URL, api_key=key, auth_token=None, max_retries=0), **more)


def asked(client: Any, model: str, **more: Any) -> Any:
    return client.create(model=model, messages=messages, response_model=Port, max_retries=0, **more).model_dump()


@per_format
def structured(model: str) -> Any:
    return asked(chat(mode=instructor.Mode.JSON_SCHEMA), model)


@per_format
def structured_by_tool(model: str) -> Any:
    return asked(chat(mode=instructor.Mode.TOOLS), model)


@per_format
def structured_stream(model: str) -> Any:
    client = chat(mode=instructor.Mode.TOOLS)
    parts = list(client.create_partial(model=model, messages=messages, response_model=Port, max_retries=0))
    return {"last": parts[-1].model_dump(), "parts": len(parts)}


@per_format
def several(model: str) -> Any:
    client = chat(mode=instructor.Mode.TOOLS)
    ports = client.create(model=model, messages=messages, response_model=Iterable[Port], max_retries=0)
    return [port.model_dump() for port in ports]


@per_format
def messages_structured_by_tool(model: str) -> Any:
    return asked(claude(mode=instructor.Mode.ANTHROPIC_TOOLS), model, max_tokens=500)


@scenario
def with_cost() -> Any:
    port, answer = chat().create_with_completion(
        model=MODELS["openai_chat"], messages=messages, response_model=Port, max_retries=0
    )
    return {"port": port.model_dump(), "credits": answer.model_extra["meta"]["usage"]["credits_used"]}


@scenario
async def asynchronous() -> Any:
    client = instructor.from_openai(AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0))
    port = await client.create(model=MODELS["openai_chat"], messages=messages, response_model=Port, max_retries=0)
    return port.model_dump()


@scenario
def errors() -> Any:
    return raised(Exception, lambda key, changes: call(chat(key), "openai_chat", changes, openai.APIStatusError))


@scenario
def messages_errors() -> Any:
    def ask(key: str, changes: dict[str, Any]) -> None:
        more = {name: value for name, value in changes.items() if name != "model"}
        given = {name: value for name, value in changes.items() if name == "model"}
        asked = {"max_tokens": 500, "extra_body": more, **given}
        call(claude(key), "anthropic_messages", asked, anthropic.APIStatusError)

    return raised(Exception, ask)


def call(client: Any, form: str, changes: dict[str, Any], kind: type[Exception]) -> None:
    """Call, and raise what the client below raised: Instructor wraps it."""
    given = {"model": MODELS[form], "messages": messages, **changes}
    try:
        client.create(response_model=Port, max_retries=0, **given)
    except InstructorError as error:
        below: BaseException | None = error
        while below is not None and not isinstance(below, kind):
            below = below.__cause__ or below.__context__
        raise below or error from None


if __name__ == "__main__":
    main()
