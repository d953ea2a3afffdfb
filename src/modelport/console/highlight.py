"""Sets off strings, comments and words of a language in a program, for readers' eyes only."""

import re
from collections.abc import Mapping

from markupsafe import Markup

_STRING = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|`(?:\\.|[^`\\])*`'
_NUMBER = r"(?<![\w./:-])-?\d+(?:\.\d+)?\b(?![.:/])"
_WORDS: Mapping[str, str] = {
    "curl": r"\bcurl\b|(?<=\s)-{1,2}[A-Za-z]+\b|\$\w+",
    "python": r"\b(?:import|from|for|in|if|elif|while|with|as|print|True|False|None|open)\b",
    "javascript": r"\b(?:import|from|const|let|new|await|for|of|if|while|throw|true|false|null)\b",
    "json": r"\b(?:true|false|null)\b",
}
_COMMENT = r"^(?:#|//).*$"
_KEY = r'"(?:\\.|[^"\\\n])*"(?=\s*:)'


def _pattern(language: str) -> re.Pattern[str]:
    string = r'"(?:\\.|[^"\\\n])*"' if language in ("json", "curl") else _STRING
    parts = (("c", _COMMENT), ("k", _KEY), ("s", string), ("w", _WORDS[language]), ("n", _NUMBER))
    return re.compile("|".join(f"(?P<{name}>{part})" for name, part in parts), re.MULTILINE)


_PATTERNS: Mapping[str, re.Pattern[str]] = {language: _pattern(language) for language in _WORDS}


def highlighted(text: str, language: str) -> Markup:
    """Return a program as markup, everything in it escaped."""
    pieces: list[str] = []
    end = 0
    for found in _PATTERNS[language].finditer(text):
        pieces.append(_escaped(text[end : found.start()]))
        pieces.append(f"<i class={found.lastgroup}>{_escaped(found[0])}</i>")
        end = found.end()
    pieces.append(_escaped(text[end:]))
    return Markup("".join(pieces))


def _escaped(text: str) -> str:
    """Escape what stands between tags; a tenth of the cost of markup for each of a thousand pieces."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
