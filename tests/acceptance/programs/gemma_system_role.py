"""A system message to a model that takes none: what comes back is printed with its status."""

import os

import requests

response = requests.post(
    f"{os.environ['MODELPORT_URL']}/v1/chat/completions",
    headers={"Authorization": f"Bearer {os.environ['MODELPORT_KEY']}"},
    json={
        "model": "google/gemma-3-4b-it",
        "messages": [
            {"role": "system", "content": "You are a harbour pilot."},
            {"role": "user", "content": "Name three seaports."},
        ],
    },
    timeout=60,
)
print(response.status_code)
print(response.json()["message"])
