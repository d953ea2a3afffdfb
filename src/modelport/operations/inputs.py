"""Files that a call is about: what a caller pointed at or sent, read and recognised."""

import base64

from msgspec import Struct


class Input(Struct, frozen=True):
    """A file as it is handed to a provider."""

    data: bytes
    content_type: str
    """What its bytes say that it is, whatever it was called."""
    name: str
    """What it can be called: letters, digits and `._-`, with the extension of its type."""
    address: str = ""
    """Where anybody can fetch it; empty where only we have it."""

    @property
    def base64(self) -> str:
        """Return its bytes as text."""
        return base64.b64encode(self.data).decode()

    @property
    def data_url(self) -> str:
        """Return it as an address that holds all of it."""
        return f"data:{self.content_type.partition(';')[0]};base64,{self.base64}"
