#!/usr/bin/env python3
"""Make pictures from a text, or change pictures, and keep them or print their links.

    gen_image.py --prompt "A lighthouse in fog, ink drawing" --size 1024x768 --out drawings
    gen_image.py --prompt "Put the hat on the cat" --image cat.png --image hat.png --model openai/gpt-image-2 --out .

The key is read from AIMLAPI_API_KEY (else AIML_API_KEY), the address from AIMLAPI_BASE_URL (else AIML_API_URL).
Exit status: 0 the pictures are there: their files are printed, or their links; 1 the API refused, failed or was not
reached, which is said on stderr with the requestId; 2 the command was wrong.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import math
import mimetypes
import os
import secrets
import sys
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any, NoReturn

DEFAULT_BASE_URL = "http://127.0.0.1:8080/v1"
DEFAULT_MODEL = "flux/schnell"
DEFAULT_EDITOR = "flux/kontext-pro/image-to-image"
DEFAULT_TIMEOUT_S = 600.0
PREFIX = "aimlapi/"
UPLOADED_TO = "gpt-image"
"""In the name of a model: pictures to change are uploaded; others take them inside of the request."""
ANSWER_LIMIT = 256 * 1024 * 1024
KINDS = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif", "image/svg+xml": ".svg"}
HEADS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp", b"GIF8": "image/gif"}
MADE, REFUSED, WRONG = 0, 1, 2


class Problem(Exception):
    """There are no pictures; the text says why, `request_id` names the call to whoever runs the server."""

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
    base = base_of(options.base_url, parser)
    fields = fields_of(options, parser)
    sources = [(name, source_of(path, parser)) for name, path in paths_of(options)]
    folder = folder_of(options.out, parser)
    try:
        pictures = pictures_of(ask(base, key, fields, sources, options.timeout))
        if folder is None:
            told = [link or f"data:{kind_of(data)};base64,{base64.b64encode(data).decode()}" for link, data in pictures]
        else:
            told = keep(folder, pictures, options.timeout, parser)
    except Problem as problem:
        sys.stderr.write(f"error: {problem}\n")
        sys.stderr.write(f"requestId: {problem.request_id or 'none'}\n")
        return REFUSED
    sys.stdout.write("".join(f"{one}\n" for one in told))
    return MADE


def command_line() -> argparse.ArgumentParser:
    """Describe the options."""
    described, _, example = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=described, epilog=example, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    base_url = os.environ.get("AIMLAPI_BASE_URL") or os.environ.get("AIML_API_URL") or DEFAULT_BASE_URL
    parser.add_argument("--prompt", required=True, metavar="TEXT", help="what to draw, or what to change")
    parser.add_argument(
        "--model", metavar="ID", help=f"the model; a leading {PREFIX} is taken off ({DEFAULT_MODEL}; {DEFAULT_EDITOR})"
    )
    parser.add_argument(
        "--image", action="append", type=Path, default=[], metavar="FILE", help="a picture to change; may be repeated"
    )
    parser.add_argument(
        "--mask", type=Path, metavar="FILE", help="a PNG whose transparent pixels are what is changed of the first"
    )
    parser.add_argument("--size", metavar="SIZE", help="1024x768, a ratio such as 4:3, or a name such as square_hd")
    parser.add_argument("--count", type=int, metavar="N", help="how many pictures; 1 unless given")
    parser.add_argument(
        "--extra-json", metavar="JSON", help="an object whose members are merged into the body: any other parameter"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write the pictures into this folder, over no other file"
    )
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


def fields_of(options: argparse.Namespace, parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Put the fields of the call together; what --extra-json says wins."""
    usual = DEFAULT_EDITOR if options.image else DEFAULT_MODEL
    fields = {"model": usual if options.model is None else options.model.removeprefix(PREFIX), "prompt": options.prompt}
    if not fields["model"]:
        parser.error("--model names no model")
    if options.mask is not None and not options.image:
        parser.error("--mask belongs to a picture: give that in --image")
    if options.size is not None:
        fields["size"] = options.size
    if options.count is not None:
        fields["n"] = options.count
    return {**fields, **extra_of(options.extra_json, parser)}


