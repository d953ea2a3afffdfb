"""How a stored file is called: by the day, by whose it is, and by its content."""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from modelport.assets.kinds import Kind, kind_of

_SHARE = b"the folder of an account among files"
_SHARE_BYTES = 12
_KEY = re.compile(r"(?P<day>[0-9]{8})/(?P<share>[0-9a-f]{24})/(?P<digest>[0-9a-f]{64})\.(?P<extension>[a-z0-9]{2,4})")
_DAY = "%Y%m%d"


@dataclass(frozen=True, slots=True)
class AssetKey:
    """The name of a file in the store. One content has one name for each account and day."""

    day: date
    """On which it was stored (UTC)."""
    share: str
    """Stands for the account, and says nothing of it to others."""
    digest: str
    """SHA-256 of its content."""
    kind: Kind

    def __str__(self) -> str:
        """Write it as a path."""
        return f"{self.day:{_DAY}}/{self.share}/{self.digest}.{self.kind.extension}"

    @property
    def name(self) -> str:
        """Return what a file is called that is saved from it."""
        return f"{self.digest[:16]}.{self.kind.extension}"


def parse_key(text: str) -> AssetKey | None:
    """Read a name; None for what is none."""
    found = _KEY.fullmatch(text)
    kind = None if found is None else kind_of(found["extension"])
    day = None if found is None else parse_day(found["day"])
    if found is None or kind is None or day is None:
        return None
    return AssetKey(day, found["share"], found["digest"], kind)


def parse_day(text: str) -> date | None:
    """Read the first part of a name; None for what is none."""
    try:
        return datetime.strptime(text, _DAY).replace(tzinfo=UTC).date() if len(text) == 8 else None
    except ValueError:
        return None


def day_of(at_ms: int) -> date:
    """Return the day of a moment (UTC)."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date()


def end_ms(day: date) -> int:
    """Return the moment in which a day has ended."""
    after = day + timedelta(days=1)
    return int(datetime(after.year, after.month, after.day, tzinfo=UTC).timestamp() * 1000)


class Shares:
    """Knows what stands for an account in the names of its files."""

    def __init__(self, secrets: Sequence[tuple[int, bytes]]) -> None:
        """Take the server's secrets as (version, secret), the newest first."""
        self._keys = [hmac.digest(secret, _SHARE, "sha256") for _, secret in secrets]

    def of(self, account_id: int) -> str:
        """Return what stands for an account in new names."""
        return self.all_of(account_id)[0]

    def all_of(self, account_id: int) -> list[str]:
        """Return all that stood for it since the oldest secret that is still known."""
        message = b"%d" % account_id
        return [hmac.digest(key, message, "sha256")[:_SHARE_BYTES].hex() for key in self._keys]
