"""A system and a user message to gpt-4o by `requests`."""

import json
import os

import requests

response = requests.post(
    os.environ["MODELPORT_URL"] + "/chat/completions",
    headers={"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["MODELPORT_KEY"]},
    data=json.dumps(
        {
            "model": "gpt-4o",
            "messages": [
                {"role": "system", "content": "You are a harbour pilot."},
                {"role": "user", "content": "Where may I anchor?"},
            ],
            "max_tokens": 512,
            "stream": False,
        }
    ),
    timeout=60,
)
response.raise_for_status()
print(response.json()["choices"][0]["message"]["content"])
