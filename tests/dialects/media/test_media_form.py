"""Forms: what stock clients send comes out as it went in, and a form that is none is refused."""

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelport.catalogue.load import load
from modelport.catalogue.parameters import Parameter
from modelport.core.errors import InvalidBody
from modelport.dialects.media.addresses import IMAGE_EDITS, TRANSCRIPTION, Met
from modelport.dialects.media.call import checked, opened
from modelport.dialects.media.form import MAX_PARTS, Part, read_form, valued
from modelport.operations.media import MediaCall, Upload

CATALOGUE = load()
KIND = 'multipart/form-data; boundary="b"'
PART = b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nx\r\n'
NAMES = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=8)


def written(fields: dict[str, object], files: list[tuple[str, tuple[str, bytes, str]]]) -> tuple[bytes, str]:
    """Write a form as a stock client does."""
    request = httpx.Request("POST", "http://here.example", data=fields, files=files)
    return request.read(), request.headers["content-type"]


@settings(max_examples=60)
@given(
    st.dictionaries(NAMES, st.text(max_size=30), max_size=4),
    st.lists(st.tuples(NAMES, st.binary(max_size=60)), min_size=1, max_size=4),
)
def test_what_a_client_sends_comes_out_as_it_went_in(texts: dict[str, str], files: list[tuple[str, bytes]]) -> None:
    named = [(name, (f"{name}.bin", data, "audio/wav")) for name, data in files]
    body, kind = written(dict(texts), named)
    expected: dict[str, list[Part]] = {name: [text] for name, text in texts.items()}
    for name, data in files:
        expected.setdefault(name, []).append(Upload(f"{name}.bin", "audio/wav", data))
    assert read_form(body, kind) == expected


@given(st.binary(max_size=200))
def test_bytes_that_are_no_form_are_refused_and_nothing_else_happens(noise: bytes) -> None:
    for body in (noise, b"--b\r\n" + noise, b"--b\r\n" + noise + b"\r\n--b--"):
        try:
            read_form(body, KIND)
        except InvalidBody as refused:
            assert refused.faults


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "begins with the boundary"),
        (b"hello", "begins with the boundary"),
        (b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nx', "one is cut short"),
        (b"--b\r\ncontent-type: text/plain\r\n\r\nx\r\n--b--", "have a name each"),
        (b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n\xff\r\n--b--', "'a': Expected UTF-8"),
        (
            b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nx\r\n' * (MAX_PARTS + 1) + b"--b--",
            "at most 200 parts",
        ),
    ],
)
def test_a_form_that_is_none_is_refused_with_the_reason(body: bytes, told: str) -> None:
    with pytest.raises(InvalidBody, match=told):
        read_form(body, KIND)


def test_a_form_without_a_boundary_is_refused() -> None:
    with pytest.raises(InvalidBody, match="with a boundary"):
        read_form(b"--b--", "multipart/form-data")


ITEMS = Parameter(type="array", items=Parameter(type="integer"))


@pytest.mark.parametrize(
    ("parameter", "texts", "value"),
    [
        (Parameter(type="string"), ["12"], "12"),
        (Parameter(type="integer"), ["12"], 12),
        (Parameter(type="integer"), ["many"], "many"),
        (Parameter(type="integer"), [""], None),
        (Parameter(type="number"), ["0.5"], 0.5),
        (Parameter(type="boolean"), ["True"], True),
        (Parameter(type="boolean"), ["0"], False),
        (Parameter(type="boolean"), ["perhaps"], "perhaps"),
        (ITEMS, ["1", "2"], [1, 2]),
        (ITEMS, ["3"], [3]),
        (ITEMS, ["[4, 5]"], [4, 5]),
        (Parameter(type="array", items=Parameter(type="string")), ["a"], ["a"]),
        (Parameter(type="object"), ['{"a": [1]}'], {"a": [1]}),
        (Parameter(type="object"), ["{broken"], "{broken"),
        (Parameter(any_of=(Parameter(type="string"), ITEMS)), ["0-2"], "0-2"),
        (Parameter(any_of=(Parameter(type="string"), ITEMS)), ["[0, 2]"], [0, 2]),
        (Parameter(any_of=(ITEMS, Parameter(type="boolean"))), ["true"], True),
        (Parameter(type="string"), ["first", "last"], "last"),
    ],
)
def test_texts_are_read_as_what_their_parameter_is(parameter: Parameter, texts: list[str], value: object) -> None:
    assert valued({"field": texts}, {"field": parameter}) == {"field": value}


def read(fields: dict[str, object], files: list[tuple[str, tuple[str, bytes, str]]], met: Met) -> MediaCall:
    sent = opened(*written(fields, files), met)
    return checked(sent, CATALOGUE.find(sent.model), met)


@pytest.mark.parametrize("name", ["image", "image[]"])
def test_pictures_are_edited_from_files(name: str) -> None:
    files = [(name, ("cat.png", b"cat", "image/png")), (name, ("hat.png", b"hat", "image/png"))]
    call = read({"model": "openai/gpt-image-1", "prompt": "the hat on the cat", "num_images": "2"}, files, IMAGE_EDITS)
    assert call.fields["image"] == [Upload("cat.png", "image/png", b"cat"), Upload("hat.png", "image/png", b"hat")]
    assert (call.fields["n"], call.fields["size"], call.dropped) == (2, "1024x1024", ())


def test_a_sound_is_transcribed_from_a_file_with_switches_as_text() -> None:
    fields: dict[str, object] = {"model": "nova-3", "multi_channel": "true", "tag": ["a", "b"], "utt_split": "0.8"}
    call = read(fields, [("file", ("a.wav", b"RIFF", "audio/wav"))], TRANSCRIPTION)
    assert call.fields["audio"] == Upload("a.wav", "audio/wav", b"RIFF")
    assert (call.fields["multichannel"], call.fields["tag"], call.fields["utt_split"]) == (True, ["a", "b"], 0.8)


def test_a_text_in_place_of_a_file_is_refused() -> None:
    with pytest.raises(InvalidBody, match=r"'audio': Expected a file, sent as multipart/form-data, received \"a.wav\""):
        read({"model": "nova-3", "audio": "a.wav"}, [("other", ("a", b"x", "b"))], TRANSCRIPTION)
