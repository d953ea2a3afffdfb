"""The address of the engine of OCR: an ASGI application in the shape of Mistral's."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from modelport.engines.asgi import Message, Receive, Send, read_body, send_whole, serve, unless_left
from modelport.engines.documents import Box, Document, Sheet, opened
from modelport.engines.layout import Fragment, markdown
from modelport.engines.ocr_calls import Dimensions, OcrCall, Page, Picture, chosen, ocr_body, read_ocr_call

if TYPE_CHECKING:
    from modelport.engines.documents import Pixels

BODY_BYTES = 96 * 1024 * 1024
_PATHS = ("/ocr", "/v1/ocr")
_Result = TypeVar("_Result")


class PageReader(Protocol):
    """A model that reads."""

    def read(self, pixels: "Pixels") -> list[Fragment]:
        """Return the lines of a page."""
        ...


@dataclass(frozen=True, slots=True)
class OcrFront:
    """Serves `/health` and OCR."""

    model: PageReader
    name: str
    worker: Executor
    """Does what takes long; calls share it, a page each at a time."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await serve(dict.fromkeys(_PATHS, self._answer), scope, receive, send)

    async def _answer(self, _: Message, receive: Receive, send: Send) -> None:
        call = read_ocr_call(await read_body(receive, BODY_BYTES))
        await unless_left(self._read(call, send), receive)

    async def _read(self, call: OcrCall, send: Send) -> None:
        stack = ExitStack()
        try:
            document = await self._work(lambda: stack.enter_context(opened(call.document)))
            pages = [
                await self._work(lambda index=index: self._page(document, index, call))
                for index in chosen(call, document.count())
            ]
        finally:
            await self._work(stack.close)  # after a page that is still being read: PDFium is used by one thread only
        await send_whole(send, 200, ocr_body(call, self.name, pages))

    def _page(self, document: Document, index: int, call: OcrCall) -> Page:
        sheet = document.sheet(index)
        pictures = [_picture(sheet, box, place, call) for place, box in enumerate(_wanted(sheet, call))]
        text = markdown([*self.model.read(sheet.pixels), *map(_shown, pictures)])
        width, height = sheet.image.size
        return Page(index, text, pictures, Dimensions(sheet.dpi, height, width))

    async def _work(self, task: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self.worker, task)


def _wanted(sheet: Sheet, call: OcrCall) -> list[Box]:
    large = [box for box in sheet.pictures if min(box[2] - box[0], box[3] - box[1]) >= call.least_picture]
    return large[: call.most_pictures]


def _picture(sheet: Sheet, box: Box, place: int, call: OcrCall) -> Picture:
    return Picture(f"img-{place}.jpeg", *box, image_base64=sheet.cut(box) if call.wants_pictures else None)


def _shown(one: Picture) -> Fragment:
    corners = (one.top_left_x, one.top_left_y, one.bottom_right_x, one.bottom_right_y)
    return Fragment(f"![{one.id}]({one.id})", *map(float, corners), is_picture=True)
