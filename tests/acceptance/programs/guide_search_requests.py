"""A search of the web by a model that searches: `$web_search` as a built-in function, by `requests`.

MODELPORT_SEARCHER names the model. What it asks `$web_search` with is handed back unchanged until it is done.
"""

import json
import os
from typing import Any

import requests

URL = f"{os.environ['MODELPORT_URL']}/v1/chat/completions"
HEADERS = {"Authorization": f"Bearer {os.environ['MODELPORT_KEY']}", "Content-Type": "application/json"}
MODEL = os.environ.get("MODELPORT_SEARCHER", "gpt-4o-mini-search-preview")


def chat(messages: list[dict[str, Any]]) -> dict[str, Any]:
    body = {
        "model": MODEL,
        "messages": messages,
        "temperature": 0.3,
        "tools": [{"type": "builtin_function", "function": {"name": "$web_search"}}],
    }
    response = requests.post(URL, headers=HEADERS, data=json.dumps(body), timeout=60)
    if response.status_code >= 400:
        raise SystemExit(f"{response.status_code}: {response.text}")
    return response.json()["choices"][0]


def main() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "You are a harbour pilot who looks things up."},
        {"role": "user", "content": "Look up with $web_search: which harbour is the deepest?"},
    ]
    finish_reason = None
    rounds = 0
    while finish_reason is None or finish_reason == "tool_calls":
        rounds += 1
        choice = chat(messages)
        finish_reason = choice["finish_reason"]
        if finish_reason == "tool_calls":
            messages.append(choice["message"])
            for call in choice["message"]["tool_calls"]:
                arguments = json.loads(call["function"]["arguments"])
                result = arguments if call["function"]["name"] == "$web_search" else "no such tool"
                messages.append(
                    {
                        "role": "tool",
                        "tool_call_id": call["id"],
                        "name": call["function"]["name"],
                        "content": json.dumps(result),
                    }
                )
    print(rounds)
    print(choice["message"]["content"])
    for note in choice["message"].get("annotations") or ():
        print(note["type"], note["url_citation"]["url"])


if __name__ == "__main__":
    main()
