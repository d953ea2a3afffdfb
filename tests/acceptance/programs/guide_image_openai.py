"""An image from a file, sent to gpt-4o within the request with the OpenAI SDK."""

import base64
import os
import sys
from pathlib import Path

from openai import OpenAI

api = OpenAI(api_key=os.environ["MODELPORT_KEY"], base_url=os.environ["MODELPORT_URL"] + "/v1")
encoded = base64.b64encode(Path(sys.argv[1]).read_bytes()).decode("ascii")
completion = api.chat.completions.create(
    model="gpt-4o",
    messages=[
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Which signal is this?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{encoded}", "detail": "low"}},
            ],
        }
    ],
    max_tokens=300,
)
print(completion.choices[0].message.content)
print(completion.usage.prompt_tokens if completion.usage else 0)
