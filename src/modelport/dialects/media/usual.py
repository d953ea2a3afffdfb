"""What most wire formats of media have in common."""

from modelport.dialects import chat_body
from modelport.dialects.media.wire import Order, PieceReader, SoundReader
from modelport.dialects.wire import UpstreamFault


class Usual:
    """A wire format whose answers come whole, and whose refusals have the form that most have."""

    def sound(self, order: Order, content_type: str) -> SoundReader | None:
        """Nothing is read while it is made."""
        del order, content_type
        return None

    def pieces(self, order: Order, content_type: str) -> PieceReader | None:
        """Nothing is told while it is made."""
        del order, content_type
        return None

    def fault(self, status: int, retry_after: bytes | None, body: bytes) -> UpstreamFault:
        """Say what went wrong from a refusal, and whether another offer is worth trying."""
        return chat_body.fault(status, retry_after, body)
