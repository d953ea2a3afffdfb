"""Lines with their places become markdown."""

from hypothesis import given
from hypothesis import strategies as st

from modelport.engines.layout import Fragment, markdown, rows

LETTER = 10


def at(text: str, left: float, top: float, height: float = 20) -> Fragment:
    return Fragment(text, left, top, left + LETTER * len(text), top + height)


def test_what_is_taller_stands_above_as_a_heading() -> None:
    page = [at("Title", 0, 0, 48), at("Part", 0, 100, 27), at("some text", 0, 160), at("more text", 0, 185)]
    assert markdown(page) == "# Title\n\n## Part\n\nsome text\nmore text"


def test_a_gap_parts_paragraphs_and_full_lines_flow_on() -> None:
    page = [
        at("this line is as wide as the column is and ends in a hyphen-", 0, 0),
        at("ated word; this line is full as well, right to the very end", 0, 24),
        at("short end.", 0, 48),
        at("Another paragraph.", 0, 120),
    ]
    said = "this line is as wide as the column is and ends in a hyphenated word; this line is full as well, "
    assert markdown(page) == f"{said}right to the very end short end.\n\nAnother paragraph."


def test_an_address_keeps_its_lines() -> None:
    page = [at("Acme Harbour Supplies Limited", 0, 0), at("12 Quay St.", 0, 24), at("Port Town", 0, 48)]
    assert markdown(page) == "Acme Harbour Supplies Limited\n12 Quay St.\nPort Town"


def test_cells_below_each_other_are_a_table_with_gaps_where_there_is_none() -> None:
    cells = [("Item", "Qty", "Price"), ("Rope", "2", "$42.50"), ("A|B", "1", "$9.00"), ("Total", "", "$94.00")]
    page = [
        at(text, 300 * column, 40 * line)
        for line, row in enumerate(cells)
        for column, text in enumerate(row)
        if text
    ]  # fmt: skip
    assert markdown(page) == (
        "| Item | Qty | Price |\n| --- | --- | --- |\n| Rope | 2 | $42.50 |\n| A\\|B | 1 | $9.00 |\n"
        "| Total |  | $94.00 |"
    )


def test_two_columns_of_running_text_are_read_one_after_the_other() -> None:
    left = [f"left column, line number {line}" for line in range(5)]
    right = [f"right column, line number {line}" for line in range(5)]
    page = [at(text, 0, 25 * line) for line, text in enumerate(left)]
    page += [at(text, 500, 25 * line + 3) for line, text in enumerate(right)]
    said = markdown([at("Heading of both", 0, -80, 40), *page])
    assert said.startswith("# Heading of both\n\nleft column, line number 0")
    assert said.index("left column, line number 4") < said.index("right column, line number 0")


def test_a_list_has_its_marks() -> None:
    assert markdown([at("• one", 0, 0), at("· two", 0, 24)]) == "- one\n- two"


def test_a_picture_stands_where_it_is() -> None:
    picture = Fragment("![img-0.jpeg](img-0.jpeg)", 0, 30, 500, 230, is_picture=True)
    assert markdown([at("below", 0, 260), picture, at("above", 0, 0)]) == "above\n\n![img-0.jpeg](img-0.jpeg)\n\nbelow"


def test_an_empty_page_says_nothing() -> None:
    assert markdown([]) == ""


BOXES = st.builds(
    at,
    st.text(alphabet="abcdefgh", min_size=1, max_size=30),
    st.integers(0, 900),
    st.integers(0, 900),
    st.integers(8, 60),
)


@given(st.lists(BOXES, max_size=25))
def test_no_text_is_lost_or_said_twice(page: list[Fragment]) -> None:
    said = "".join(one for one in markdown(page) if one.isalpha())
    assert sorted(said) == sorted("".join(one.text for one in page))
    assert sorted(one.text for row in rows(page) for one in row) == sorted(one.text for one in page)
