"""Writes values as people write them in JSON, Python and JavaScript: on one line where they fit."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

WIDTH = 96
_STEP = "  "
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


@dataclass(frozen=True, slots=True)
class Notation:
    """How a language spells what is in a request."""

    key: Callable[[str], str]
    constants: Mapping[object, str]
    step: str
    """How far what is inside stands further in."""
    trailing: str = ""
    """What stands after the last of several lines."""
    spaced: bool = False
    """Whether the braces of an object on one line have spaces inside."""

    def write(self, value: object, indent: str = "", used: int = 0) -> str:
        """Write a value that begins after `used` columns of a line that is indented by `indent`."""
        inside = self._inside(value)
        if used < WIDTH or not inside:
            flat = self._flat(value)
            if used + len(flat) <= WIDTH or not inside:
                return flat
        inner = indent + self.step
        lines = [f"{inner}{start}{self.write(member, inner, len(inner) + len(start))}" for start, member in inside]
        start, end = "{}" if isinstance(value, dict) else "[]"
        return f"{start}\n" + ",\n".join(lines) + f"{self.trailing}\n{indent}{end}"

    def _inside(self, value: object) -> list[tuple[str, object]]:
        """List what is inside an object, each with what stands before it, or inside an array; nothing elsewhere."""
        if not isinstance(value, dict | list | tuple):
            return []
        if isinstance(value, dict):
            named = cast(Mapping[str, object], value)
            return [(f"{self.key(name)}: ", member) for name, member in named.items()]
        return [("", member) for member in cast(Sequence[object], value)]

    def _flat(self, value: object) -> str:
        if isinstance(value, str):
            return _quoted(value)
        if isinstance(value, dict | list | tuple):
            inside = ", ".join(start + self._flat(member) for start, member in self._inside(cast(object, value)))
            if not isinstance(value, dict):
                return f"[{inside}]"
            return f"{{ {inside} }}" if self.spaced and inside else f"{{{inside}}}"
        if value is None or isinstance(value, bool):
            return self.constants[value]
        return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


_quoted = json.encoder.encode_basestring


def _bare(name: str) -> str:
    return name if _NAME.fullmatch(name) else _quoted(name)


_JSON_WORDS: Mapping[object, str] = {None: "null", True: "true", False: "false"}
JSON = Notation(_quoted, _JSON_WORDS, _STEP)
PYTHON = Notation(_quoted, {None: "None", True: "True", False: "False"}, "    ", ",")
JAVASCRIPT = Notation(_bare, _JSON_WORDS, _STEP, ",", spaced=True)
