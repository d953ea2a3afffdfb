"""RapidOCR: finds lines of text in pixels and reads them. Only its child process imports it."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

from modelport.engines.documents import Pixels
from modelport.engines.layout import Fragment

FINDING = "PP-OCRv6_det_small.onnx"
TURNING = "ch_ppocr_mobile_v2.0_cls_mobile.onnx"


class _Found(Protocol):
    boxes: Sequence[Sequence[Sequence[float]]] | None
    txts: Sequence[str] | None


class _Reader(Protocol):
    def __call__(self, pixels: Pixels) -> _Found: ...


class Reader:
    """A loaded model."""

    def __init__(self, weights: Path, threads: int) -> None:
        settings: Mapping[str, object] = {
            "Det.model_path": str(weights.parent / FINDING),
            "Rec.model_path": str(weights),
            "Cls.model_path": str(weights.parent / TURNING),
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
        self._read = cast("_Reader", importlib.import_module("rapidocr").RapidOCR(params=settings))

    def read(self, pixels: Pixels) -> list[Fragment]:
        """Return the lines of a page."""
        found = self._read(pixels)
        if found.boxes is None or found.txts is None:
            return []
        return [_fragment(box, text) for box, text in zip(found.boxes, found.txts, strict=True) if text.strip()]


def _fragment(box: Sequence[Sequence[float]], text: str) -> Fragment:
    across = [float(corner[0]) for corner in box]
    down = [float(corner[1]) for corner in box]
    return Fragment(text, min(across), min(down), max(across), max(down))
