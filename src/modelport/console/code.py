"""Writes a call as programs that run as printed: curl, Python and JavaScript."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelport.console.asks import CHAT, MESSAGES, RESPONSES, Ask
from modelport.console.literals import JAVASCRIPT, JSON, PYTHON

KEY = "MODELPORT_KEY"
"""The environment variable from which every sample takes the key."""
_OPENAI_KNOWN: Mapping[str, frozenset[str]] = {
    CHAT: frozenset(
        {
            "model",
            "messages",
            "stream",
            "stream_options",
            "reasoning_effort",
            "tools",
            "response_format",
            "web_search_options",
        }
    ),
    RESPONSES: frozenset({"model", "input", "stream", "reasoning", "tools", "text"}),
    "/v1/embeddings": frozenset({"model", "input", "dimensions", "encoding_format", "user"}),
    "/v1/images/generations": frozenset({"model", "prompt", "n", "size", "quality", "style", "response_format"}),
}
"""What the SDK's own methods take; anything else goes through `extra_body`."""
_METHODS: Mapping[str, str] = {
    CHAT: "chat.completions.create",
    RESPONSES: "responses.create",
    "/v1/embeddings": "embeddings.create",
    "/v1/images/generations": "images.generate",
}
WIDE = 1000
"""Has a body written over several lines however short it is."""
_POLLED = ("/v2/video/generations", "/v1/video/generations", "/v2/generate/", "/v1/stt/create")
_SYNCHRONOUS = "/v2/generate/audio/minimax/generate"
_READS: Mapping[tuple[str, str], tuple[str, str]] = {
    (CHAT, "text"): ("answer.choices[0].message.content", "answer.choices[0].message.content"),
    (CHAT, "tools"): ("answer.choices[0].message.tool_calls", "answer.choices[0].message.tool_calls"),
    (RESPONSES, "text"): ("answer.output_text", "answer.output_text"),
    (RESPONSES, "tools"): ("answer.output", "answer.output"),
    ("/v1/embeddings", "text"): ("len(answer.data[0].embedding)", "answer.data[0].embedding.length"),
    ("/v1/images/generations", "text"): ("answer.data[0].url", "answer.data[0].url"),
}
"""How the SDK's answer is read, in Python and in JavaScript."""


@dataclass(frozen=True, slots=True)
class Code:
    """One program."""

    language: str
    """curl, python, javascript"""
    text: str


def programs(root: str, endpoint: str, ask: Ask) -> tuple[Code, ...]:
    """Write a call in the three languages, against the gateway whose address is `root`."""
    if endpoint == "/v1/images/edits":
        return _edits(root, ask)
    if endpoint in _METHODS and _fits_sdk(endpoint, ask):
        python, javascript = _python_sdk(root, endpoint, ask), _javascript_sdk(root, endpoint, ask)
    else:
        python, javascript = _python_plain(root, endpoint, ask), _javascript_plain(root, endpoint, ask)
    return Code("curl", _curl(root, endpoint, ask)), Code("python", python), Code("javascript", javascript)


def is_polled(endpoint: str) -> bool:
    """Whether the answer to a call is a job whose outcome is asked for later."""
    return endpoint.startswith(_POLLED) and endpoint != _SYNCHRONOUS


def _fits_sdk(endpoint: str, ask: Ask) -> bool:
    """Whether the SDK takes such a call: its method for images wants a prompt."""
    return endpoint != "/v1/images/generations" or "prompt" in ask.body


# curl


def _curl(root: str, endpoint: str, ask: Ask) -> str:
    data = JSON.write(ask.body, "  ", used=WIDE).replace("'", "'\\''")
    options = {"stream": "-N ", "bytes": "-o speech.audio "}.get(ask.reads, "")
    text = f"curl {options}{root}{endpoint} \\\n{_curl_key()} \\\n"
    text += f"  -H \"Content-Type: application/json\" \\\n  -d '{data}'"
    if not is_polled(endpoint):
        return text
    name = "generation_id" if endpoint.startswith("/v1/stt") else "id"
    return (
        f'ID=$({text} \\\n  | sed -E \'s/.*"{name}":"([^"]+)".*/\\1/\')\n\n'
        f"# The outcome of the job; ask for it every few seconds until it is complete.\n"
        f'curl "{root}{_outcome(endpoint, "$ID")}" \\\n{_curl_key()}'
    )


def _curl_key() -> str:
    return f'  -H "Authorization: Bearer ${KEY}"'


