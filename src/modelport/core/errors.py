"""The root of every error that a caller or an operator may see."""


class Problem(Exception):
    """Something that can be told: `message` names the thing, what was wrong and what to do next.

    Subclasses live where the problem arises and carry its data; `api/errors.py` maps each to a status.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Secret:
    """A string that does not print itself."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Hand out the value, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__


class InvalidBody(Problem):
    """A request body that does not match; `faults` are lines such as `'n': Expected integer at least 1, received 0`."""

    def __init__(self, faults: tuple[str, ...], param: str | None = None) -> None:
        super().__init__("\n".join(("Body validation error", *faults)))
        self.faults = faults
        self.param = param
