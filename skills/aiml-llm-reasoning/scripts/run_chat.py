#!/usr/bin/env python3
"""Ask a chat or reasoning model one question, and print its answer.

    run_chat.py --model google/gemma-3-4b-it --user "Name three seaports."
    run_chat.py --model deepseek/deepseek-v3.2-speciale --user "How many primes are below 30?" \\
        --extra-json '{"max_tokens": 2000, "temperature": 0.2}'

The key is read from AIMLAPI_API_KEY (else AIML_API_KEY), the address from AIMLAPI_BASE_URL (else AIML_API_URL).
Exit status: 0 the answer was printed; 1 the API refused, failed or was not reached, which is said on stderr with the
requestId; 2 the command was wrong.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any, NoReturn

DEFAULT_BASE_URL = "http://127.0.0.1:8080/v1"
DEFAULT_MODEL = "google/gemma-3-4b-it"
DEFAULT_TIMEOUT_S = 120.0
PREFIX = "aimlapi/"
ANSWER_LIMIT = 64 * 1024 * 1024
ANSWERED, REFUSED = 0, 1


class Problem(Exception):
    """The call did not bring an answer; the text says why, `request_id` names it to whoever runs the server."""

    def __init__(self, message: str, request_id: str | None = None) -> None:
        super().__init__(message)
        self.request_id = request_id


class KeepAddress(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: it would take the key to another address."""

    def redirect_request(self, *_: object) -> None:
        """Let a redirect come back as the answer that it is."""


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; returns the exit status."""
    parser = command_line()
    options = parser.parse_args(arguments)
    key = os.environ.get("AIMLAPI_API_KEY") or os.environ.get("AIML_API_KEY")
    if not key:
        parser.error("no key: set AIMLAPI_API_KEY to an API key")
    address = address_of(options.base_url, parser)
    body = body_of(options, parser)
    try:
        answer = ask(address, key, body, options.timeout)
        text = text_of(answer)
    except Problem as problem:
        sys.stderr.write(f"error: {problem}\n")
        sys.stderr.write(f"requestId: {problem.request_id or 'none'}\n")
        return REFUSED
    if options.out is not None:
        keep(options.out, text, answer, parser)
    sys.stdout.write(text + "\n")
    return ANSWERED


def command_line() -> argparse.ArgumentParser:
    """Describe the options."""
    described, _, example = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=described, epilog=example, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    base_url = os.environ.get("AIMLAPI_BASE_URL") or os.environ.get("AIML_API_URL") or DEFAULT_BASE_URL
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, metavar="ID", help=f"the model; a leading {PREFIX} is taken off (%(default)s)"
    )
    parser.add_argument("--user", required=True, metavar="TEXT", help="the question")
    parser.add_argument("--system", metavar="TEXT", help="instructions that stand before the question")
    parser.add_argument(
        "--extra-json", metavar="JSON", help="an object whose members are merged into the body: any other parameter"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="also keep answer.txt and response.json in this folder")
    parser.add_argument(
        "--base-url", default=base_url, metavar="URL", help="the API, with or without /v1 (%(default)s)"
    )
    parser.add_argument(
        "--timeout", type=seconds, default=DEFAULT_TIMEOUT_S, metavar="SECONDS", help="how long to wait (%(default)s)"
    )
    return parser


def seconds(text: str) -> float:
    """Read a time to wait: a number above zero."""
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"'{text}' is no time to wait: give seconds above 0")
    return value


def body_of(options: argparse.Namespace, parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Put the body of the call together; what --extra-json says wins, and it may say that a stream is wanted."""
    model = options.model.removeprefix(PREFIX)
    if not model:
        parser.error("--model names no model")
    messages = [{"role": "system", "content": options.system}] if options.system is not None else []
    messages.append({"role": "user", "content": options.user})
    return {"model": model, "messages": messages, **extra_of(options.extra_json, parser)}


