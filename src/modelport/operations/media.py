"""Pictures, videos, music, speech, transcripts, pages and meshes: what is asked for, in the model's own parameters."""

from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct

Delivery = Literal["url", "base64", "bytes"]
"""How a caller wants a file: as a link, inside the answer, or as the answer itself."""


CaptionForm = Literal["json", "text", "srt", "verbose_json", "vtt"]
"""How a caller wants a transcript, where it may say."""
CAPTION_FORMS: tuple[CaptionForm, ...] = get_args(CaptionForm)


class Upload(Struct, frozen=True):
    """A file that came with a request."""

    name: str
    content_type: str
    data: bytes


class MediaCall(Struct, frozen=True):
    """One request for media, checked against its model and complete."""

    model: str
    """The id or alias that was asked for."""
    fields: Mapping[str, object]
    """What the model takes, under its own names, defaults filled in; values are JSON's, or uploads."""
    delivery: Delivery | None = None
    """None where the caller did not say."""
    dropped: tuple[str, ...] = ()
    """The places of what was sent and is not used."""
    caption: CaptionForm = "json"
    """Of a transcript."""
    webhook_url: str | None = None
    """Where the end of the job is told that the call becomes, if its caller said so; no provider sees it."""
    is_streamed: bool = False
    """Whether what is made is told in events, as far as it is made."""
    drafts: int = 0
    """So many pictures may come of one that is not finished yet."""
