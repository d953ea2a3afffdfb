"""English text as it is read aloud: numbers, dates, times, money, units and abbreviations in words. Pure."""

import re
import unicodedata
from collections.abc import Callable
from datetime import date

from modelport.engines.english import cardinal, decade, decimal, digits, figures, ordinal, year
from modelport.engines.spoken_words import (
    CODES,
    CURRENCIES,
    DAYS,
    FRACTIONS,
    GREEK,
    MONTHS,
    SCALES,
    SHORT,
    SIGNS,
    STREETS,
    TITLES,
    UNITS,
    either,
)

_NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)"
_DECIMAL = rf"({_NUMBER})(?:\.([0-9]+))?"
_CODE = rf"({either(CODES)})"
_SCALE = rf"(?:\s?({either(SCALES)})\b)?"
_MONTH_NAMES = [name for _, name in MONTHS]
_MONTH = "|".join(rf"{short}\.?|{name}" for short, name in MONTHS)
_MERIDIEM = r"\s?([ap])\.?\s?m\b\.?(?!\w)"
_START = r"(?<![\w.,:/-])"
_END = r"(?![\w]|[.,:/-][0-9])"
_SUFFIX = r"(?:st|nd|rd|th)"

_Rule = tuple["re.Pattern[str]", Callable[["re.Match[str]"], str]]


def spoken(text: str) -> str:
    """Write English text in words only: no digit is left, and no sign that would be read wrongly."""
    folded = _folded(text)
    for pattern, replacement in _RULES:
        folded = pattern.sub(replacement, folded)
    return re.sub(r"[ \t]+", " ", re.sub(r" +([,.;:!?])", r"\1", folded)).strip()


def foreign_word(text: str) -> str | None:
    """Return the first word of spoken text that is not written in Latin letters."""
    found = re.search(r"\S*[^\W\d_A-Za-z]\S*", text)
    return found[0] if found else None


def _folded(text: str) -> str:
    """Bring letters and figures to their plain forms: no accents, no typographic quotes, Greek letters by name."""
    plain = "".join(GREEK.get(one, FRACTIONS.get(one, SIGNS.get(one, one))) for one in text)
    decomposed = unicodedata.normalize("NFKD", plain)
    bare = (one for one in decomposed if not unicodedata.combining(one))
    return "".join(str(unicodedata.decimal(one)) if one.isdecimal() else "" if one.isdigit() else one for one in bare)


def _amount(whole: str, fraction: str | None) -> str:
    plain = whole.replace(",", "")
    return figures(plain) if fraction is None else decimal(plain, fraction)


def _counted(whole: str, fraction: str | None, one: str, many: str) -> str:
    return f"{_amount(whole, fraction)} {one if whole == '1' and fraction is None else many}"


def _money(match: "re.Match[str]") -> str:
    sign, symbol, whole, fraction, scale = match.groups()
    one, many, cent, cents = CURRENCIES[symbol]
    return _minus(sign) + _sum(whole, fraction, scale, (one, many, cent, cents))


def _money_by_code(match: "re.Match[str]") -> str:
    before, whole, fraction, scale, after = match.groups()
    code = before or after
    return _sum(whole, fraction, scale, CURRENCIES[CODES[code]]) if code else match[0]


def _sum(whole: str, fraction: str | None, scale: str | None, names: tuple[str, str, str, str]) -> str:
    one, many, cent, cents = names
    if scale:
        return f"{_amount(whole, fraction)} {SCALES[scale.lower()]} {many}"
    if fraction is None or len(fraction) > 2 or not cents:
        return _counted(whole, fraction, one, many)
    small = int(fraction.ljust(2, "0"))
    parts = [] if int(whole.replace(",", "")) == 0 and small else [_counted(whole, None, one, many)]
    parts += [f"{cardinal(small)} {cent if small == 1 else cents}"] if small else []
    return " and ".join(parts)


def _minus(sign: str | None) -> str:
    return "minus " if sign else ""


def _iso_date(match: "re.Match[str]") -> str:
    return _date(int(match[1]), int(match[2]), int(match[3])) or match[0]


def _slash_date(match: "re.Match[str]") -> str:
    """Read month first, as in America, unless it can only be the day."""
    first, second, years = int(match[1]), int(match[2]), int(match[3])
    return _date(years, first, second) or _date(years, second, first) or match[0]


def _date(years: int, month: int, day: int) -> str | None:
    try:
        date(years, month, day)
    except ValueError:
        return None
    return f"{_MONTH_NAMES[month - 1]} {ordinal(day)}, {year(years)}"


def _month_day(match: "re.Match[str]") -> str:
    month, day, years = match.groups()
    after = f", {year(int(years))}" if years else ""
    return f"{_month(month)} {ordinal(int(day))}{after}" if 1 <= int(day) <= 31 else match[0]


def _day_month(match: "re.Match[str]") -> str:
    day, month, years = match.groups()
    after = f", {year(int(years))}" if years else ""
    return f"{_month(month)} {ordinal(int(day))}{after}" if 1 <= int(day) <= 31 else match[0]