def extra_of(text: str | None, parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Read --extra-json."""
    if text is None:
        return {}
    try:
        extra = json.loads(text, parse_constant=no_number)
    except ValueError as problem:
        parser.error(f"--extra-json is not JSON: {problem}")
    if not isinstance(extra, dict):
        parser.error("--extra-json must be an object, as in '{\"temperature\": 0.2}'")
    if "model" in extra:
        extra["model"] = str(extra["model"]).removeprefix(PREFIX)
    return extra


def no_number(name: str) -> NoReturn:
    """Refuse the words that Python takes for numbers and JSON does not."""
    raise ValueError(f"{name} is not a number of JSON")


def address_of(base_url: str, parser: argparse.ArgumentParser) -> str:
    """Spell the address of chat completions from a base with or without its version."""
    base = base_url.rstrip("/")
    parts = urllib.parse.urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        parser.error(f"--base-url '{base_url}' is no address: it starts with http:// or https://")
    return f"{base}/chat/completions" if parts.path.endswith(("/v1", "/v2")) else f"{base}/v1/chat/completions"


def ask(address: str, key: str, body: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    """Send the call and read its answer; raises `Problem` when there is none."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "User-Agent": "aiml-llm-reasoning"}
    request = urllib.request.Request(address, json.dumps(body).encode(), headers)
    end = time.monotonic() + timeout_s
    try:
        with urllib.request.build_opener(KeepAddress).open(request, timeout=timeout_s) as response:
            is_stream = response.headers.get_content_type() == "text/event-stream"
            answered = read_all(response, end, timeout_s)
    except urllib.error.HTTPError as refused:
        raise refusal(refused) from None
    except TimeoutError:
        raise no_answer(timeout_s) from None
    except (urllib.error.URLError, HTTPException, OSError) as failed:
        reason = getattr(failed, "reason", failed)
        if isinstance(reason, TimeoutError):
            raise no_answer(timeout_s) from None
        raise Problem(f"{address} was not reached: {reason}") from None
    return joined(answered) if is_stream else parsed(answered)


def read_all(response: Any, end: float, timeout_s: float) -> bytes:
    """Read an answer within its time and size."""
    parts: list[bytes] = []
    size = 0
    while part := response.read1(65536):
        size += len(part)
        parts.append(part)
        if time.monotonic() > end:
            raise no_answer(timeout_s)
        if size > ANSWER_LIMIT:
            raise Problem(f"the answer is longer than {ANSWER_LIMIT} bytes")
    return b"".join(parts)


def no_answer(timeout_s: float) -> Problem:
    """Say that the time is over."""
    return Problem(f"no answer within {timeout_s:g} s: try again, or give a longer --timeout")


def refusal(refused: urllib.error.HTTPError) -> Problem:
    """Read what the API says of a call that it did not answer."""
    with refused:
        text = refused.read(65536).decode("utf-8", "replace")
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return Problem(f"HTTP {refused.code}: {text.strip()[:500] or refused.reason}")
    error = told.get("error")
    message = told.get("message") or (error.get("message") if isinstance(error, dict) else error) or refused.reason
    return Problem(f"HTTP {refused.code}: {message}", told.get("requestId") or refused.headers.get("x-request-id"))


def parsed(answered: bytes) -> dict[str, Any]:
    """Decode an answer that came whole."""
    try:
        answer = json.loads(answered)
    except ValueError:
        raise Problem("the answer is not JSON: does --base-url lead to the API?") from None
    if not isinstance(answer, dict):
        raise Problem("the answer is not an object: does --base-url lead to the API?")
    return answer


def joined(answered: bytes) -> dict[str, Any]:
    """Put the pieces of a stream together, as if the answer had come whole."""
    texts: list[str] = []
    answer: dict[str, Any] = {}
    lines = answered.decode("utf-8", "replace").splitlines()
    events = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
    if not events or events[-1] != "[DONE]":
        raise Problem(error_in(events) or "the stream broke off before its end")
    for event in map(parsed, (event.encode() for event in events if event != "[DONE]")):
        answer |= {name: value for name, value in event.items() if value is not None}
        texts += [choice.get("delta", {}).get("content") or "" for choice in event.get("choices") or ()]
    return {**answer, "choices": [{"message": {"role": "assistant", "content": "".join(texts)}}]}


def error_in(events: list[str]) -> str | None:
    """Find the error that a stream ended with."""
    last = parsed(events[-1].encode()) if events else {}
    error = last.get("error")
    return str(error.get("message") or error) if isinstance(error, dict) else None


def text_of(answer: dict[str, Any]) -> str:
    """Take the text out of an answer; calls of tools are told as JSON."""
    try:
        message = answer["choices"][0]["message"]
        text, calls = message.get("content"), message.get("tool_calls")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise Problem("the answer holds no message: does --base-url lead to the API?", answer.get("id")) from None
    if isinstance(text, str) and (text or not calls):
        return text
    return json.dumps(calls, ensure_ascii=False) if calls else ""


def keep(folder: Path, text: str, answer: dict[str, Any], parser: argparse.ArgumentParser) -> None:
    """Write the text, and all that came with it, to a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "answer.txt").write_text(text + "\n", encoding="utf-8")
        whole = json.dumps(answer, indent=2, ensure_ascii=False)
        (folder / "response.json").write_text(whole + "\n", encoding="utf-8")
    except OSError as problem:
        sys.stdout.write(text + "\n")
        parser.error(f"--out {folder} cannot be written: {problem.strerror}")


if __name__ == "__main__":
    raise SystemExit(main())
