"""The first call of a newcomer with the OpenAI SDK."""

import os

from openai import OpenAI

client = OpenAI(base_url=f"{os.environ['MODELPORT_URL']}/v1", api_key=os.environ["MODELPORT_KEY"])
completion = client.chat.completions.create(
    model="google/gemma-3-4b-it",
    messages=[{"role": "user", "content": "Name three seaports."}],
    temperature=0.7,
    max_tokens=512,
)
print(f"AI: {completion.choices[0].message.content}")
