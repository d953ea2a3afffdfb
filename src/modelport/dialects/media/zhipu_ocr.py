"""Zhipu's GLM-OCR: a document or a picture in, its layout out, which is laid out here as pages of Markdown.

Shapes: https://docs.z.ai/api-reference/tools/layout-parsing (read 2026-11-29). Pages count from 1 there and come as one
run; boxes are parts of the page's width and height.
"""

import re
from collections.abc import Mapping, Sequence
from typing import cast

from modelport.dialects.media.asked import asked
from modelport.dialects.media.reading_json import Json, inlined, members, needed, post, text
from modelport.dialects.media.transcripts import inner, rows
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import NotExpressible, UpstreamRequest
from modelport.operations.made import Made, Pages
from modelport.operations.usage import Usage

PATH = "/layout_parsing"
_GONE = ("image_limit", "image_min_size", "include_image_base64")
"""What only other readers of pages take."""
_RUN = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")
_CORNERS = ("top_left_x", "top_left_y", "bottom_right_x", "bottom_right_y")
PICTURE = "image"


class ZhipuOcr(Usual):
    """The wire format of `/layout_parsing`."""

    takes: frozenset[Carriage] = frozenset({"inline", "link"})

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write a call."""
        del ticket
        fields, dropped = asked(order)
        document = inner(fields, "document")
        kind = text(document, "type")
        sent: dict[str, object] = {"model": order.target.offer.upstream, "file": inlined(document.get(kind))}
        if (run := _run(order, fields.get("pages"))) is not None:
            sent["start_page_id"], sent["end_page_id"] = run[0] + 1, run[1] + 1
        dropped += [name for name in _GONE if name in fields]
        left = (*_GONE, "document", "pages")
        return post(PATH, {**sent, **{name: value for name, value in fields.items() if name not in left}}, dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read the pages."""
        del ticket
        answer = members(told.body, "the layout of a document")
        run = _run(order, order.call.fields.get("pages"))
        return Pages(
            pages=_pages(answer, needed(answer, "md_results"), 0 if run is None else run[0]),
            model=text(answer, "model") or order.target.offer.upstream,
            usage=_used(inner(answer, "usage")),
        )


def _run(order: Order, pages: object) -> tuple[int, int] | None:
    """Return the first and the last page that are asked for, from 0; None for all of them."""
    if pages is None or pages == []:
        return None
    if isinstance(pages, str):
        found = _RUN.fullmatch(pages.strip())
        if found is not None:
            return int(found[1]), int(found[2] or found[1])
    elif isinstance(pages, list):
        numbers = sorted({one for one in cast("list[object]", pages) if type(one) is int and one >= 0})
        if (
            numbers
            and numbers[-1] - numbers[0] == len(numbers) - 1
            and len(numbers) == len(cast("list[object]", pages))
        ):
            return numbers[0], numbers[-1]
    raise NotExpressible("pages", order.target.offer.provider.name, "reads one run of pages, such as '0-2' or [4, 5]")


def _pages(answer: Json, whole: str, first: int) -> list[Json]:
    """Lay out each page; all of the document is one page where its layout is not told."""
    found = answer.get("layout_details")
    layouts = [rows(one) for one in cast("list[object]", found)] if isinstance(found, list) else []
    sizes = rows(inner(answer, "data_info").get("pages"))
    drawn = answer.get("layout_visualization")
    links = cast("list[object]", drawn) if isinstance(drawn, list) else []
    pages: list[Json] = []
    for number, elements in enumerate(layouts or [[]]):
        said = [content for one in elements if (content := text(one, "content"))]
        sized = [*sizes[number : number + 1], *elements]
        page: dict[str, object] = {
            "index": first + number,
            "markdown": whole if len(layouts) <= 1 else "\n\n".join(said),
            "images": _pictures(elements),
            "dimensions": _dimensions(sized[0]) if sized else None,
        }
        if number < len(links):
            page["layout_visualization"] = links[number]
        pages.append(page)
    return pages


def _dimensions(size: Json) -> Json | None:
    width, height = size.get("width"), size.get("height")
    if not isinstance(width, int) or not isinstance(height, int):
        return None
    return {"dpi": None, "height": height, "width": width}


def _pictures(elements: Sequence[Json]) -> list[Json]:
    pictures: list[Json] = []
    for one in elements:
        box = one.get("bbox_2d")
        if text(one, "label") == PICTURE and isinstance(box, list):
            corners = zip(_CORNERS, cast("list[object]", box), ("width", "height") * 2, strict=False)
            places: Mapping[str, object] = {name: _placed(part, one.get(side)) for name, part, side in corners}
            pictures.append({"id": f"img-{one.get('index', len(pictures))}", **places})
    return pictures


def _placed(part: object, whole: object) -> int | None:
    """Turn a part of a side into pixels; what is beyond 1 is pixels already."""
    if isinstance(part, bool) or not isinstance(part, int | float):
        return None
    return round(part * whole) if 0 <= part <= 1 and isinstance(whole, int) else round(part)


def _used(told: Json) -> Usage | None:
    given, taken = told.get("prompt_tokens"), told.get("completion_tokens")
    if type(given) is not int or type(taken) is not int:
        return None
    return Usage({"input": given, "output": taken}, "provider")


CALLED = ZhipuOcr()
