"""Calls of the fake in each of its formats, for tests that do the same in all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.fake import FakeUpstream

KEY = "sk-fake-1"
TEXT = "one two three"


@dataclass(frozen=True, slots=True)
class Form:
    """How one format is called: where, with which headers and body, and where its text stands."""

    vendor: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    streams_at: str = ""
    """The path for a stream, where that is another one."""

    def request(self, model: str, *, stream: bool, **fields: Any) -> tuple[str, dict[str, Any]]:
        """The path and body of a call."""
        path = (self.streams_at or self.path) if stream else self.path
        body = {**self.body, **fields}
        if "{model}" in path:
            return path.replace("{model}", model), body
        body["model"] = model
        if stream:
            body["stream"] = True
        return path, body


FORMS: dict[str, Form] = {
    "chat": Form(
        "openai",
        "/chat/completions",
        {"authorization": f"Bearer {KEY}"},
        {"messages": [{"role": "user", "content": TEXT}]},
    ),
    "messages": Form(
        "anthropic",
        "/messages",
        {"x-api-key": KEY, "anthropic-version": "2023-06-01"},
        {"max_tokens": 4096, "messages": [{"role": "user", "content": TEXT}]},
    ),
    "responses": Form("openai", "/responses", {"authorization": f"Bearer {KEY}"}, {"input": TEXT}),
    "gemini": Form(
        "gemini",
        "/models/{model}:generateContent",
        {"x-goog-api-key": KEY},
        {"contents": [{"role": "user", "parts": [{"text": TEXT}]}]},
        "/models/{model}:streamGenerateContent?alt=sse",
    ),
}


async def call(
    fake: FakeUpstream,
    form: str,
    model: str = "echo",
    *,
    stream: bool = False,
    vendor: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 10.0,
    **fields: Any,
) -> httpx.Response:
    """Call the fake; a field that is `...` is left out."""
    played = FORMS[form]
    path, body = played.request(model, stream=stream, **fields)
    body = {name: value for name, value in body.items() if value is not ...}
    sent = played.headers if headers is None else headers
    async with httpx.AsyncClient(verify=False, trust_env=False, timeout=timeout_s) as client:
        return await client.post(fake.url(vendor or played.vendor) + path, json=body, headers=dict(sent))


def said(response: httpx.Response) -> str:
    """What an error says, whatever its form."""
    assert response.status_code >= 400, response.text
    body = response.json()
    error = body["error"] if isinstance(body, dict) and "error" in body else body
    return error if isinstance(error, str) else str(error.get("message", error))
