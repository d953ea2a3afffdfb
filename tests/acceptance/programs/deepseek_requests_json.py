"""One question to DeepSeek V3.2 Speciale: `requests` with `json=`, the path with `/v1`."""

import json
import os

import requests

response = requests.post(
    f"{os.environ['MODELPORT_URL']}/v1/chat/completions",
    headers={
        "Authorization": f"Bearer {os.environ['MODELPORT_KEY']}",
        "Content-Type": "application/json",
    },
    json={
        "model": "deepseek/deepseek-v3.2-speciale",
        "messages": [{"role": "user", "content": "How many primes are below thirty?"}],
    },
    timeout=60,
)
print(json.dumps(response.json(), indent=2, ensure_ascii=False))
