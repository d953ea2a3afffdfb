"""Joins the parameters that models share with those of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from modelport.catalogue.drafts import Drafts, ModelDraft
from modelport.catalogue.parameters import Parameters
from modelport.catalogue.problems import Fault


@dataclass(frozen=True, slots=True)
class Sets:
    """Parameters that many models share, by the name of their file."""

    by_name: Mapping[str, Parameters]

    @classmethod
    def of(cls, layers: Sequence[Drafts]) -> Self:
        """Lay the sets of each layer on those before it: one of the same name replaces it."""
        return cls({draft.name: draft.parameters for layer in layers for draft in layer.shared})

    def joined(
        self, draft: ModelDraft, operation: str, capabilities: frozenset[str], faults: list[Fault]
    ) -> Parameters:
        """Join the set of the operation, those that the model takes, and its own; the later replace the earlier.

        Left out is what needs a capability that the model lacks. A set that does not exist is added to `faults`.
        """
        joined = dict(self.by_name.get(operation, {}))
        for name in draft.takes or ():
            if name not in self.by_name:
                key = f"{draft.key}.takes" if draft.key else "takes"
                problem = f"there are no parameters called '{name}'"
                faults.append(Fault(draft.file, key, problem, f"describe them in parameters/{name}.toml"))
            joined.update(self.by_name.get(name, {}))
        joined.update(draft.parameters or {})
        return {name: one for name, one in joined.items() if not one.needs or one.needs in capabilities}

    def own(self, joined: Parameters, operation: str) -> Parameters:
        """Pick of a model's parameters those that differ from the set of its operation; none where that has none."""
        shared = self.by_name.get(operation, {})
        return {name: one for name, one in joined.items() if one != shared.get(name)} if shared else {}
