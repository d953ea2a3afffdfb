"""A search of the web by a model that searches: `$web_search` as a function, with the OpenAI SDK.

MODELPORT_SEARCHER names the model. What it asks `$web_search` with is handed back unchanged until it is done.
"""

import json
import os
from typing import Any

from openai import OpenAI

api = OpenAI(base_url=f"{os.environ['MODELPORT_URL']}/v1", api_key=os.environ["MODELPORT_KEY"])
MODEL = os.environ.get("MODELPORT_SEARCHER", "gpt-4o-mini-search-preview")


def search_impl(arguments: dict[str, Any]) -> Any:
    return arguments


def chat(messages: list[Any]) -> Any:
    tool: Any = {
        "type": "function",
        "function": {
            "name": "$web_search",
            "description": "Searches the web.",
            "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
        },
    }
    completion = api.chat.completions.create(model=MODEL, messages=messages, temperature=0.3, tools=[tool])
    return completion.choices[0]


def main() -> None:
    messages: list[Any] = [
        {"role": "system", "content": "You are a harbour pilot who looks things up."},
        {"role": "user", "content": "Look up with $web_search: which harbour is the deepest?"},
    ]
    finish_reason = None
    rounds = 0
    while finish_reason is None or finish_reason == "tool_calls":
        rounds += 1
        choice = chat(messages)
        finish_reason = choice.finish_reason
        if finish_reason == "tool_calls":
            messages.append(choice.message)
            for call in choice.message.tool_calls:
                result = search_impl(json.loads(call.function.arguments))
                messages.append(
                    {
                        "role": "tool",
                        "tool_call_id": call.id,
                        "name": call.function.name,
                        "content": json.dumps(result),
                    }
                )
    print(rounds)
    print(choice.message.content)
    for note in choice.message.annotations or ():
        print(note.type, note.url_citation.url)


if __name__ == "__main__":
    main()
