"""What can be wrong with the catalogue, and with a name looked up in it."""

from dataclasses import dataclass

from modelport.core.errors import Problem


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a catalogue file: where, what, and what to do about it."""

    file: str
    key: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        return f"{place}: {self.problem}; {self.remedy}"


class CatalogueInvalid(Problem):
    """The catalogue's files do not make a catalogue; `faults` lists everything that is wrong with them."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__("\n".join((f"the catalogue has {count}", *(f"- {fault}" for fault in faults))))
        self.faults = faults


class UnknownModel(Problem):
    """No model has this id or alias; `nearest` are the ids that look most like it."""

    param = "model"

    def __init__(self, model_id: str, nearest: tuple[str, ...]) -> None:
        hint = f"Did you mean {_either(nearest)}? " if nearest else ""
        super().__init__(f"The model '{model_id}' does not exist. {hint}GET /v1/models lists every model.")
        self.model_id = model_id
        self.nearest = nearest


class RetiredModel(Problem):
    """A model that was served once and is not any more; `replacement` is the id to use instead, if there is one."""

    param = "model"

    def __init__(self, model_id: str, replacement: str | None) -> None:
        hint = f"Use '{replacement}' instead." if replacement else "GET /v1/models lists what can be used instead."
        super().__init__(f"The model '{model_id}' is retired. {hint}")
        self.model_id = model_id
        self.replacement = replacement


def _either(names: tuple[str, ...]) -> str:
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
