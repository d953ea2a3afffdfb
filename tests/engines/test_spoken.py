"""English text in words: what people write, and what holds of any text."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelport.engines import english
from modelport.engines.spoken import foreign_word, spoken

SAID: list[Any] = [
    ("It costs $42.50, not $1.", "It costs forty-two dollars and fifty cents, not one dollar."),
    ("$1.5 million; €3; -£2.01; $0.99", "one point five million dollars; three euros; minus two pounds and one penny; "
     "ninety-nine cents"),
    ("$5k, 100 USD, EUR 5 million", "five thousand dollars, one hundred dollars, five million euros"),
    ("1,234,567 and 3.14 and -5 and 007", "one million two hundred thirty-four thousand five hundred sixty-seven and "
     "three point one four and minus five and zero zero seven"),
    ("At 10:45 a.m. or 3:00 PM", "At ten forty-five A.M. or three P.M."),
    ("15:30, 3:05, 3 pm, 8:00, 9am", "fifteen thirty, three oh five, three P.M., eight o'clock, nine A.M."),
    ("Be here at 10 a.m. Then go.", "Be here at ten A.M. Then go."),
    ("9:15:30", "nine fifteen and thirty seconds"),
    ("2026-11-29", "November twenty-ninth, twenty twenty-six"),
    ("11/29/2026, 29/11/2026", "November twenty-ninth, twenty twenty-six, November twenty-ninth, twenty twenty-six"),
    ("Nov. 29, 2026", "November twenty-ninth, twenty twenty-six"),
    ("the 3rd of May 2005", "the May third, two thousand five"),
    ("May 2025; it may rain", "May twenty twenty-five; it may rain"),
    ("In 1999, 1905, 1900, 2000", "In nineteen ninety-nine, nineteen oh five, nineteen hundred, two thousand"),
    ("the 1980s and '90s", "the nineteen eighties and nineties"),
    ("3.5% of 5%", "three point five percent of five percent"),
    ("-5°C, 72°F, 90°", "minus five degrees Celsius, seventy-two degrees Fahrenheit, ninety degrees"),
    ("5 kg, 1 km, 100 km/h, 2.4 GHz", "five kilograms, one kilometer, one hundred kilometers per hour, two point four "
     "gigahertz"),
    ("1st 2nd 3rd 12th 21st 112th", "first second third twelfth twenty-first one hundred twelfth"),
    ("(555) 123-4567", "five five five, one two three, four five six seven"),
    ("+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight"),
    ("Dr. Smith, 10 Main St.", "Doctor Smith, ten Main Street"),
    ("St. Paul, e.g. cats, etc. We", "Saint Paul, for example cats, et cetera. We"),
    ("pages 10-20, 2010–2020", "pages ten to twenty, twenty ten to twenty twenty"),
    ("1/2, 3/4, 24/7, ½", "one half, three quarters, twenty-four over seven, one half"),
    ("version 1.2.3", "version one point two point three"),
    ("https://example.com/a.", "example dot com slash a."),
    ("a.b@c.com", "a dot b at c dot com"),
    ("World War II, Chapter IV", "World War two, Chapter four"),
    ("x² + y = z, 3 × 4, 80x24", "x squared plus y equals z, three times four, eighty by twenty-four"),
    ("rock & roll, AT&T, #1, No. 5", "rock and roll, AT and T, number one, number five"),
    ("GPT-4, 3D, 3:1, 5'10\"", "GPT-four, three D, three to one, five foot ten"),
    ("café naïve π “so”", "cafe naive pi \"so\""),
    ("**bold** `code`", "bold code"),
    ("٣ and ③", "three and three"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "said"), SAID, ids=[written for written, _ in SAID])
def test_what_people_write_is_said_as_they_say_it(written: str, said: str) -> None:
    assert spoken(written) == said


@settings(deadline=None)
@given(
    st.text(alphabet=st.sampled_from("0123456789.,:-/ $%°'apmkgsx+#()NovXIV½٣é"), max_size=40) | st.text(max_size=40)
)
def test_no_digit_is_left_in_any_text(text: str) -> None:
    said = spoken(text)
    assert not any(letter.isdigit() for letter in said)


def read_back(words: str) -> int:
    """Add up the words of a number."""
    values = {english.cardinal(number): number for number in [*range(21), *range(30, 100, 10)]}
    scales = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
    total = part = 0
    for word in words.replace("-", " ").split():
        if word == "hundred":
            part *= 100
        elif word in scales:
            total, part = total + part * scales[word], 0
        else:
            part += values[word]
    return total + part


@given(st.integers(0, english.MOST) | st.integers(0, 2000))
def test_the_words_of_a_number_add_up_to_it(number: int) -> None:
    assert read_back(english.cardinal(number)) == number
    assert spoken(f"{number:,}" if number > 999 else str(number)) == english.cardinal(number)


@given(st.integers(0, english.MOST - 100))
def test_a_place_in_a_row_ends_like_one(number: int) -> None:
    assert english.ordinal(number + 100)[:2] == english.cardinal(number + 100)[:2]
    assert english.ordinal(number).endswith(("th", "first", "second", "third"))


@pytest.mark.parametrize("piece", ["1", "1,", "1:", "-1", "a.", "1-", "$", "a@", "12/", "http://", "May ", "1.1", " "])
def test_no_text_takes_long(piece: str) -> None:
    since_s = time.process_time()
    spoken(piece * (5000 // len(piece)))
    assert time.process_time() - since_s < 10


def test_a_word_in_other_letters_is_found() -> None:
    assert foreign_word(spoken("Say 你好 now")) == "你好"
    assert foreign_word(spoken("привет, world")) == "привет,"
    assert foreign_word(spoken("naïve Ångström, 5 µm, π — ok 😀!")) is None
