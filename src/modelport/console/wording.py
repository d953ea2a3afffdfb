"""The words of the pages: what tasks and capabilities are called, and how numbers are printed."""

from collections.abc import Mapping

from modelport.catalogue.facts import Category, Operation

TASKS: Mapping[Category, tuple[str, str]] = {
    "text": ("Text", "chat, reasoning, code, tools"),
    "image": ("Images", "make, edit, upscale"),
    "video": ("Video", "from text, pictures, films"),
    "speech-to-text": ("Speech to text", "transcripts, speakers, topics"),
    "text-to-speech": ("Text to speech", "voices for any text"),
    "voice-chat": ("Voice", "expressive and cloned voices"),
    "music": ("Music", "songs and instrumentals"),
    "ocr": ("OCR", "documents into text"),
    "3d": ("3D", "meshes from pictures"),
    "embedding": ("Embeddings", "search and similarity"),
    "moderation": ("Moderation", "what is harmful in texts"),
}
"""Each shelf: its name, and what is on it."""
CAPABILITIES: Mapping[str, str] = {
    "streaming": "Streaming",
    "reasoning": "Thinking",
    "tools": "Tools",
    "parallel_tools": "Parallel tools",
    "vision": "Image input",
    "audio": "Audio input",
    "video": "Video input",
    "file": "File input",
    "json_schema": "JSON schemas",
    "json_object": "JSON mode",
    "web_search": "Web search",
    "system": "System prompts",
    "developer": "Developer role",
    "logprobs": "Log probabilities",
    "seed": "Seed",
    "stop": "Stop sequences",
    "choices": "Several choices",
    "prediction": "Predicted output",
    "dimensions": "Choice of dimensions",
    "text_to_image": "Text to image",
    "image_to_image": "Image to image",
    "text_to_video": "Text to video",
    "image_to_video": "Image to video",
    "video_to_video": "Video to video",
    "image_to_3d": "Image to 3D",
    "text_to_3d": "Text to 3D",
    "audio_generation": "Makes sound",
    "diarization": "Tells speakers apart",
    "first_last_frame": "First and last frame",
    "inpainting": "Inpainting",
    "instrumental": "Instrumentals",
    "lip_sync": "Lip sync",
    "lyrics": "Lyrics",
    "multi_shot": "Several shots",
    "reference_images": "Reference images",
    "timestamps": "Timestamps",
    "upscaling": "Upscaling",
    "voice_cloning": "Voice cloning",
}
"""What a model can do, in the order in which it is told."""
FACETS = (
    "reasoning", "tools", "vision", "audio", "video", "file", "json_schema", "web_search", "streaming",
    "image_to_image", "image_to_video", "video_to_video", "audio_generation", "voice_cloning", "diarization",
)  # fmt: skip
"""The capabilities by which people choose."""
TOLD = frozenset(FACETS) - {"streaming"}
"""Those that are told in a list."""
OPERATIONS: Mapping[Operation, str] = {
    "chat": "chat model",
    "embeddings": "embeddings model",
    "images": "image model",
    "video": "video model",
    "music": "music model",
    "speech": "speech model",
    "transcription": "transcription model",
    "ocr": "document model",
    "3d": "3D model",
    "moderation": "moderation model",
}
ENDPOINTS: Mapping[str, str] = {
    "/v1/chat/completions": "Chat Completions",
    "/v1/responses": "Responses",
    "/v1/messages": "Messages",
    "/v1/embeddings": "Embeddings",
    "/v1/images/generations": "Image generation",
    "/v1/images/generations/with-url": "Image generation, always by URL",
    "/v1/images/edits": "Image edits",
    "/v2/video/generations": "Video generation",
    "/v1/video/generations": "Video generation, other path",
    "/v2/generate/audio": "Music generation",
    "/v1/tts": "Text to speech",
    "/v1/stt/create": "Transcription",
    "/v1/stt": "Transcription, in one call",
    "/v1/ocr": "OCR",
    "/v1/moderations": "Moderation",
}


def capability(name: str) -> str:
    """Name a capability."""
    return CAPABILITIES.get(name, name.replace("_", " ").capitalize())


def endpoint(path: str) -> str:
    """Name a path."""
    return ENDPOINTS.get(path, "Older path")


def tokens(count: int | None) -> str:
    """Print a number of tokens shortly: `128K`, `1M`, `1.05M`."""
    if count is None:
        return ""
    if count >= 1_000_000:
        return f"{count / 1_000_000:.2f}".rstrip("0").rstrip(".") + "M"
    if count < 1_000:
        return str(count)
    for unit in (1000, 1024):
        if count % unit == 0:
            return f"{count // unit}K"
    return f"{count / 1000:.0f}K"


def grouped(count: int) -> str:
    """Print a number with its thousands apart."""
    return f"{count:,}"
