"""A system and a user message to gpt-4o with the OpenAI SDK."""

import os

from openai import OpenAI

system_prompt = "You are a harbour pilot. Answer in one sentence."
user_prompt = "Where may I anchor?"

api = OpenAI(api_key=os.environ["MODELPORT_KEY"], base_url=os.environ["MODELPORT_URL"] + "/v1")


def main() -> None:
    completion = api.chat.completions.create(
        model="gpt-4o",
        messages=[
            {"role": "system", "content": system_prompt},
            {"role": "user", "content": user_prompt},
        ],
        temperature=0.7,
        max_tokens=256,
    )
    response = completion.choices[0].message.content
    print("User:", user_prompt)
    print("AI:", response)


if __name__ == "__main__":
    main()
