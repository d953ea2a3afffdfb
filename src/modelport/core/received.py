"""How a value that a caller sent is shown in a message about it."""

import msgspec

SHOWN = 60


def received(value: object) -> str:
    """Print a value for a message, shortened."""
    if isinstance(value, dict | list):
        return "object" if isinstance(value, dict) else "array"
    if isinstance(value, str):
        value = value[:SHOWN]
    shown = str(value) if type(value) is int else msgspec.json.encode(value).decode()
    return shown if len(shown) <= SHOWN else shown[: SHOWN - 3] + "..."
