"""A Claude that thinks, through chat completions with the OpenAI SDK: `thinking` with its budget, streamed."""

import os

from openai import OpenAI

api = OpenAI(api_key=os.environ["MODELPORT_KEY"], base_url=os.environ["MODELPORT_URL"] + "/v1")
stream = api.chat.completions.create(
    model=os.environ.get("MODELPORT_THINKER", "anthropic/claude-sonnet-4.5"),
    messages=[{"role": "user", "content": "Which tide is higher?"}],
    max_tokens=2048,
    extra_body={"thinking": {"type": "enabled", "budget_tokens": 1024}},
    stream=True,
)
thoughts, answer = "", ""
for chunk in stream:
    for choice in chunk.choices:
        thoughts += getattr(choice.delta, "reasoning_content", None) or ""
        answer += choice.delta.content or ""
print("Thoughts:", thoughts)
print("Answer:", answer)
