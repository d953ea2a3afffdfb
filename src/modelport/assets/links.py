"""Links to stored files: nobody can guess one, and each ends."""

import base64
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from modelport.assets.names import AssetKey, end_ms, parse_key
from modelport.core.clock import iso_ms
from modelport.core.errors import Problem

PATH = "/assets/"
_PURPOSE = b"links to files"
_SIGNATURE_BYTES = 24
_TAIL = re.compile(r"(?P<expires>[0-9]{9,11})-(?P<signature>[A-Za-z0-9_-]{32})/(?P<key>[0-9a-f/]{98}\.[a-z0-9]{2,4})")
_LONGEST = 2048


class LinkInvalid(Problem):
    """The address of a file whose signature is not ours (403)."""

    def __init__(self) -> None:
        super().__init__("this address of a file was not made by this server, or was changed: use it as it was given")


class LinkExpired(Problem):
    """The address of a file that has ended (410)."""

    def __init__(self, expired_at_ms: int) -> None:
        super().__init__(
            f"this address of a file ended at {iso_ms(expired_at_ms)}: files are kept for a limited time, make it again"
        )


class UnknownAsset(Problem):
    """There is no such file, or it was swept (404)."""

    def __init__(self) -> None:
        super().__init__("there is no such file: it was deleted, or its address is incomplete")


@dataclass(frozen=True, slots=True)
class Granted:
    """What a link gives access to."""

    key: AssetKey
    expires_at_ms: int


class Links:
    """Signs the paths of files and takes them back: `/assets/{expiry}-{signature}/{name of the file}`."""

    def __init__(self, secrets: Sequence[tuple[int, bytes]], lifetime_ms: int) -> None:
        """Take the server's secrets as (version, secret), the newest first: it signs, the others still verify."""
        self._keys = [hmac.digest(secret, _PURPOSE, "sha256") for _, secret in secrets]
        self.lifetime_ms = lifetime_ms

    def path(self, key: AssetKey, now_ms: int) -> str:
        """Return a path that can be called for a lifetime, but never after the file itself may be swept."""
        expires_at_s = min(now_ms + self.lifetime_ms, self.gone_ms(key)) // 1000
        return f"{PATH}{expires_at_s}-{_signature(self._keys[0], expires_at_s, str(key))}/{key}"

    def gone_ms(self, key: AssetKey) -> int:
        """Return the moment from which on a file may be swept: a lifetime after its day has ended."""
        return end_ms(key.day) + self.lifetime_ms

    def read(self, tail: str, now_ms: int) -> Granted:
        """Read what follows `/assets/`; raises `UnknownAsset`, `LinkInvalid`, `LinkExpired`."""
        found = _TAIL.fullmatch(tail)
        key = None if found is None else parse_key(found["key"])
        if found is None or key is None:
            raise UnknownAsset
        expires_at_s = int(found["expires"])
        if not self._is_signed(found["signature"], expires_at_s, found["key"]):
            raise LinkInvalid
        if now_ms >= expires_at_s * 1000:
            raise LinkExpired(expires_at_s * 1000)
        return Granted(key, expires_at_s * 1000)

    def _is_signed(self, signature: str, expires_at_s: int, key: str) -> bool:
        return any(hmac.compare_digest(_signature(one, expires_at_s, key), signature) for one in self._keys)

    def find(self, address: str, now_ms: int, roots: Sequence[str] = ()) -> Granted | None:
        """Return what an address of ours gives access to; None where it is somebody else's.

        One is ours by its signature, whichever name it was made under. One that begins with one of `roots`, or with
        no host at all, is ours too: raises `LinkInvalid`, `LinkExpired`, `UnknownAsset` where it gives no access.
        """
        if len(address) > _LONGEST or PATH not in address:
            return None
        is_ours = address.startswith(PATH) or any(address.startswith(f"{root}{PATH}") for root in roots)
        try:
            path = urlsplit(address).path
        except ValueError:
            path = ""
        try:
            return self.read(path[path.rfind(PATH) + len(PATH) :], now_ms) if PATH in path else None
        except (LinkInvalid, UnknownAsset):
            if is_ours:
                raise
            return None


def _signature(key: bytes, expires_at_s: int, name: str) -> str:
    signed = hmac.digest(key, f"{expires_at_s} {name}".encode(), "sha256")[:_SIGNATURE_BYTES]
    return base64.urlsafe_b64encode(signed).decode()