def _month_year(match: "re.Match[str]") -> str:
    return f"{_month(match[1])} {year(int(match[2]))}"


def _month(name: str) -> str:
    return next(full for short, full in MONTHS if name.lower().startswith(short.lower()))


def _time(match: "re.Match[str]") -> str:
    hour, minute, second, half = match.groups()
    said = cardinal(int(hour))
    if minute == "00" and not second:
        said += "" if half else (" hundred hours" if int(hour) > 12 or hour.startswith("0") else " o'clock")
    else:
        said += f" {'oh ' if minute.startswith('0') else ''}{cardinal(int(minute))}"
    after = f" and {_counted(str(int(second)), None, 'second', 'seconds')}" if second else ""
    return said + after + _half(half)


def _hour(match: "re.Match[str]") -> str:
    return cardinal(int(match[1])) + _half(match[2])


def _half(letter: str | None) -> str:
    return f" {letter.upper()}.M." if letter else ""


def _phone(match: "re.Match[str]") -> str:
    groups = re.findall(r"[0-9]+", match[0])
    plus = "plus " if match[0].startswith("+") else ""
    return plus + ", ".join(digits(group) for group in groups)


def _fraction(match: "re.Match[str]") -> str:
    above, below = int(match[1]), int(match[2])
    if not 0 < above < below <= 10:
        return f"{cardinal(above)} over {cardinal(below)}"
    name = {2: "half", 4: "quarter"}.get(below, ordinal(below))
    return f"{cardinal(above)} {name if above == 1 else 'halves' if below == 2 else name + 's'}"


def _unit(match: "re.Match[str]") -> str:
    sign, whole, fraction, unit = match.groups()
    return _minus(sign) + _counted(whole, fraction, *UNITS[unit])


def _degrees(match: "re.Match[str]") -> str:
    sign, whole, fraction, scale = match.groups()
    name = {"C": " Celsius", "F": " Fahrenheit"}.get(scale or "", "")
    return f"{_minus(sign)}{_counted(whole, fraction, 'degree', 'degrees')}{name}"


def _range(match: "re.Match[str]") -> str:
    return f"{match[1]} to {match[2]}"


def _decade(match: "re.Match[str]") -> str:
    return decade(int(match[1]))


def _plain(match: "re.Match[str]") -> str:
    """Say what stands alone: a year, a whole number, one with a point."""
    sign, whole, fraction = match.groups()
    if fraction is None and not sign and len(whole) == 4 and 1100 <= int(whole) <= 2099:
        return year(int(whole))
    return {"-": "minus ", "+": "plus "}.get(sign or "", "") + _amount(whole, fraction)


def _version(match: "re.Match[str]") -> str:
    return " point ".join(figures(part) for part in match[0].split("."))


def _address(match: "re.Match[str]") -> str:
    bare = re.sub(r"^(?:[a-z]+://|mailto:)", "", match[0], flags=re.IGNORECASE)
    tail = re.search(r"[.,;:!?)]+$", bare)
    ends = tail[0] if tail else ""
    body = bare[: len(bare) - len(ends)].rstrip("/")
    for sign, word in ((".", "dot"), ("@", "at"), ("/", "slash"), ("-", "dash"), ("_", "underscore"), (":", "colon")):
        body = body.replace(sign, f" {word} ")
    return re.sub(r"[^\w\s]+", " ", body) + ends


def _roman(match: "re.Match[str]") -> str:
    values = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
    found = [values[letter] for letter in match[2]]
    total = sum(-one if one < after else one for one, after in zip(found, [*found[1:], 0], strict=True))
    return f"{match[1]} {cardinal(total)}"


def _short(match: "re.Match[str]") -> str:
    """Keep the stop where the abbreviation ends a sentence."""
    short = match[1].lower()
    ends = short in _ENDING and re.match(r"\s+[A-Z]|\s*$", match.string[match.end() :])
    return SHORT[short] + ("." if ends else "")


def _day(match: "re.Match[str]") -> str:
    return DAYS[match[1]]


def _title(match: "re.Match[str]") -> str:
    return TITLES[match[1]]


def _street(match: "re.Match[str]") -> str:
    return f"{match[1]} {STREETS[match[2]]}"


def _rule(pattern: str, said: str | Callable[["re.Match[str]"], str], flags: int = 0) -> _Rule:
    return re.compile(pattern, flags), (lambda match: match.expand(said)) if isinstance(said, str) else said


