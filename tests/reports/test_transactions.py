"""Cursors."""

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as some

from modelport.reports.transactions import Cursors, InvalidCursor, Place, TransactionFilter

SECRET = b"a secret of the server, 32 bytes."
CURSORS = Cursors([(1, SECRET)])
PLACE = Place(1, 1_790_000_000_000, 12_345)
WANTED = TransactionFilter(from_ms=1, kind="PAYMENT")
ISSUED = CURSORS.issue(PLACE, 7, WANTED)


@given(at_ms=some.integers(0, 2**50), row=some.integers(1, 2**53), account_id=some.integers(3, 2**40))
def test_a_cursor_comes_back_as_its_place(at_ms: int, row: int, account_id: int) -> None:
    place = Place(1, at_ms, row)
    cursor = CURSORS.issue(place, account_id, WANTED)
    assert CURSORS.read(cursor, account_id, WANTED) == place
    assert set(cursor) <= {*string.ascii_letters, *string.digits, *"-_."}


@given(position=some.integers(0, len(ISSUED) - 1), letter=some.characters(codec="utf-8"))
def test_a_cursor_with_another_letter_is_refused(position: int, letter: str) -> None:
    changed = ISSUED[:position] + letter + ISSUED[position + 1 :]
    if changed == ISSUED:
        return
    with pytest.raises(InvalidCursor):
        CURSORS.read(changed, 7, WANTED)


def recoded(cursor: str) -> list[str]:
    """Write the same content in other ways."""
    payload, signature = cursor.split(".")
    content = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    spaced = base64.urlsafe_b64encode(content.replace(b":", b": ")).rstrip(b"=").decode()
    padded = base64.urlsafe_b64encode(content).decode()
    padded = padded if padded.endswith("=") else padded + "="
    return [
        f"{padded}.{signature}",
        f"{spaced}.{signature}",
        f"{payload}.{signature}=",
        f"{payload}.{signature}.",
        f" {cursor}",
        f"{cursor}\n",
        payload,
        f"{payload}.",
        signature,
        "",
        ".",
        content.decode(),
        cursor * 9,
    ]


@pytest.mark.parametrize("cursor", recoded(ISSUED))
def test_a_cursor_that_was_written_anew_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        CURSORS.read(cursor, 7, WANTED)


def test_a_cursor_continues_only_the_list_it_came_from() -> None:
    for account_id, wanted in (
        (8, WANTED),
        (7, TransactionFilter()),
        (7, TransactionFilter(from_ms=2, kind="PAYMENT")),
    ):
        with pytest.raises(InvalidCursor):
            CURSORS.read(ISSUED, account_id, wanted)


def test_a_cursor_of_an_older_secret_is_good_until_that_secret_is_gone() -> None:
    rotated = Cursors([(2, b"another secret, of 32 bytes too."), (1, SECRET)])
    assert rotated.read(ISSUED, 7, WANTED) == PLACE
    newer = rotated.issue(PLACE, 7, WANTED)
    assert newer != ISSUED
    with pytest.raises(InvalidCursor):
        CURSORS.read(newer, 7, WANTED)
