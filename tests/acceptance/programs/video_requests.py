"""A video by its address, and a question about it, by `requests`."""

import json
import os

import requests

response = requests.post(
    f"{os.environ['MODELPORT_URL']}/v1/chat/completions",
    headers={"Authorization": f"Bearer {os.environ['MODELPORT_KEY']}", "Content-Type": "application/json"},
    json={
        "model": os.environ.get("MODELPORT_WATCHER", "google/gemini-3-1-flash-lite"),
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "video_url", "video_url": {"url": "https://films.example/harbour/mooring.mp4"}},
                    {"type": "text", "text": "How many tugs are there?"},
                ],
            }
        ],
    },
    timeout=60,
)
response.raise_for_status()
print(json.dumps(response.json(), ensure_ascii=False))