def _outcome(endpoint: str, job: str) -> str:
    return f"/v1/stt/{job}" if endpoint.startswith("/v1/stt") else f"{endpoint}?generation_id={job}"


# The SDKs


def _python_sdk(root: str, endpoint: str, ask: Ask) -> str:
    known = _OPENAI_KNOWN[endpoint]
    own = {name: value for name, value in ask.body.items() if name in known}
    extra = {name: value for name, value in ask.body.items() if name not in known}
    arguments: dict[str, object] = {**own, **({"extra_body": extra} if extra else {})}
    lines = [f"    {name}={PYTHON.write(value, '    ', len(name) + 5)}," for name, value in arguments.items()]
    call = f"client.{_METHODS[endpoint]}(\n" + "\n".join(lines) + "\n)"
    head = (
        f'import os\n\nfrom openai import OpenAI\n\nclient = OpenAI(base_url="{root}/v1", '
        f'api_key=os.environ["{KEY}"])\n'
    )
    if ask.reads == "stream":
        return f"{head}{_python_stream(endpoint, call)}"
    read = _READS[endpoint, ask.reads][0]
    return f'{head}answer = {call}\nprint({read})\nprint(answer.meta["usage"])'


def _python_stream(endpoint: str, call: str) -> str:
    if endpoint == CHAT:
        return (
            f"stream = {call}\nfor piece in stream:\n"
            "    if piece.choices:\n"
            '        print(piece.choices[0].delta.content or "", end="", flush=True)\n'
            "    elif piece.usage:\n"
            '        print("\\n", piece.meta["usage"])'
        )
    return (
        f"stream = {call}\nfor event in stream:\n"
        '    if event.type == "response.output_text.delta":\n'
        '        print(event.delta, end="", flush=True)\n'
        '    elif event.type == "response.completed":\n'
        '        print("\\n", event.response.meta["usage"])'
    )


def _javascript_sdk(root: str, endpoint: str, ask: Ask) -> str:
    body = JAVASCRIPT.write(ask.body, "", used=WIDE)
    head = (
        'import OpenAI from "openai";\n\n'
        f'const client = new OpenAI({{ baseURL: "{root}/v1", apiKey: process.env.{KEY} }});\n'
    )
    call = f"await client.{_METHODS[endpoint]}({body});"
    if ask.reads == "stream":
        return f"{head}{_javascript_stream(endpoint, call)}"
    read = _READS[endpoint, ask.reads][1]
    return f"{head}const answer = {call}\nconsole.log({read});\nconsole.log(answer.meta.usage);"


def _javascript_stream(endpoint: str, call: str) -> str:
    if endpoint == CHAT:
        return (
            f"const stream = {call}\nfor await (const piece of stream) {{\n"
            '  process.stdout.write(piece.choices[0]?.delta.content ?? "");\n'
            "  if (piece.usage) console.log(piece.meta.usage);\n}"
        )
    return (
        f"const stream = {call}\nfor await (const event of stream) {{\n"
        '  if (event.type === "response.output_text.delta") process.stdout.write(event.delta);\n'
        '  if (event.type === "response.completed") console.log(event.response.meta.usage);\n}'
    )


# Without an SDK


def _python_plain(root: str, endpoint: str, ask: Ask) -> str:
    streams = ask.reads in ("stream", "bytes")
    polled = is_polled(endpoint)
    imports = "import os\nimport time\n\nimport requests\n" if polled else "import os\n\nimport requests\n"
    more = "    stream=True,\n" if streams else ""
    text = (
        f'{imports}\nkey = {{"Authorization": f"Bearer {{os.environ[\'{KEY}\']}}"}}\n'
        f'response = requests.post(\n    "{root}{endpoint}",\n    headers=key,\n'
        f"    json={PYTHON.write(ask.body, '    ', used=WIDE)},\n{more}    timeout=300,\n)\n"
        "response.raise_for_status()\n"
    )
    if ask.reads == "stream":
        return f'{text}for line in response.iter_lines(decode_unicode=True):\n    if line.startswith("data:"):\n' + (
            "        print(line)"
        )
    if ask.reads == "bytes":
        return f'{text}with open("speech.audio", "wb") as file:\n    for piece in response.iter_content(4096):\n' + (
            "        file.write(piece)"
        )
    if polled:
        return text + _python_outcome(root, endpoint)
    return f'{text}answer = response.json()\nprint({_plain_read(endpoint, ask)})\nprint(answer["meta"]["usage"])'


