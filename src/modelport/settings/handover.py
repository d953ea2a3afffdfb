"""Settings handed from a supervisor to its workers, so that all go by the same, whatever was edited since."""

import msgspec

from modelport.core.errors import Secret
from modelport.settings.load import from_text
from modelport.settings.sections import Settings


def packed(settings: Settings) -> bytes:
    """Write settings as JSON, secrets included: for a pipe between two processes of ours, and for nothing else."""
    return msgspec.json.encode(settings, enc_hook=_text)


def unpacked(data: bytes | msgspec.Raw) -> Settings:
    """Read what `packed` wrote."""
    return msgspec.json.decode(data, type=Settings, dec_hook=from_text)


def _text(value: object) -> str:
    return value.reveal() if isinstance(value, Secret) else str(value)
