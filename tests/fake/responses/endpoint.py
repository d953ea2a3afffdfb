"""The path of Responses."""

from tests.fake.calls import Call, Ready, answered, check_content_type, check_key, json_body
from tests.fake.convert import Wrong, convert
from tests.fake.responses.answers import ResponsesForm, response_id
from tests.fake.responses.reading import asked_in_responses, conversation_of
from tests.fake.responses.refusals import call_problems, explain
from tests.fake.responses.types import ResponsesCall
from tests.fake.vendor import Refusal, phrase


def responses(call: Call) -> Ready | Refusal:
    """Answer or refuse a call of Responses."""
    refusal = check_key(call.vendor, call.headers) or check_content_type(call.headers)
    if refusal is not None:
        return refusal
    body = json_body(call.raw)
    if body is None:
        return Refusal(400, "We could not parse the JSON body of your request.")
    wanted = convert(body, ResponsesCall)
    if isinstance(wanted, Wrong):
        return explain(wanted)
    if not call.knows(wanted.model):
        text = f"The requested model '{wanted.model}' does not exist."
        if call.vendor.id != "openai":
            text = phrase(call.vendor, "unknown_model", model=wanted.model)
        return Refusal(400, text, "model", "model_not_found")
    problem = next(call_problems(wanted, call.memory), None)
    if problem is not None:
        return problem
    form = ResponsesForm(wanted)
    ready = answered(call, form, asked_in_responses(wanted, call.memory), is_streaming=bool(wanted.stream))
    if wanted.store is not False:
        completion = ready.reply.completion
        conversation = conversation_of(wanted, call.memory)
        call.memory.store(response_id(completion), conversation, form.output(completion))
    return ready
