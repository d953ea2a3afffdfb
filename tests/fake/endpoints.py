"""Which path of a vendor is answered by what."""

from collections.abc import Callable

from tests.fake.calls import Call, Ready
from tests.fake.chat.endpoint import chat
from tests.fake.chat.fill import fill
from tests.fake.embeddings.openai import embeddings
from tests.fake.gemini.endpoint import gemini
from tests.fake.messages.endpoint import count_tokens, messages
from tests.fake.responses.endpoint import responses
from tests.fake.vendor import Refusal, Vendor

Endpoint = Callable[[Call], Ready | Refusal]

_PATHS: dict[str, Endpoint] = {
    "/chat/completions": chat,
    "/v1/chat/completions": chat,
    "/beta/chat/completions": chat,
    "/completions": fill,
    "/beta/completions": fill,
    "/fim/completions": fill,
    "/embeddings": embeddings,
    "/responses": responses,
    "/messages": messages,
    "/messages/count_tokens": count_tokens,
}


def endpoint_of(vendor: Vendor, path: str) -> Endpoint | None:
    """Find what answers a path below a vendor's prefix."""
    if "/models/" in vendor.serves and path.startswith("/models/"):
        return gemini
    return _PATHS.get(path) if path in vendor.serves else None
