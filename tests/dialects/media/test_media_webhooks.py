"""`webhook_url` is for the gateway, wherever a job is ordered, in JSON and in forms; no model ever has it."""

import json

import pytest

from modelport.catalogue.facts import Model
from modelport.core.errors import InvalidBody
from modelport.dialects.media import addresses
from modelport.dialects.media.addresses import Met, video_of
from modelport.dialects.media.call import checked, opened
from modelport.operations.media import MediaCall

HOOK = "https://hooks.example.org/jobs"
FORM = "multipart/form-data; boundary=edge"
SCRIBE = Model(id="acme/scribe", name="Scribe", maker="acme", operation="transcription", description="Writes.")


def form(**fields: str) -> bytes:
    parts = [
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    return "".join((*parts, "--edge--\r\n")).encode()


def asked(body: bytes, kind: str, met: Met = addresses.TRANSCRIPTION) -> MediaCall:
    return checked(opened(body, kind, met), SCRIBE, met)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps({"model": "scribe", "url": "https://a.example/a.mp3", "webhook_url": HOOK}).encode(), ""),
        (form(model="scribe", url="https://a.example/a.mp3", webhook_url=HOOK), FORM),
    ],
    ids=["json", "form"],
)
def test_a_webhook_is_taken_out_of_what_the_model_gets(body: bytes, kind: str) -> None:
    call = asked(body, kind)
    assert (call.webhook_url, call.dropped) == (HOOK, ())
    assert "webhook_url" not in call.fields


def test_null_says_nothing() -> None:
    call = asked(b'{"model": "scribe", "url": "https://a.example/a.mp3", "webhook_url": null}', "")
    assert (call.webhook_url, call.dropped) == (None, ())


def test_what_is_no_text_is_refused_by_name() -> None:
    with pytest.raises(InvalidBody, match="'webhook_url': Expected string, received 7") as caught:
        asked(b'{"model": "scribe", "url": "https://a.example/a.mp3", "webhook_url": 7}', "")
    assert caught.value.param == "webhook_url"


def test_where_the_caller_waits_for_the_answer_a_webhook_is_told_to_be_dropped() -> None:
    body = json.dumps({"model": "scribe", "url": "https://a.example/a.mp3", "webhook_url": HOOK}).encode()
    call = asked(body, "", addresses.TRANSCRIPTION_NOW)
    assert (call.webhook_url, call.dropped) == (None, ("webhook_url",))


def test_whatever_is_made_later_takes_a_webhook() -> None:
    ordered = [addresses.TRANSCRIPTION, addresses.VIDEO, addresses.MUSIC, addresses.MINIMAX_MUSIC]
    for met in (*ordered, video_of("kling/generation")):
        assert met is not None
        assert opened(f'{{"model": "m", "webhook_url": "{HOOK}"}}'.encode(), "", met).webhook_url == HOOK
