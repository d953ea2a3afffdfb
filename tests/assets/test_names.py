"""Names of files and links to them."""

import pytest

from modelport.assets.kinds import PNG
from modelport.assets.links import LinkExpired, LinkInvalid, Links, UnknownAsset
from modelport.assets.names import AssetKey, Shares, day_of, end_ms, parse_key
from modelport.core.clock import DAY_MS

OLD, NEW = (1, b"an old secret of this server, long"), (2, b"a new secret of this server, long.")
NOW_MS = 1_777_716_000_123
SHARE = "0123456789abcdef01234567"
KEY = AssetKey(day_of(NOW_MS), SHARE, "ab" * 32, PNG)
LINKS = Links([NEW, OLD], DAY_MS)


def tail_of(path: str) -> str:
    assert path.startswith("/assets/")
    return path.removeprefix("/assets/")


def test_a_name_is_read_as_it_was_written() -> None:
    assert str(KEY) == f"20260502/{SHARE}/{'ab' * 32}.png"
    assert parse_key(str(KEY)) == KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20260502",
        f"20261302/{SHARE}/{'ab' * 32}.png",
        f"20260502/{SHARE}/{'ab' * 32}.exe",
        f"20260502/{SHARE}/{'ab' * 31}.png",
        f"20260502/{SHARE}/../{'ab' * 32}.png",
        f"/20260502/{SHARE}/{'ab' * 32}.png",
        f"20260502/{SHARE}/{'AB' * 32}.png",
        f"20260502/{SHARE}/{'ab' * 32}.png\n",
    ],
)
def test_what_is_no_name_is_not_taken_for_one(text: str) -> None:
    assert parse_key(text) is None


def test_an_account_has_a_folder_that_does_not_name_it() -> None:
    shares = Shares([NEW, OLD])
    assert shares.of(7) != shares.of(8)
    assert shares.all_of(7) == [Shares([NEW]).of(7), Shares([OLD]).of(7)]


def test_a_link_gives_access_until_it_ends() -> None:
    tail = tail_of(LINKS.path(KEY, NOW_MS))
    granted = LINKS.read(tail, NOW_MS)
    assert (granted.key, granted.expires_at_ms) == (KEY, (NOW_MS + DAY_MS) // 1000 * 1000)
    assert LINKS.read(tail, granted.expires_at_ms - 1) == granted
    with pytest.raises(LinkExpired, match="2026-05-03T10:00:00"):
        LINKS.read(tail, granted.expires_at_ms)


def test_a_link_made_late_ends_before_its_file_is_swept() -> None:
    late_ms = end_ms(KEY.day) + DAY_MS // 2
    assert LINKS.read(tail_of(LINKS.path(KEY, late_ms)), late_ms).expires_at_ms == LINKS.gone_ms(KEY)


def test_a_link_of_an_older_secret_still_gives_access() -> None:
    tail = tail_of(Links([OLD], DAY_MS).path(KEY, NOW_MS))
    assert LINKS.read(tail, NOW_MS).key == KEY
    with pytest.raises(LinkInvalid):
        Links([NEW], DAY_MS).read(tail, NOW_MS)


def test_no_part_of_a_link_can_be_exchanged() -> None:
    tail = tail_of(LINKS.path(KEY, NOW_MS))
    refused = 0
    for at, letter in enumerate(tail):
        other = tail[:at] + ("0" if letter != "0" else "1") + tail[at + 1 :]
        with pytest.raises((LinkInvalid, UnknownAsset)):
            LINKS.read(other, NOW_MS)
        refused += 1
    assert refused == len(tail)


@pytest.mark.parametrize("root", ["", "http://127.0.0.1:8080", "https://any.example/below"])
def test_an_address_is_ours_by_its_signature_under_whichever_name_it_came(root: str) -> None:
    found = LINKS.find(f"{root}{LINKS.path(KEY, NOW_MS)}", NOW_MS, ["https://us.example"])
    assert found is not None
    assert found.key == KEY


def test_an_address_that_looks_like_ours_is_somebody_elses_unless_it_begins_like_ours() -> None:
    forged = LINKS.path(KEY, NOW_MS).replace("ab", "cd")
    roots = ["https://us.example"]
    assert LINKS.find(f"https://other.example{forged}", NOW_MS, roots) is None
    assert LINKS.find("https://other.example/assets/logo.png", NOW_MS, roots) is None
    assert LINKS.find("https://other.example/cat.png", NOW_MS, roots) is None
    for ours in (forged, f"https://us.example{forged}"):
        with pytest.raises(LinkInvalid):
            LINKS.find(ours, NOW_MS, roots)
    with pytest.raises(UnknownAsset):
        LINKS.find("https://us.example/assets/logo.png", NOW_MS, roots)
    with pytest.raises(LinkExpired):
        LINKS.find(f"https://other.example{LINKS.path(KEY, NOW_MS)}", NOW_MS + 2 * DAY_MS, roots)
