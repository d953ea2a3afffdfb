"""Why a call has nowhere to go."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelport.catalogue.facts import Model, Offer, Operation, Provider
from modelport.core.errors import Problem

GUIDE = "docs/providers.md"


@dataclass(frozen=True, slots=True)
class Setting:
    """The environment variables that would make a provider usable."""

    variables: tuple[str, ...]
    provider_name: str

    @property
    def env(self) -> str:
        """What to set, in words."""
        return " and ".join(self.variables)

    def __str__(self) -> str:
        return f"{self.env} ({self.provider_name})"


class Unserved(Problem):
    """A model that the catalogue knows and nobody configured here sells; `settings` are those that would serve it."""

    def __init__(self, model: Model, settings: tuple[Setting, ...]) -> None:
        own = "your own engine or another provider" if model.weights else "another provider"
        if model.only_providers and not settings:
            remedy = f"Its `only_providers` lets {' and '.join(model.only_providers)} alone serve it: change that."
        elif settings:
            remedy = f"Set {' or '.join(str(setting) for setting in settings)}, or add {own} as in {GUIDE}."
        else:
            why = model.unsold.removesuffix(".") or "Nobody in the catalogue sells it"
            remedy = f"{why}: add {own} as in {GUIDE}."
        super().__init__(f"No configured provider serves the model '{model.id}'. {remedy}")
        self.model_id = model.id
        self.settings = settings


MAINTENANCE_RETRY_S = 60
"""When to ask again for what is in maintenance: nobody knows, but not at once."""


class UnderMaintenance(Problem):
    """The operator has taken the model, or everybody who could serve it, out of service for a while."""

    retry_after_s = MAINTENANCE_RETRY_S

    def __init__(self, model: Model, told: str) -> None:
        super().__init__(f"The model '{model.id}' is in maintenance: {told}")
        self.model_id = model.id
        self.told = told


class Unspoken(Problem):
    """Everybody configured who sells the model speaks wire formats that this version does not call."""

    def __init__(self, model: Model, offers: Sequence[Offer]) -> None:
        sellers = "; ".join(
            f"{offer.provider.name} sells it in {' or '.join(offer.spoken(model.operation))}" for offer in offers
        )
        super().__init__(
            f"The model '{model.id}' is known, and this version cannot call those who sell it: {sellers}. "
            f"Add a provider with another format as in {GUIDE}, or use a newer version."
        )
        self.model_id = model.id


class Unpriced(Problem):
    """Everybody configured who sells the model does so at a price that is not known, and nothing is given away."""

    def __init__(self, model: Model, offers: Sequence[Offer]) -> None:
        sellers = " or ".join(f"catalogue/{offer.provider.id}.toml" for offer in offers)
        super().__init__(
            f"The model '{model.id}' has no known price. Write `rates` or `free = true` for it into {sellers} "
            "of the data folder."
        )
        self.model_id = model.id
        self.provider_ids = tuple(offer.provider.id for offer in offers)


class UnknownProvider(Problem):
    """The caller pinned a provider that does not sell the model; `sellers` are the keys of those that do."""

    def __init__(self, pin: str, model: Model, sellers: Sequence[Provider]) -> None:
        keys = tuple(provider.id for provider in sellers)
        choices = f"Use one of: {', '.join(keys)}, auto." if keys else "Nobody sells it at present."
        super().__init__(f"'provider': no provider '{pin}' sells the model '{model.id}'. {choices}")
        self.pin = pin
        self.model_id = model.id
        self.sellers = keys


_KINDS: dict[Operation, str] = {
    "chat": "a chat model",
    "embeddings": "an embeddings model",
    "images": "an image model",
    "video": "a video model",
    "music": "a music model",
    "speech": "a text-to-speech model",
    "transcription": "a speech-to-text model",
    "ocr": "an OCR model",
    "3d": "a 3D model",
    "moderation": "a moderation model",
}


class WrongOperation(Problem):
    """The caller asked of a model what it is not for; `operation` is what was asked, `fitting` are models for that."""

    param = "model"

    def __init__(self, model: Model, operation: Operation, fitting: Sequence[str] = ()) -> None:
        kind, path = _KINDS[model.operation], model.endpoints[0]
        instead = f" What you called is for models such as {' and '.join(fitting)}." if fitting else ""
        super().__init__(f"The model '{model.id}' is {kind}: call POST {path}.{instead}")
        self.model_id = model.id
        self.operation = operation