def extra_of(text: str | None, parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Read --extra-json."""
    if text is None:
        return {}
    try:
        extra = json.loads(text, parse_constant=no_number)
    except ValueError as problem:
        parser.error(f"--extra-json is not JSON: {problem}")
    if not isinstance(extra, dict):
        parser.error('--extra-json must be an object, as in \'{"quality": "low"}\'')
    if extra.get("stream"):
        parser.error("--extra-json asks for a stream, which is not read here: leave 'stream' out")
    if "model" in extra:
        extra["model"] = str(extra["model"]).removeprefix(PREFIX)
    return extra


def no_number(name: str) -> NoReturn:
    """Refuse the words that Python takes for numbers and JSON does not."""
    raise ValueError(f"{name} is not a number of JSON")


def paths_of(options: argparse.Namespace) -> list[tuple[str, Path]]:
    """List the files that are sent, each with the name of its field."""
    return [*(("image", path) for path in options.image), *([("mask", options.mask)] if options.mask else [])]


def source_of(path: Path, parser: argparse.ArgumentParser) -> tuple[str, bytes]:
    """Read a picture: its name and bytes."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        parser.error(f"{path} cannot be read: {problem.strerror}")
    if not data:
        parser.error(f"{path} is empty")
    return path.name, data


def folder_of(folder: Path | None, parser: argparse.ArgumentParser) -> Path | None:
    """Make the folder before anything is paid for."""
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        parser.error(f"--out {folder} cannot be made: {problem.strerror}")
    if not os.access(folder, os.W_OK):
        parser.error(f"--out {folder} cannot be written")
    return folder


def base_of(base_url: str, parser: argparse.ArgumentParser) -> str:
    """Spell the base with its version, whether or not it came with one."""
    base = base_url.rstrip("/")
    parts = urllib.parse.urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        parser.error(f"--base-url '{base_url}' is no address: it starts with http:// or https://")
    return base if parts.path.endswith(("/v1", "/v2")) else f"{base}/v1"


def ask(
    base: str, key: str, fields: dict[str, Any], sources: list[tuple[str, tuple[str, bytes]]], timeout_s: float
) -> dict[str, Any]:
    """Send the call and read its answer; raises `Problem` when there is none."""
    headers = {"Authorization": f"Bearer {key}", "User-Agent": "aiml-image-video"}
    is_upload = UPLOADED_TO in str(fields["model"]) or any(name == "mask" for name, _ in sources)
    if sources and is_upload:
        address, (kind, body) = f"{base}/images/edits", form(fields, sources)
    else:
        address, kind = f"{base}/images/generations", "application/json"
        links = [f"data:{kind_of(data)};base64,{base64.b64encode(data).decode()}" for _, (_, data) in sources]
        given = {"image_url": links[0]} if len(links) == 1 else {"image_urls": links} if links else {}
        body = json.dumps({**given, **fields}).encode()
    request = urllib.request.Request(address, body, {**headers, "Content-Type": kind})
    opener = urllib.request.build_opener(KeepAddress)
    answer = fetched(opener, request, timeout_s)
    try:
        told = json.loads(answer)
    except ValueError:
        raise Problem("the answer is not JSON: does --base-url lead to the API?") from None
    if not isinstance(told, dict):
        raise Problem("the answer is not an object: does --base-url lead to the API?")
    return told


def form(fields: dict[str, Any], sources: list[tuple[str, tuple[str, bytes]]]) -> tuple[str, bytes]:
    """Lay a call out as multipart/form-data; returns its type and bytes."""
    boundary = secrets.token_hex(16)
    parts: list[bytes] = []
    for name, value in fields.items():
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            parts.append(part(name, text.encode()))
    for name, (file, data) in sources:
        parts.append(part(name, data, file, kind_of(data, file)))
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + one for one in parts)
    return f"multipart/form-data; boundary={boundary}", body + b"--" + boundary.encode() + b"--\r\n"


