"""Forms with a file, however they come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.engines.asgi import Message
from modelport.engines.refusals import Refusal
from modelport.engines.uploads import Form, uploaded
from tests.engines.children import form

BOUND = 10_000


async def read(body: bytes, kind: str, cut: int = 1000) -> tuple[Form, bytes]:
    pieces = [body[start : start + cut] for start in range(0, len(body), cut)] or [b""]
    messages = [{"body": piece, "more_body": place < len(pieces) - 1} for place, piece in enumerate(pieces)]

    async def receive() -> Message:
        return messages.pop(0)

    scope: Message = {"headers": [(b"content-type", kind.encode())]}
    async with uploaded(scope, receive, BOUND) as found:
        return found, b"" if found.file is None else found.file.read()


@given(st.binary(max_size=300), st.lists(st.text(alphabet="ab c\n-é", max_size=20), max_size=3), st.integers(1, 400))
async def test_a_form_is_read_whatever_it_holds_and_however_it_is_cut(file: bytes, texts: list[str], cut: int) -> None:
    body, kind = form({"text": texts}, file)
    found, held = await read(body, kind, cut)
    assert held == file
    assert list(found.all("text")) == texts


async def test_a_file_is_read_in_place() -> None:
    body, kind = form({}, b"0123456789")
    async with uploaded({"headers": [(b"content-type", kind.encode())]}, _once(body), BOUND) as found:
        assert found.file is not None
        assert (found.file.seek(-3, 2), found.file.read(2), found.file.read()) == (7, b"78", b"9")
        assert (found.file.seek(100), found.file.read(1), found.file.seek(0), found.file.read(1)) == (10, b"", 0, b"0")


def _once(body: bytes):
    async def receive() -> Message:
        return {"body": body}

    return receive


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (b"{}", "application/json", "not a form"),
        (b"", "multipart/form-data; boundary=x", "empty"),
        (b"no boundary", "multipart/form-data; boundary=x", "broken"),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nnever ends',
            "multipart/form-data; boundary=x",
            "broken",
        ),
        (form({"a": ["b"] * 100}, b"")[0], form({}, b"")[1], "too many parts"),
    ],
)
async def test_what_is_no_form_is_refused(body: bytes, kind: str, says: str) -> None:
    with pytest.raises(Refusal, match=says):
        await read(body, kind)


async def test_a_form_that_is_too_large_is_given_up_early() -> None:
    with pytest.raises(Refusal) as refused:
        await read(bytes(BOUND + 1), form({}, b"")[1])
    assert refused.value.status == 413
