"""An image by its address, and a question about it: `requests` with `data=`."""

import json
import os

import requests


def main() -> None:
    url = f"{os.environ['MODELPORT_URL']}/v1/chat/completions"
    payload = {
        "model": "alibaba/qwen3-vl-32b-thinking",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What animal is this?"},
                    {"type": "image_url", "image_url": {"url": "https://pictures.example/harbour/gull.jpg"}},
                ],
            }
        ],
    }
    headers = {"Authorization": f"Bearer {os.environ['MODELPORT_KEY']}", "Content-Type": "application/json"}
    response = requests.post(url, headers=headers, data=json.dumps(payload), timeout=60)
    print(json.dumps(response.json(), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
