from hypothesis import given
from hypothesis import strategies as st

from modelport.engines.sentences import cut, opened, sentences


def test_a_text_is_cut_where_sentences_and_paragraphs_end() -> None:
    text = 'He said "This is quite enough, thank you." Then he left us all alone.\n\nMr J. Smith of the U.S. Army came!'
    found = [(one.text, one.ends_paragraph) for one in sentences(text)]
    assert found == [
        ('He said "This is quite enough, thank you."', False),
        ("Then he left us all alone.", True),
        ("Mr J. Smith of the U.S. Army came!", True),
    ]


def test_a_short_sentence_is_spoken_with_the_next() -> None:
    assert [one.text for one in sentences("Yes. No. This one is long enough to stand alone. Good.")] == [
        "Yes. No. This one is long enough to stand alone.",
        "Good.",
    ]


@given(st.text(alphabet="ab ,.", max_size=200), st.integers(4, 50))
def test_nothing_is_lost_when_sounds_are_cut(sounds: str, most: int) -> None:
    parts = list(cut(sounds.strip(), most))
    assert all(len(part) <= most for part in parts)
    assert "".join(parts).replace(" ", "") == sounds.replace(" ", "")


def test_a_cut_is_where_one_breathes() -> None:
    assert list(cut("one two three, four five six seven", 20)) == ["one two three,", "four five six seven"]
    assert list(cut("one two three four five", 12)) == ["one two", "three four", "five"]


def test_a_long_beginning_is_cut_at_its_first_rest() -> None:
    clause = "a" * 40
    assert opened(f"{clause}, {clause}, {clause}") == (f"{clause},", f"{clause}, {clause}")
    assert opened(clause * 3) == (clause * 3,)
    assert opened("short, one") == ("short, one",)
