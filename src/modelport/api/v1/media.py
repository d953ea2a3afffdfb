"""Calls for media: which address asks for what, and the way into serving."""

from dataclasses import dataclass
from typing import Protocol

from modelport.api.links import Links
from modelport.api.problems import NotBuilt, UnknownRoute
from modelport.api.request import Request
from modelport.dialects.media import addresses
from modelport.dialects.media.addresses import MAKERS, Met, video_of
from modelport.dialects.media.call import FORM
from modelport.keys.key import Key
from modelport.operations.media import Delivery
from modelport.serving.media import MediaRequest
from modelport.serving.ports import Client


class Serve(Protocol):
    """Serves one call from start to finish; raises what goes wrong before its answer begins."""

    async def __call__(self, request: MediaRequest, key: Key, client: Client) -> None: ...


@dataclass(frozen=True, slots=True)
class MediaRoutes:
    """The addresses under which pictures, videos, sounds and texts in pictures are asked for."""

    serve: Serve
    links: Links

    async def images(self, request: Request) -> None:
        """`POST /v1/images/generations`: pictures, and meshes."""
        await self._call(request, addresses.IMAGES)

    async def image_links(self, request: Request) -> None:
        """`POST /v1/images/generations/with-url`."""
        await self._call(request, addresses.IMAGE_LINKS)

    async def edits(self, request: Request) -> None:
        """`POST /v1/images/edits`."""
        await self._call(request, addresses.IMAGE_EDITS)

    async def video(self, request: Request) -> None:
        """`POST /v2/video/generations`."""
        await self._call(request, addresses.VIDEO)

    async def makers_video(self, request: Request) -> None:
        """`POST /v2/generate/video/{provider}/generation`."""
        met = video_of(request.tail)
        if met is None:
            raise UnknownRoute(
                f"videos are made at /v2/video/generations, or /v2/generate/video/{{provider}}/generation with one of "
                f"{', '.join(MAKERS)}"
            )
        await self._call(request, met)

    async def music(self, request: Request) -> None:
        """`POST /v2/generate/audio`."""
        await self._call(request, addresses.MUSIC)

    async def minimax_music(self, request: Request) -> None:
        """`POST /v2/generate/audio/minimax/generate`."""
        await self._call(request, addresses.MINIMAX_MUSIC)

    async def speech(self, request: Request) -> None:
        """`POST /v1/tts`."""
        await self._call(request, addresses.SPEECH, _accepted(request))

    async def openai_speech(self, request: Request) -> None:
        """`POST /v1/audio/speech`."""
        await self._call(request, addresses.SPEECH_BYTES, _accepted(request))

    async def captions(self, request: Request) -> None:
        """`POST /v1/audio/transcriptions`."""
        await self._call(request, addresses.CAPTIONS)

    async def translations(self, request: Request) -> None:
        """`POST /v1/audio/translations`."""
        await self._call(request, addresses.TRANSLATIONS)

    async def transcription_now(self, request: Request) -> None:
        """`POST /v1/stt`."""
        await self._call(request, addresses.TRANSCRIPTION_NOW)

    async def ocr(self, request: Request) -> None:
        """`POST /v1/ocr`."""
        await self._call(request, addresses.OCR)

    async def moderation(self, request: Request) -> None:
        """`POST /v1/moderations`."""
        await self._call(request, addresses.MODERATION)

    async def job(self, request: Request) -> None:
        """`GET` of a job."""
        raise NotBuilt(
            f"{request.path[:200]} is documented but not part of this version: no job can be begun that it would tell "
            "of; use the media provider's own API for now"
        )

    async def _call(self, request: Request, met: Met, accepted: Delivery | None = None) -> None:
        root = self.links.root(request.scope, request.headers)
        await self.serve(await media_request(request, met, accepted, root), request.caller, request.client)


async def media_request(request: Request, met: Met, accepted: Delivery | None = None, root: str = "") -> MediaRequest:
    """Read a request for media: JSON, or a form where the address takes one."""
    kind = request.headers.get(b"content-type", b"")
    if met.takes_forms and kind[: len(FORM)].lower() == FORM.encode():
        body = await request.form_body()
    else:
        body, kind = await request.json_body(), b""
    told = kind.decode("latin-1")
    return MediaRequest(body, told, met, request.request_id, request.client_request_id, accepted, root)


def _accepted(request: Request) -> Delivery | None:
    """Read from `Accept` whether the sound itself is wanted, or JSON; None where it says neither."""
    kinds = [kind.partition(b";")[0].strip().lower() for kind in request.headers.get(b"accept", b"").split(b",")]
    if any(kind.startswith(b"audio/") or kind == b"application/octet-stream" for kind in kinds):
        return "bytes"
    return "url" if b"application/json" in kinds else None
