"""A round trip of a tool with the OpenAI SDK, streamed: the arguments are put together from their pieces."""

import json
import os
from typing import Any

from openai import OpenAI

api = OpenAI(api_key=os.environ["MODELPORT_KEY"], base_url=os.environ["MODELPORT_URL"] + "/v1")
tools: list[Any] = [
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
messages: list[Any] = [{"role": "user", "content": "How deep is it? Use depth_of_berth."}]


def main() -> None:
    calls: dict[int, dict[str, str]] = {}
    for chunk in api.chat.completions.create(model="gpt-4o", messages=messages, tools=tools, stream=True):
        for piece in chunk.choices[0].delta.tool_calls or () if chunk.choices else ():
            call = calls.setdefault(piece.index, {"id": "", "name": "", "arguments": ""})
            call["id"] += piece.id or ""
            call["name"] += (piece.function and piece.function.name) or ""
            call["arguments"] += (piece.function and piece.function.arguments) or ""
    asked = [
        {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}
        for call in calls.values()
    ]
    messages.append({"role": "assistant", "content": None, "tool_calls": asked})
    for call in calls.values():
        print("Asked:", call["name"], json.loads(call["arguments"]))
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": json.dumps({"metres": 11.0})})
    final = api.chat.completions.create(model="gpt-4o", messages=messages, tools=tools)
    print("AI:", final.choices[0].message.content)


if __name__ == "__main__":
    main()