_RULES: tuple[_Rule, ...] = (
    _rule(r"\b(?:https?|ftp)://[^\s<>\"]+|\bmailto:\S+|\bwww\.[^\s<>\"]+", _address, re.IGNORECASE),
    _rule(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+", _address),
    _rule(rf"(?<!\w)(-)?({either(CURRENCIES)})\s?{_DECIMAL}(?:\s?({either(SCALES)})\b)?", _money, re.IGNORECASE),
    _rule(
        rf"\b(?:({either(CODES)})\s)?{_DECIMAL}(?:\s?({either(SCALES)})\b)?(?:\s?({either(CODES)})\b)?", _money_by_code
    ),
    _rule(rf"{_START}([12][0-9]{{3}})-([01][0-9])-([0-3][0-9])(?![\w-])", _iso_date),
    _rule(rf"{_START}([0-3]?[0-9])/([0-3]?[0-9])/([12][0-9]{{3}}){_END}", _slash_date),
    _rule(rf"\b({_MONTH})\s([0-3]?[0-9]){_SUFFIX}?(?:,?\s([12][0-9]{{3}}))?{_END}", _month_day, re.IGNORECASE),
    _rule(rf"\b([0-3]?[0-9]){_SUFFIX}?\s(?:of\s)?({_MONTH})(?:,?\s([12][0-9]{{3}}))?{_END}", _day_month, re.IGNORECASE),
    _rule(rf"\b({_MONTH}),?\s([12][0-9]{{3}}){_END}", _month_year),
    _rule(rf"{_START}([01]?[0-9]|2[0-4]):([0-5][0-9])(?::([0-5][0-9]))?(?:{_MERIDIEM})?{_END}", _time, re.IGNORECASE),
    _rule(rf"{_START}(1[0-2]|[1-9]){_MERIDIEM}", _hour, re.IGNORECASE),
    _rule(r"(?<![\w.])(?:\+[0-9]{1,3}[ .-]?)?(?:\([0-9]{3}\)\s?|[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}(?![\w-])", _phone),
    _rule(r"(?<!\w)\+[0-9](?:[ -]?[0-9]){6,14}(?!\w)", _phone),
    _rule(rf"(?<![\w.])(-)?{_DECIMAL}\s?°\s?([CF])?\b", _degrees),
    _rule(r"\b(1[1-9][0-9]0|20[0-9]0)'?s\b", _decade),
    _rule(r"'([2-9]0)s\b", _decade),
    _rule(r"\b([0-9]{1,2})'\s?([0-9]{1,2})\"", r"\1 foot \2"),
    _rule(rf"(?<![\w.])(-)?{_DECIMAL}\s?({either(UNITS)})(?![\w/])", _unit),
    _rule(rf"{_START}({_NUMBER}(?:\.[0-9]+)?)\s?[-–—]\s?({_NUMBER}(?:\.[0-9]+)?)(?=[\s%,.;:!?)]|$)", _range),
    _rule(rf"{_START}([0-9]{{1,3}})/([0-9]{{1,3}}){_END}", _fraction),
    _rule(rf"({_NUMBER}(?:\.[0-9]+)?)\s?%", r"\1 percent"),
    _rule(rf"\b({_NUMBER}){_SUFFIX}\b", lambda match: ordinal(int(match[1].replace(",", ""))), re.IGNORECASE),
    _rule(r"\b[Nn]os?\.\s?(?=[0-9])|#\s?(?=[0-9])", "number "),
    _rule(r"\b([0-9]+(?:\.[0-9]+){2,})\b", _version),
    _rule(r"~\s?(?=[0-9])", "about "),
    _rule(r"(?<=[0-9])\s?x\s?(?=[0-9])", " by "),
    _rule(r"(?<=[0-9])k\b", " thousand"),
    _rule(r"(?<=[0-9])(?=[A-Za-z])|(?<=[A-Za-z])(?=[0-9])", " "),
    _rule(r"\b([0-9]+):([0-9]+)\b", r"\1 to \2"),
    _rule(r"(?<=\w)\s?([+=×÷<>])\s?(?=\w)", lambda match: f" {_OPERATORS[match[1]]} "),
    _rule(rf"(?<![\w.])([+-])?({_NUMBER})(?:\.([0-9]+))?(?![\d])", _plain),
    _rule(r"([0-9]+)", lambda match: f" {figures(match[1])} "),
    _rule(r"\b(Chapter|Part|Volume|Section|Act|Book|Phase|War|Title|Article)\s([IVXLC]+)\b", _roman),
    _rule(rf"\b({either(TITLES)})\.\s(?=[A-Z])", lambda match: f"{_title(match)} "),
    _rule(rf"\b([A-Z]\w+)\s({either(STREETS)})\b\.?(?=[\s,;:!?]|$)", _street),
    _rule(rf"(?<![\w.])({either(SHORT)})(?!\w)", _short, re.IGNORECASE),
    _rule(rf"\b({either(DAYS)})\.", _day),
    _rule(r"\s?&\s?", " and "),
    _rule(r"\s?@\s?", " at "),
    _rule(r"\s?%", " percent"),
    _rule(r"(?<=\w)/(?=\w)", " slash "),
    _rule(r"°", " degrees "),
    _rule(r"[*_`#|\\^~<>{}\[\]=+$€£¥₹]+", " "),
)
_ENDING = {"etc.", "inc.", "ltd.", "corp.", "jr.", "sr."}
_OPERATORS = {"+": "plus", "=": "equals", "×": "times", "÷": "divided by", "<": "is less than", ">": "is more than"}
