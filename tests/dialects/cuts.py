"""Where to cut a stream in two, so that a reader which depends on how bytes arrive is found out."""

SHORT_BYTES = 1200
STEP = 7


def cuts(sent: bytes, short_bytes: int = SHORT_BYTES) -> list[int]:
    """Name every byte of a short stream; of a longer one every seventh, and those around the ends of lines."""
    if len(sent) <= short_bytes:
        return list(range(len(sent) + 1))
    ends = [at for at, byte in enumerate(sent) if byte in b"\r\n"]
    around = {at + beside for at in ends for beside in (-1, 0, 1, 2)}
    return sorted({*range(0, len(sent) + 1, STEP), *(at for at in around if 0 <= at <= len(sent))})
