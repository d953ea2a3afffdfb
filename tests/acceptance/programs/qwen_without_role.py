"""A message to Qwen3 VL 32B Thinking that says nothing of its role: `requests` with `json=`."""

import json
import os

import requests

response = requests.post(
    os.environ["MODELPORT_URL"] + "/v1/chat/completions",
    headers={"Authorization": "Bearer " + os.environ["MODELPORT_KEY"], "Content-Type": "application/json"},
    json={"model": "alibaba/qwen3-vl-32b-thinking", "messages": [{"content": "Good morning"}]},
    timeout=60,
)
print(json.dumps(response.json(), indent=2, ensure_ascii=False))