def part(name: str, data: bytes, file: str | None = None, kind: str | None = None) -> bytes:
    """Write one part of a form."""
    quoted = urllib.parse.quote(file, safe=" ") if file is not None else None
    head = f'content-disposition: form-data; name="{urllib.parse.quote(name)}"'
    head += f'; filename="{quoted}"\r\ncontent-type: {kind}' if quoted is not None else ""
    return head.encode() + b"\r\n\r\n" + data + b"\r\n"


def fetched(opener: urllib.request.OpenerDirector, request: urllib.request.Request, timeout_s: float) -> bytes:
    """Read what an address answers, within its time and size; raises `Problem`."""
    try:
        with opener.open(request, timeout=timeout_s) as response:
            data = response.read(ANSWER_LIMIT + 1)
    except urllib.error.HTTPError as refused:
        raise refusal(refused) from None
    except TimeoutError:
        raise no_answer(timeout_s) from None
    except (urllib.error.URLError, HTTPException, OSError) as failed:
        reason = getattr(failed, "reason", failed)
        if isinstance(reason, TimeoutError):
            raise no_answer(timeout_s) from None
        raise Problem(f"{request.full_url} was not reached: {reason}") from None
    if len(data) > ANSWER_LIMIT:
        raise Problem(f"the answer is longer than {ANSWER_LIMIT} bytes")
    return data


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


def pictures_of(answer: dict[str, Any]) -> list[tuple[str, bytes]]:
    """Take the pictures out of an answer: for each its link, or else its bytes."""
    found = answer.get("data") or answer.get("images")
    pictures: list[tuple[str, bytes]] = []
    for one in found if isinstance(found, list) else ():
        link, inside = (one.get("url"), one.get("b64_json")) if isinstance(one, dict) else (None, None)
        if isinstance(link, str) and link:
            pictures.append((link, b""))
        elif isinstance(inside, str) and inside:
            try:
                pictures.append(("", base64.b64decode(inside, validate=True)))
            except binascii.Error:
                raise Problem("a picture in the answer is not base64") from None
    if not pictures:
        raise Problem("the answer holds no picture: does --base-url lead to the API?")
    return pictures


def keep(
    folder: Path, pictures: list[tuple[str, bytes]], timeout_s: float, parser: argparse.ArgumentParser
) -> list[str]:
    """Write pictures to a folder, each under a name that was free; returns where they are."""
    places: list[str] = []
    for link, inside in pictures:
        try:
            data = inside or downloaded(link, timeout_s)
            places.append(str(written(folder, data)))
        except (Problem, OSError) as problem:
            sys.stdout.write(
                "".join(f"{one}\n" for one in (*places, *(one for one, _ in pictures[len(places) :] if one)))
            )
            if isinstance(problem, Problem):
                raise
            parser.error(f"--out {folder} cannot be written: {problem.strerror}")
    return places


def downloaded(link: str, timeout_s: float) -> bytes:
    """Read a picture; its link needs no key."""
    if not link.lower().startswith(("http://", "https://")):
        raise Problem(f"the link {link[:200]} of a picture is no address")
    request = urllib.request.Request(link, headers={"User-Agent": "aiml-image-video"})
    return fetched(urllib.request.build_opener(), request, timeout_s)


def written(folder: Path, data: bytes) -> Path:
    """Write a picture over no other file; returns where it is."""
    ending = KINDS.get(kind_of(data), ".bin")
    number = 1
    while True:
        place = folder / f"image-{number}{ending}"
        try:
            with place.open("xb") as file:
                file.write(data)
        except FileExistsError:
            number += 1
        else:
            return place


def kind_of(data: bytes, name: str = "") -> str:
    """Say what a picture is by its first bytes, else by its name."""
    for head, kind in HEADS.items():
        if data.startswith(head):
            return kind
    return mimetypes.guess_type(name)[0] or ("image/svg+xml" if data[:100].lstrip().startswith(b"<") else "image/png")


if __name__ == "__main__":
    raise SystemExit(main())
