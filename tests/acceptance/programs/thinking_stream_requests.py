"""Qwen3 32B thinks only in streams: `enable_thinking` with a budget by `requests`, thoughts and text told apart."""

import json
import os

import requests

response = requests.post(
    f"{os.environ['MODELPORT_URL']}/v1/chat/completions",
    headers={"Authorization": f"Bearer {os.environ['MODELPORT_KEY']}", "Content-Type": "application/json"},
    json={
        "model": "alibaba/qwen3-32b",
        "messages": [{"role": "user", "content": "Which tide is higher?"}],
        "enable_thinking": True,
        "thinking_budget": 200,
        "stream": True,
    },
    stream=True,
    timeout=60,
)
response.raise_for_status()
thoughts, answer = "", ""
for line in response.iter_lines(decode_unicode=False):
    if not line.startswith(b"data: ") or line == b"data: [DONE]":
        continue
    for choice in json.loads(line[6:])["choices"]:
        thoughts += choice["delta"].get("reasoning_content") or ""
        answer += choice["delta"].get("content") or ""
print("Thoughts:", thoughts)
print("Answer:", answer)
