"""The paths of Messages: answers, and tokens counted beforehand."""

from collections.abc import Mapping
from typing import Any

from tests.fake.asked import Asked
from tests.fake.calls import Body, Call, Ready, answered, check_content_type, check_key, json_body, told
from tests.fake.completions import Completion, Spent
from tests.fake.messages.answers import MESSAGES, MessagesForm
from tests.fake.messages.reading import asked_in_messages, said_in
from tests.fake.messages.refusals import call_problems, conversation_problems, read
from tests.fake.messages.rules import rules_of
from tests.fake.messages.types import NEW_VERSION, SAMPLING, VERSIONS, CountCall, MessagesCall
from tests.fake.vendor import Refusal, Vendor, phrase


class _CountForm(MessagesForm):
    """The count of the tokens of a prompt."""

    def whole(self, vendor: Vendor, completion: Completion) -> dict[str, Any]:
        """Tell the count."""
        return {"input_tokens": completion.spent.prompt}


_COUNT = _CountForm()


def messages(call: Call) -> Ready | Refusal:
    """Answer or refuse a call of Messages."""
    body = _let_in(call)
    if isinstance(body, Refusal):
        return body
    version = call.headers["anthropic-version"]
    taken = {name: value for name, value in body.items() if name not in SAMPLING or version != NEW_VERSION}
    wrong = read(taken, MessagesCall)
    if isinstance(wrong, str):
        return Refusal(400, wrong)
    assert isinstance(wrong, MessagesCall)
    extra = next((name for name in SAMPLING if name in body and name not in taken), None)
    if extra is not None:
        return Refusal(400, f"{extra}: Extra inputs are not permitted")
    if not call.knows(wrong.model):
        return _unknown(call, wrong.model)
    problem = next(call_problems(wrong, version), None)
    if problem is not None:
        return Refusal(400, problem)
    return answered(call, MESSAGES, asked_in_messages(wrong, call.memory), is_streaming=wrong.stream)


def count_tokens(call: Call) -> Ready | Refusal:
    """Count the tokens of a prompt, or refuse it."""
    body = _let_in(call)
    if isinstance(body, Refusal):
        return body
    wanted = read(body, CountCall)
    if isinstance(wanted, str):
        return Refusal(400, wanted)
    if not call.knows(wanted.model):
        return _unknown(call, wanted.model)
    is_new = call.headers["anthropic-version"] == NEW_VERSION
    problem = next(conversation_problems(wanted, rules_of(wanted.model), is_new=is_new), None)
    if problem is not None:
        return Refusal(400, problem)
    prompt = Asked(wanted.model, said_in(wanted)).prompt_tokens
    counted = Completion(call.number, wanted.model, 1, (), (), (), "stop", Spent(prompt, 0), None)
    return told(call, _COUNT, counted, counts=False)


def _let_in(call: Call) -> Body | Refusal:
    refusal = check_key(call.vendor, call.headers) or _check_version(call.headers) or check_content_type(call.headers)
    if refusal is not None:
        return refusal
    body = json_body(call.raw)
    return Refusal(400, "The request body is not valid JSON.") if body is None else body


def _check_version(headers: Mapping[str, str]) -> Refusal | None:
    version = headers.get("anthropic-version", "")
    if not version:
        return Refusal(400, "anthropic-version: header is required")
    if version not in VERSIONS:
        return Refusal(400, f'anthropic-version: "{version}" is not a valid version')
    return None


def _unknown(call: Call, model: str) -> Refusal:
    return Refusal(404, phrase(call.vendor, "unknown_model", model=model))
