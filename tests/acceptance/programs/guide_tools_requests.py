"""A round trip of a tool by `requests`: the model asks for the depth of a berth, and answers when it was told."""

import json
import os
from typing import Any

import requests

URL = f"{os.environ['MODELPORT_URL']}/v1/chat/completions"
HEADERS = {"Authorization": f"Bearer {os.environ['MODELPORT_KEY']}", "Content-Type": "application/json"}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "depth_of_berth",
            "description": "How deep the water is at a berth, in metres.",
            "parameters": {
                "type": "object",
                "properties": {"berth": {"type": "string"}, "at_low_water": {"type": "boolean"}},
                "required": ["berth"],
            },
        },
    }
]


def depth_of_berth(berth: str, at_low_water: bool = False) -> dict[str, Any]:
    return {"berth": berth, "metres": 7.5 if at_low_water else 11.0}


def ask(messages: list[dict[str, Any]]) -> dict[str, Any]:
    body = {"model": "gpt-4o", "messages": messages, "tools": TOOLS, "tool_choice": "auto", "max_tokens": 500}
    response = requests.post(URL, headers=HEADERS, data=json.dumps(body), timeout=60)
    response.raise_for_status()
    return response.json()["choices"][0]


messages: list[dict[str, Any]] = [{"role": "user", "content": "How deep is it? Use depth_of_berth."}]
choice = ask(messages)
print(choice["finish_reason"], choice["message"]["content"])
messages.append(choice["message"])
for call in choice["message"]["tool_calls"]:
    arguments = json.loads(call["function"]["arguments"])
    result = depth_of_berth(**arguments)
    print(call["function"]["name"], json.dumps(arguments), json.dumps(result))
    messages.append(
        {
            "role": "tool",
            "tool_call_id": call["id"],
            "name": call["function"]["name"],
            "content": json.dumps(result),
        }
    )
choice = ask(messages)
print(choice["finish_reason"], choice["message"]["content"])