def _python_outcome(root: str, endpoint: str) -> str:
    job = '{job["generation_id"]}' if endpoint.startswith("/v1/stt") else '{job["id"]}'
    url = f"{root}{_outcome(endpoint, job)}".replace('"', "'")
    return (
        'job = response.json()\nwhile job["status"] in ("queued", "generating"):\n    time.sleep(10)\n'
        f'    job = requests.get(f"{url}", headers=key, timeout=60).json()\n'
        "print(job)"
    )


def _javascript_plain(root: str, endpoint: str, ask: Ask) -> str:
    body = JAVASCRIPT.write(ask.body, "  ", used=WIDE)
    imports = 'import { writeFile } from "node:fs/promises";\n\n' if ask.reads == "bytes" else ""
    text = (
        f"{imports}const key = {{ Authorization: `Bearer ${{process.env.{KEY}}}` }};\n"
        f'const response = await fetch("{root}{endpoint}", {{\n  method: "POST",\n'
        f'  headers: {{ ...key, "Content-Type": "application/json" }},\n  body: JSON.stringify({body}),\n}});\n'
        "if (!response.ok) throw new Error(await response.text());\n"
    )
    if ask.reads == "stream":
        return (
            f"{text}const decoder = new TextDecoder();\nfor await (const piece of response.body) {{\n"
            "  process.stdout.write(decoder.decode(piece, { stream: true }));\n}"
        )
    if ask.reads == "bytes":
        return f'{text}await writeFile("speech.audio", Buffer.from(await response.arrayBuffer()));'
    if is_polled(endpoint):
        return text + _javascript_outcome(root, endpoint)
    read = _plain_read(endpoint, ask).replace('["', ".").replace('"]', "")
    return f"{text}const answer = await response.json();\nconsole.log({read});\nconsole.log(answer.meta.usage);"


def _javascript_outcome(root: str, endpoint: str) -> str:
    job = "${job.generation_id}" if endpoint.startswith("/v1/stt") else "${job.id}"
    return (
        'let job = await response.json();\nwhile (["queued", "generating"].includes(job.status)) {\n'
        "  await new Promise((resolve) => setTimeout(resolve, 10000));\n"
        f"  job = await (await fetch(`{root}{_outcome(endpoint, job)}`, {{ headers: key }})).json();\n}}\n"
        "console.log(job);"
    )


_PLAIN_READS: Sequence[tuple[str, str]] = (
    (MESSAGES, 'answer["content"]'),
    ("/v1/tts", 'answer["audio"]'),
    ("/v1/ocr", 'answer["pages"]'),
    ("/v1/moderations", 'answer["results"]'),
    (_SYNCHRONOUS, 'answer["data"]'),
    ("/v1/stt", 'answer["text"]'),
)


def _plain_read(endpoint: str, ask: Ask) -> str:
    return next((read for path, read in _PLAIN_READS if endpoint == path), "answer")


# Uploads


def _edits(root: str, ask: Ask) -> tuple[Code, ...]:
    """Write the edit of a picture that lies in the folder in which the program runs."""
    model, prompt = ask.body["model"], "Paint it in watercolour"
    curl = (
        f'curl {root}/v1/images/edits \\\n{_curl_key()} \\\n  -F "model={model}" \\\n'
        f'  -F "prompt={prompt}" \\\n  -F "image=@photo.png"'
    )
    python = (
        f'import os\n\nfrom openai import OpenAI\n\nclient = OpenAI(base_url="{root}/v1", '
        f'api_key=os.environ["{KEY}"])\nwith open("photo.png", "rb") as photo:\n'
        f'    answer = client.images.edit(model="{model}", image=photo, prompt="{prompt}")\n'
        'print(answer.data[0].url)\nprint(answer.meta["usage"])'
    )
    javascript = (
        'import { createReadStream } from "node:fs";\nimport OpenAI from "openai";\n\n'
        f'const client = new OpenAI({{ baseURL: "{root}/v1", apiKey: process.env.{KEY} }});\n'
        f'const answer = await client.images.edit({{\n  model: "{model}",\n'
        f'  image: createReadStream("photo.png"),\n  prompt: "{prompt}",\n}});\n'
        "console.log(answer.data[0].url);\nconsole.log(answer.meta.usage);"
    )
    return Code("curl", curl), Code("python", python), Code("javascript", javascript)
