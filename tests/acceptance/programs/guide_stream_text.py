"""A stream from gpt-4o, of which only the text is printed."""

import json
import os

import requests

response = requests.post(
    f"{os.environ['MODELPORT_URL']}/v1/chat/completions",
    headers={"Authorization": f"Bearer {os.environ['MODELPORT_KEY']}", "Content-Type": "application/json"},
    data=json.dumps(
        {
            "model": "gpt-4o",
            "messages": [{"role": "user", "content": "Hi! What do you think about harbours – and 港?"}],
            "stream": True,
        }
    ),
    stream=True,
    timeout=60,
)

for line in response.iter_lines():
    if not line or not line.startswith(b"data: "):
        continue
    data = line[len(b"data: ") :].decode("utf-8").strip()
    if data == "[DONE]":
        print("\nThe end.")
        break
    choices = json.loads(data)["choices"]
    if choices:
        print(choices[0]["delta"].get("content") or "", end="", flush=True)
