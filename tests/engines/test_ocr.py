"""The real engine of OCR with its real model: an invoice in a PDF, pictures, what is refused."""

import base64
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from modelport.engines.entries import OCR
from tests.engines.children import PlainEngine, plain_engine
from tests.engines.conftest import filled_store

pytestmark = pytest.mark.weights

READER = "pp-ocrv6-small"
INVOICE = [
    (24, 60, 740, "Invoice 2026-0042"),
    (12, 60, 700, "Acme Harbour Supplies Ltd."),
    (12, 60, 684, "12 Quay Street, Port Town"),
    (12, 60, 668, "Date: 29 November 2026"),
    *((12, left, 600 - 24 * line, text) for line, row in enumerate(
        [("Item", "Qty", "Price"), ("Rope 20 m", "2", "$42.50"), ("Anchor", "1", "$199.00"), ("Total", "", "$284.00")]
    ) for left, text in zip((60, 280, 420), row, strict=True) if text),
]  # fmt: skip
"""Size, place from left and below, text."""
TABLE = """| Item | Qty | Price |
| --- | --- | --- |
| Rope 20 m | 2 | $42.50 |
| Anchor | 1 | $199.00 |
| Total |  | $284.00 |"""
SQUARE = b"q 100 0 0 100 300 300 cm /Im0 Do Q"


def pdf(*pages: tuple[Sequence[tuple[int, int, int, str]], bytes]) -> bytes:
    """Write a PDF by hand: pages of texts in Helvetica, each with more drawing."""
    count = len(pages)
    kids = b" ".join(b"%d 0 R" % (5 + 2 * place) for place in range(count))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Type /XObject /Subtype /Image /Width 2 /Height 2 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 4"
        b" >>\nstream\n\xbb\xcc\xcc\xbb\nendstream",
    ]
    for place, (texts, more) in enumerate(pages):
        drawn = b"\n".join(b"BT /F1 %d Tf %d %d Td (%s) Tj ET" % (*line[:3], line[3].encode()) for line in texts)
        drawn += b"\n" + more
        resources = b"<< /Font << /F1 3 0 R >> /XObject << /Im0 4 0 R >> >>"
        page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources %s /Contents %d 0 R >>"
        objects.append(page % (resources, 6 + 2 * place))
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn))
    out = b"%PDF-1.4\n"
    places: list[int] = []
    for number, one in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)


@pytest.fixture(scope="module")
def engine() -> Iterator[PlainEngine]:
    with plain_engine(filled_store(OCR, READER), READER) as started:
        yield started


def url(data: bytes, kind: str = "application/pdf") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def read(engine: PlainEngine, data: bytes, **fields: object) -> Any:
    answer = engine.ask("/v1/ocr", {"document": {"type": "document_url", "document_url": url(data)}, **fields})
    assert answer.status == 200, answer.body
    return answer.json


def test_an_invoice_is_read_with_its_heading_and_its_table(engine: PlainEngine) -> None:
    data = pdf((INVOICE, b""))
    answer = read(engine, data)
    (page,) = answer["pages"]
    heading, address, table = page["markdown"].split("\n\n")
    assert heading == "# Invoice 2026-0042"
    assert address.splitlines() == [text for _, _, _, text in INVOICE[1:4]]
    assert table == TABLE
    assert page["dimensions"] == {"dpi": 200, "height": 2339, "width": 1653}
    assert (page["index"], page["images"], answer["document_annotation"]) == (0, [], None)
    assert (answer["model"], answer["usage_info"]) == (READER, {"pages_processed": 1, "doc_size_bytes": len(data)})


def test_pages_are_chosen_and_pictures_are_cut_out(engine: PlainEngine) -> None:
    image = pytest.importorskip("PIL.Image")
    data = pdf(
        ([], b""),
        ([(14, 60, 700, "Page two has a picture of squares.")], SQUARE),
        ([(14, 60, 700, "Page three has none at all.")], b""),
    )
    second, third = read(engine, data, pages="1-2", include_image_base64=True)["pages"]
    assert [second["index"], third["index"]] == [1, 2]
    assert third["markdown"] == "Page three has none at all."
    assert second["markdown"] == "Page two has a picture of squares.\n\n![img-0.jpeg](img-0.jpeg)"
    (picture,) = second["images"]
    assert picture["bottom_right_x"] - picture["top_left_x"] == pytest.approx(100 / 72 * 200, abs=2)
    cut = base64.b64decode(picture["image_base64"].partition(",")[2])
    assert image.open(io.BytesIO(cut)).size[0] == pytest.approx(278, abs=2)
    (small,) = read(engine, data, pages=[1], image_min_size=500)["pages"]
    assert (small["images"], small["markdown"]) == ([], "Page two has a picture of squares.")


def test_a_picture_is_read_and_so_is_nothing(engine: PlainEngine) -> None:
    image = pytest.importorskip("PIL.Image")
    draw, font = pytest.importorskip("PIL.ImageDraw"), pytest.importorskip("PIL.ImageFont")
    paper = image.new("RGB", (500, 100), "white")
    blank, written = io.BytesIO(), io.BytesIO()
    paper.save(blank, "PNG")
    draw.Draw(paper).text((20, 30), "Harbour 4711", font=font.load_default(size=36), fill="black")
    paper.save(written, "WEBP", lossless=True)
    for file, said in ((written, "Harbour 4711"), (blank, "")):
        document = {"type": "image_url", "image_url": {"url": url(file.getvalue(), "image/png")}}
        answer = engine.ask("/ocr", {"model": "x", "document": document})
        assert answer.status == 200, answer.body
        (page,) = answer.json["pages"]
        assert page["markdown"] == said
        assert page["dimensions"] == {"dpi": 72, "height": 100, "width": 500}


REFUSED: list[Any] = [
    ({"document": {"type": "document_url", "document_url": "https://example.com/a.pdf"}}, "must be a data URL"),
    ({"document": {"type": "document_url", "document_url": url(b"words")}}, "neither a PDF nor a picture"),
    ({"document": {"type": "document_url", "document_url": url(b"%PDF-1.4 broken")}}, "the PDF cannot be opened"),
    ({"document": {"type": "document_url", "document_url": "data:;base64,!"}}, "not proper base64"),
    ({"pages": [7]}, "asks for page 7, and the document has 1"),
    ({"pages": "2-1"}, "'pages' has '2-1'"),
    ({"document_annotation_format": {"type": "json_schema"}}, "only reads"),
    ({"colour": "red"}, "colour"),
]


@pytest.mark.parametrize(("fields", "says"), REFUSED, ids=[says for _, says in REFUSED])
def test_what_it_cannot_read_is_refused_clearly(engine: PlainEngine, fields: dict[str, object], says: str) -> None:
    document = {"type": "document_url", "document_url": url(pdf(([], b"")))}
    answer = engine.ask("/v1/ocr", {"document": document, **fields})
    assert answer.status == 400
    assert says in json.dumps(answer.json)
