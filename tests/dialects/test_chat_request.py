"""What the reading of a chat request names, brings into one form, and counts."""

import json
from typing import Any

import pytest

from modelport.catalogue.facts import Offer, Provider, Quirks
from modelport.core.errors import InvalidBody
from modelport.dialects import openai_chat
from modelport.dialects.chat_messages import MESSAGE_BYTES
from modelport.operations.chat import ChatCall


def parsed(fields: str = "", messages: str = '[{"role":"user","content":"a"}]') -> ChatCall:
    more = f",{fields}" if fields else ""
    return openai_chat.parse(f'{{"model":"m","messages":{messages}{more}}}'.encode())


def faults(fields: str = "", messages: str = '[{"role":"user","content":"a"}]') -> tuple[str, ...]:
    with pytest.raises(InvalidBody) as refused:
        parsed(fields, messages)
    return refused.value.faults


def offer(**quirks: Any) -> Offer:
    provider = Provider(id="p", name="Acme", base_url="https://p.example", speaks={"chat": ("openai_chat",)})
    return Offer(model_id="m", provider=provider, upstream="u", quirks=Quirks(**quirks))


NESTED = {
    '"stream_options":{"include_usage":"yes"}': "'stream_options.include_usage': Expected boolean, received \"yes\"",
    '"logit_bias":{"50256":200}': "'logit_bias.50256': Expected number at most 100, received 200",
    '"modalities":["text","smell"]': "'modalities[1]': Expected one of 'text', 'audio', received \"smell\"",
    '"tools":[{}]': "'tools[0].type': Required",
    '"tools":[{"type":"function"}]': "'tools[0].function': Required",
    '"tools":[{"type":"function","function":{}}]': "'tools[0].function.name': Required",
    '"tools":[{"type":"custom"}]': "'tools[0].custom': Required",
    '"tool_choice":{"type":"function"}': "'tool_choice.function': Required",
    '"stop":["a",1]': "'stop[1]': Expected string, received 1",
    '"metadata":{"a":1}': "'metadata.a': Expected string, received 1",
    '"search_options":{"search_strategy":"fast"}': "'search_options.search_strategy': Expected one of 'turbo'",
    '"guided_decoding_backend":"mine"': "'guided_decoding_backend': Expected one of 'outlines'",
    '"best_of":0': "'best_of': Expected integer at least 1, received 0",
    '"n":1025': "'n': Expected integer at most 1024, received 1025",
    '"thinking":{"type":"enabled","budget_tokens":9}': "'thinking.budget_tokens': Expected integer at least 1024",
    '"prediction":{"type":"content","content":[{"type":"text","text":5}]}': "'prediction.content[0].text': Expected",
}
IN_MESSAGES = {
    '"hi"': "'messages': Expected array, received string",
    "[5]": "'messages[0]': Expected object, received number",
    '[{"role":true,"content":"a"}]': "'messages[0].role': Expected string, received boolean",
    '[{"content":[{"text":"a"}]}]': "'messages[0].content[0].type': Required",
    '[{"content":"a","name":5}]': "'messages[0].name': Expected string, received 5",
    '[{"role":"function","content":"a"}]': "'messages[0].name': Required for a message of role 'function'",
    '[{"content":[{"type":"image_url","image_url":{"url":"u","detail":"x"}}]}]': (
        "'messages[0].content[0].image_url.detail': Expected one of 'low', 'high', 'auto', received \"x\""
    ),
    '[{"content":"a","prefix":true}]': "'messages[0].prefix': Expected only on a final message of role 'assistant'",
    '[{"role":"assistant","content":"a","prefix":"b"}]': "'messages[0].prefix': Expected boolean, received \"b\"",
}


@pytest.mark.parametrize(("fields", "told"), NESTED.items())
def test_what_is_wrong_inside_a_field_is_named_by_its_path(fields: str, told: str) -> None:
    assert faults(fields)[0].startswith(told)


@pytest.mark.parametrize(("messages", "told"), IN_MESSAGES.items())
def test_what_is_wrong_with_a_message_is_told_in_the_same_words(messages: str, told: str) -> None:
    assert faults(messages=messages) == (told,)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b" ", "Expected a JSON object, received an empty body"),
        (b'{"model":"\\ud800x"}', "half of a surrogate pair"),
        (b'{"model":"\\ude00"}', "half of a surrogate pair"),
        (b'{"model":"\\ud83d\\ude00"', "Expected JSON"),
    ],
)
def test_a_body_that_cannot_be_read_says_why(body: bytes, told: str) -> None:
    with pytest.raises(InvalidBody, match=told):
        openai_chat.parse(body)


def test_a_byte_order_mark_is_skipped() -> None:
    assert openai_chat.parse(b'\xef\xbb\xbf{"model":"m","messages":[{"content":"a"}]}').model == "m"


