"""Numbers in English words. Pure."""

_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_ODD_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
MOST = 10**15 - 1
"""Larger numbers are read digit by digit."""


def cardinal(number: int) -> str:
    """Say a whole number: `forty-two`."""
    if number < 0:
        return f"minus {cardinal(-number)}"
    if number > MOST:
        return digits(str(number))
    if number < 20:
        return _SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f"-{_SMALL[ones]}" if ones else "")
    size, name = next(scale for scale in _SCALES if number >= scale[0])
    many, rest = divmod(number, size)
    return f"{cardinal(many)} {name}" + (f" {cardinal(rest)}" if rest else "")


def ordinal(number: int) -> str:
    """Say a place in a row: `twenty-first`."""
    words = cardinal(number)
    head, joint, last = _split_last(words)
    if last in _ODD_ORDINALS:
        return f"{head}{joint}{_ODD_ORDINALS[last]}"
    return f"{head}{joint}{last[:-1]}ieth" if last.endswith("y") else f"{words}th"


def year(number: int) -> str:
    """Say a year: `nineteen ninety-nine`, `two thousand five`, `twenty twenty-six`."""
    century, rest = divmod(number, 100)
    if not 1100 <= number <= 2099 or 2000 <= number <= 2009:
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def decade(number: int) -> str:
    """Say ten years: `nineteen eighties`."""
    words = year(number)
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def digits(figures: str) -> str:
    """Say figures one by one."""
    return " ".join(_SMALL[int(figure)] for figure in figures)


def decimal(whole: str, fraction: str) -> str:
    """Say a number with digits after the point: `three point one four`."""
    return f"{figures(whole)} point {digits(fraction)}"


def figures(text: str) -> str:
    """Say a row of figures: as a number, or one by one where it is none (a zero in front, too many)."""
    return digits(text) if len(text) > 15 or (text[0] == "0" and len(text) > 1) else cardinal(int(text))


def _split_last(words: str) -> tuple[str, str, str]:
    for joint in ("-", " "):
        head, found, last = words.rpartition(joint)
        if found and " " not in last:
            return head, joint, last
    return "", "", words
