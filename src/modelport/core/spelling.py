"""What somebody may have meant who misspelt a name."""

from collections.abc import Iterable

_LONGEST = 100
_LIKE = 0.7


def likest(wrong: str, names: Iterable[str]) -> str | None:
    """Return the name that looks most like `wrong`, if one looks like it at all."""
    from difflib import get_close_matches  # loaded by the first mistake

    return next(iter(get_close_matches(wrong[:_LONGEST], list(names), n=1, cutoff=_LIKE)), None)
