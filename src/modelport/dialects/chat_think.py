"""Splitting reasoning that a model writes between `<think>` tags from what it says, wherever the text is cut."""

from typing import Literal

_OPEN = "<think>"
_CLOSE = "</think>"
Kind = Literal["thought", "said"]
Piece = tuple[Kind, str]


class ThinkSplitter:
    """Takes the content of one answer in pieces; only a tag at its very beginning opens reasoning.

    Line ends next to the tags belong to neither side.
    """

    __slots__ = ("_held", "_state")

    def __init__(self) -> None:
        self._held = ""
        self._state: Literal["start", "head", "thought", "gap", "said"] = "start"

    def feed(self, text: str) -> list[Piece]:
        """Return what is certain of the text so far."""
        if self._state == "said":
            return [("said", text)] if text else []
        self._held += text
        found: list[Piece] = []
        while self._step(found):
            pass
        return found

    def flush(self) -> list[Piece]:
        """Return what was held back, when no more comes."""
        held, self._held = self._held, ""
        if not held or self._state == "gap":
            return []
        return [("thought" if self._state in ("head", "thought") else "said", held)]

    def _step(self, found: list[Piece]) -> bool:
        """Go on from one state to the next; False when more text is needed."""
        match self._state:
            case "start":
                return self._start()
            case "head":
                if not self._held:
                    return False
                self._held, self._state = self._held.removeprefix("\n"), "thought"
                return True
            case "thought":
                return self._thought(found)
            case "gap":
                self._held = self._held.lstrip("\n")
                self._state = "said" if self._held else "gap"
                return bool(self._held)
            case _:
                if self._held:
                    found.append(("said", self._held))
                self._held = ""
                return False

    def _start(self) -> bool:
        bare = self._held.lstrip()
        if bare.startswith(_OPEN):
            self._held, self._state = bare[len(_OPEN) :], "head"
            return True
        if _OPEN.startswith(bare):
            return False
        self._state = "said"
        return True

    def _thought(self, found: list[Piece]) -> bool:
        text, tag, rest = self._held.partition(_CLOSE)
        if tag:
            self._held, self._state = rest, "gap"
            text = text.removesuffix("\n")
        else:
            kept = _maybe_closing(text)
            self._held = text[len(text) - kept :]
            text = text[: len(text) - kept]
        if text:
            found.append(("thought", text))
        return bool(tag)


def _maybe_closing(text: str) -> int:
    """Count the characters at the end of a text that may be the beginning of a line end and the closing tag."""
    marker = "\n" + _CLOSE
    for length in range(min(len(marker) - 1, len(text)), 0, -1):
        tail = text[-length:]
        if marker.startswith(tail) or _CLOSE.startswith(tail):
            return length
    return 0
