"""The families of clients that are tested: what each is installed from, its program, and the scenarios that it runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

FORMATS = ["openai_chat", "openai_responses", "anthropic_messages", "google_gemini"]
"""The formats that providers speak; most scenarios are run with a model of each."""
MODELS = {
    "openai_chat": "gpt-4o",
    "openai_responses": "fake-responses/cached",
    "anthropic_messages": "fake-messages/cached",
    "google_gemini": "fake-gemini/cached",
    "thinking:openai_chat": "fake/thinker",
    "thinking:openai_responses": "fake-responses/thinker",
    "thinking:anthropic_messages": "fake-messages/thinker",
    "thinking:google_gemini": "fake-gemini/thinker",
    "embedding": "fake-embeddings/small",
    "image": "openai/gpt-image-2",
    "queued_image": "flux/schnell",
    "speech": "openai/tts-1",
    "transcription": "nova-3",
    "told_transcription": "#g1_nova-2-general",
}
"""What the programs call: a model for each format, one that reasons, one for embeddings, and models of media."""


@dataclass(frozen=True, slots=True)
class Family:
    """Clients that share an environment and a program."""

    program: str
    per_format: Sequence[str]
    """Scenarios that are run once for each format."""
    once: Sequence[str]
    lock: str = ""
    """The folder with the lock, where it is not that of the program."""

    @property
    def installed_from(self) -> str:
        """The name of the folder in which the lock is."""
        return self.lock or self.program.partition("/")[0]

    @property
    def is_node(self) -> bool:
        """Whether Node runs it."""
        return self.program.endswith(".mjs")

    def scenarios(self) -> Iterator[str]:
        """List every scenario that the program reports."""
        yield from self.once
        for name in self.per_format:
            yield from (f"{name}[{form}]" for form in FORMATS)


def words(text: str) -> tuple[str, ...]:
    """List the words of a text."""
    return tuple(text.split())


_OPENAI_PYTHON = words(
    """
    whole stream stop length tool_loop parallel_tools tool_stream forced_tool structured structured_tool vision
    reasoning azure completions responses_whole responses_stream responses_tools responses_structured
    responses_continued
    """
)
_MEDIA = words(
    "images images_inside image_edit image_stream image_edit_stream speech speech_whole transcripts transcript_stream"
)
_OPENAI_ONCE = (*words("embeddings models asynchronous errors responses_errors"), *_MEDIA)

FAMILIES: dict[str, Family] = {
    "openai_python_2": Family("openai_python/program.py", _OPENAI_PYTHON, _OPENAI_ONCE, lock="openai_python_2"),
    "openai_python_3": Family("openai_python/program.py", _OPENAI_PYTHON, _OPENAI_ONCE, lock="openai_python_3"),
    "openai_node": Family(
        "openai_node/program.mjs",
        words(
            """
            whole stream parallel_tools tool_stream tool_runner structured vision reasoning responses_whole
            responses_stream responses_tools responses_structured
            """
        ),
        (*words("embeddings models errors responses_errors"), *_MEDIA),
    ),
    "anthropic_python": Family(
        "anthropic_python/program.py",
        words(
            """
            messages_whole messages_stream messages_stop messages_length messages_tools messages_parallel_tools
            messages_tool_stream messages_forced_tool messages_structured messages_vision messages_thinking
            messages_thinking_tools messages_cached messages_count messages_beta
            """
        ),
        words("messages_bearer messages_models messages_asynchronous messages_errors"),
    ),
    "anthropic_node": Family(
        "anthropic_node/program.mjs",
        words(
            """
            messages_whole messages_stream messages_parallel_tools messages_thinking_tools messages_tool_stream
            messages_structured messages_vision messages_thinking messages_count
            """
        ),
        words("messages_models messages_errors"),
    ),
    "vercel_ai": Family(
        "vercel_ai/program.mjs",
        words(
            """
            whole stream parallel_tools structured vision reasoning responses_whole responses_stream responses_tools
            responses_structured responses_vision messages_whole messages_stream messages_parallel_tools
            messages_structured messages_vision messages_thinking
            """
        ),
        words("embeddings errors messages_errors images"),
    ),
    "langchain": Family(
        "langchain/program.py",
        words(
            """
            whole stream tool_loop parallel_tools tool_stream structured structured_by_tool vision responses_whole
            responses_stream responses_tools responses_structured messages_whole messages_stream
            messages_parallel_tools messages_tool_stream messages_structured messages_vision messages_thinking
            """
        ),
        words("embeddings asynchronous errors messages_errors"),
    ),
    "langchain_aimlapi": Family(
        "langchain_aimlapi/program.py",
        words("whole stream parallel_tools structured"),
        words("embeddings errors images images_inside"),
    ),
    "litellm": Family(
        "litellm/program.py",
        words(
            """
            whole stream parallel_tools structured vision reasoning aiml_whole aiml_stream aiml_parallel_tools
            messages_whole messages_stream messages_parallel_tools responses_whole
            """
        ),
        words(
            """
            embeddings asynchronous errors messages_errors aiml_images aiml_images_inside aiml_openai_images
            aiml_openai_images_inside images speech_whole transcripts
            """
        ),
    ),
    "instructor": Family(
        "instructor/program.py",
        words("structured structured_by_tool structured_stream several messages_structured_by_tool"),
        words("with_cost asynchronous errors messages_errors"),
    ),
    "pydantic_ai": Family(
        "pydantic_ai/program.py",
        words(
            """
            whole stream parallel_tools structured structured_by_tool vision reasoning responses_whole
            responses_stream responses_tools responses_structured messages_whole messages_stream
            messages_parallel_tools messages_structured_by_tool messages_vision messages_thinking
            """
        ),
        words("embeddings errors messages_errors"),
    ),
    "aimlapi": Family(
        "aimlapi/program.py",
        words("stream parallel_tools structured responses_whole"),
        words("sample embeddings models errors images images_inside speech_whole transcript_job"),
    ),
}
