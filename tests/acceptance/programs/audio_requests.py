"""A recording within the request, and a question about it, by `requests`."""

import base64
import io
import json
import os
import wave

import requests

recording = io.BytesIO()
with wave.open(recording, "wb") as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(8000)
    file.writeframes(bytes(1600))

response = requests.post(
    os.environ["MODELPORT_URL"] + "/v1/chat/completions",
    headers={"Authorization": "Bearer " + os.environ["MODELPORT_KEY"], "Content-Type": "application/json"},
    data=json.dumps(
        {
            "model": os.environ.get("MODELPORT_LISTENER", "gpt-4o-audio-preview"),
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Which signal do you hear?"},
                        {
                            "type": "input_audio",
                            "input_audio": {
                                "data": base64.b64encode(recording.getvalue()).decode("ascii"),
                                "format": "wav",
                            },
                        },
                    ],
                }
            ],
            "max_tokens": 300,
        }
    ),
    timeout=60,
)
response.raise_for_status()
print(json.dumps(response.json(), ensure_ascii=False))
