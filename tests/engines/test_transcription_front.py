"""The front over a stand-in for the model: of long sound it keeps one piece at a time."""

import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np

from modelport.engines.hearing import RATE, Piece
from modelport.engines.transcription_calls import TranscriptionCall
from modelport.engines.transcription_front import TranscriptionFront
from modelport.engines.transcripts import Segment
from modelport.engines.uploads import Slice
from tests.engines.children import form

PIECES = 20


class Counting:
    """Hears a number, and counts how many pieces are still held."""

    languages = ("en",)

    def __init__(self) -> None:
        self.seen: list[weakref.ref[object]] = []
        self.most = 0

    def pieces(self, _: Slice) -> Iterator[Piece]:
        for place in range(PIECES):
            yield Piece(float(place), np.zeros(RATE, np.float32))

    def hear(
        self, piece: Piece, call: TranscriptionCall, language: str | None, before: str
    ) -> tuple[str, list[Segment]]:
        self.seen.append(weakref.ref(piece.samples))
        self.most = max(self.most, sum(one() is not None for one in self.seen))
        return "en", [Segment(piece.start_s, piece.end_s, f" {piece.start_s:.0f}", (), 0, 0, 0, 0)]


async def test_of_long_sound_only_a_piece_or_two_are_held() -> None:
    model = Counting()
    with ThreadPoolExecutor(max_workers=1) as worker:
        app = TranscriptionFront(model, "counting", worker, model.pieces)
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://engine") as client:
            body, kind = form({}, b"sound")
            answer = await client.post("/v1/audio/transcriptions", content=body, headers={"content-type": kind})
    assert answer.json() == {
        "text": " ".join(map(str, range(PIECES))),
        "usage": {"seconds": float(PIECES), "type": "duration"},
    }
    assert model.most <= 3
