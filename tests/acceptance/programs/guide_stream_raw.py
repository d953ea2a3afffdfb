"""A stream from gpt-4o, printed as it came, in one piece."""

import os

import requests

response = requests.post(
    f"{os.environ['MODELPORT_URL']}/chat/completions",
    headers={"Authorization": f"Bearer {os.environ['MODELPORT_KEY']}", "Content-Type": "application/json"},
    json={
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "Hi! What do you think about harbours – and 港?"}],
        "stream": True,
    },
    timeout=60,
)
print(response.text)
