"""The first call of a newcomer: Gemma, one message, by `requests`."""

import os

import requests

response = requests.post(
    f"{os.environ['MODELPORT_URL']}/v1/chat/completions",
    headers={"Authorization": f"Bearer {os.environ['MODELPORT_KEY']}", "Content-Type": "application/json"},
    json={
        "model": "google/gemma-3-4b-it",
        "messages": [{"role": "user", "content": "Name three seaports."}],
        "temperature": 0.7,
        "max_tokens": 512,
    },
    timeout=60,
)
data = response.json()
print(data["choices"][0]["message"]["content"])
