"""The path of chat completions."""

from tests.fake.calls import Call, Ready, answered, check_content_type, check_key, json_body, without_nulls
from tests.fake.chat.answers import CHAT, asked_in_chat
from tests.fake.chat.refusals import check_call
from tests.fake.vendor import Refusal

NO_JSON = "We could not parse the JSON body of your request."


def chat(call: Call) -> Ready | Refusal:
    """Answer or refuse a chat completion."""
    refusal = check_key(call.vendor, call.headers) or check_content_type(call.headers)
    if refusal is not None:
        return refusal
    body = json_body(call.raw)
    if body is None:
        return Refusal(400, NO_JSON)
    refusal = check_call(call.vendor, body, call.extra_models)
    if refusal is not None:
        return refusal
    given = without_nulls(body)
    is_streaming = given.get("stream", False)
    wants_usage = is_streaming and bool(given.get("stream_options", {}).get("include_usage"))
    asked = asked_in_chat(call.vendor, given)
    return answered(call, CHAT, asked, is_streaming=is_streaming, wants_usage=wants_usage)
