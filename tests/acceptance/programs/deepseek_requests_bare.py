"""One question to DeepSeek V3.2 Speciale: `requests` with `data=`, the path without a version."""

import json
import os

import requests

payload = {
    "model": "deepseek/deepseek-v3.2-speciale",
    "messages": [{"role": "user", "content": "Wie viele Primzahlen gibt es unter dreißig?"}],
    "stream": False,
}
response = requests.post(
    os.environ["MODELPORT_URL"] + "/chat/completions",
    headers={"Authorization": "Bearer " + os.environ["MODELPORT_KEY"], "Content-Type": "application/json"},
    data=json.dumps(payload),
    timeout=60,
)
data = response.json()
print(data["choices"][0]["message"]["content"])
print(data["usage"]["total_tokens"])