def test_a_seed_may_be_of_any_size() -> None:
    seed = "9" * 40
    assert parsed(f'"seed":{seed}').fields["seed"] == seed.encode()


@pytest.mark.parametrize(
    "fields",
    ['"stop":""', '"stop":[]', '"stop_sequences":[]', '"tools":[],"tool_choice":"auto","parallel_tool_calls":true',
     '"functions":[],"function_call":"none"'],
)  # fmt: skip
def test_what_says_nothing_is_left_out(fields: str) -> None:
    assert parsed(fields).fields.keys() == {"messages"}


def test_both_ways_to_say_where_to_stop_are_joined() -> None:
    assert parsed('"stop_sequences":["b","a"],"stop":"a"').fields["stop"] == b'["a","b"]'
    assert parsed('"stop_sequences":["b"]').fields["stop"] == b'["b"]'
    told = faults('"stop":["a","b","c"],"stop_sequences":["d","e"]')
    assert told == ("'stop_sequences': Expected at most 4 together with 'stop', received 5",)


@pytest.mark.parametrize("member", ['"video":"https://v.example/1"', '"video":{"url":"https://v.example/1"}',
                                    '"video_url":{"url":"https://v.example/1"}'])  # fmt: skip
def test_a_part_of_type_video_is_sent_as_video_url(member: str) -> None:
    call = parsed(messages=f'[{{"content":[{{"type":"text","text":"a"}},{{"type":"video",{member}}}]}}]')
    parts = json.loads(call.fields["messages"])[0]["content"]
    assert parts[1] == {"type": "video_url", "video_url": {"url": "https://v.example/1"}}
    assert call.attachments == 1


def test_text_is_counted_without_what_surrounds_it() -> None:
    call = parsed(messages='[{"role":"user","content":"hello there"},{"role":"assistant","content":null}]')
    assert (call.text_bytes, call.messages) == (11 + 2 * MESSAGE_BYTES, 2)
    parts = '[{"content":[{"type":"text","text":"hello"},{"type":"image_url","image_url":{"url":"data:,0123456789"}}]}]'
    assert parsed(messages=parts).text_bytes == 5 + MESSAGE_BYTES
    tool = '[{"type":"function","function":{"name":"f"}}]'
    assert parsed(f'"tools":{tool}').text_bytes == 1 + len(tool) + MESSAGE_BYTES
    assert parsed('"system":"be"').messages == 2


def test_parts_of_other_formats_count_with_all_that_they_say() -> None:
    other = '[{"content":[{"type":"tool_result","tool_use_id":"1","content":"%s"}]}]' % ("x" * 500)
    assert parsed(messages=other).text_bytes > 500


def test_a_provider_without_choices_or_continuation_says_what_it_cannot_do() -> None:
    several = parsed('"n":2')
    refusal = openai_chat.unable(several, offer(choices=False))
    assert refusal is not None
    assert refusal.param == "n"
    assert refusal.faults[0].startswith("'n': Acme")
    assert openai_chat.unable(several, offer()) is None
    continued = parsed(messages='[{"content":"a"},{"role":"assistant","content":"b","prefix":true}]')
    refusal = openai_chat.unable(continued, offer())
    assert refusal is not None
    assert refusal.param == "messages[1].prefix"
    assert openai_chat.unable(continued, offer(prefix="prefix")) is None


def test_the_name_of_a_function_message_stays() -> None:
    call = parsed(messages='[{"content":"a","name":"Ada"},{"role":"function","name":"f","content":"1"}]')
    request = openai_chat.encode(call, offer(message_names=False))
    assert json.loads(request.body)["messages"] == [
        {"role": "user", "content": "a"},
        {"role": "function", "name": "f", "content": "1"},
    ]
    assert request.dropped == ("messages.name",)
    assert openai_chat.encode(call, offer()).dropped == ()


@pytest.mark.parametrize(("given", "sent"), [("2", 1.99), ("1.99", 1.99), ("0.5", 0.5), ("1e0", 1)])
def test_only_what_is_above_a_providers_most_is_lowered(given: str, sent: float) -> None:
    request = openai_chat.encode(parsed(f'"temperature":{given}'), offer(clamp={"temperature": "1.99"}))
    assert json.loads(request.body)["temperature"] == sent


def test_reasoning_that_comes_back_has_the_providers_own_name() -> None:
    call = parsed(messages='[{"role":"assistant","content":"a","reasoning_content":"so"},{"content":"b"}]')
    sent = json.loads(openai_chat.encode(call, offer(reasoning_field="reasoning")).body)["messages"]
    assert sent[0] == {"role": "assistant", "content": "a", "reasoning": "so"}
    assert json.loads(openai_chat.encode(call, offer()).body)["messages"][0]["reasoning_content"] == "so"
