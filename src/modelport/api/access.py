"""Who may do what: the one table of operations × kinds of key × scopes. What is not listed is denied."""

from dataclasses import dataclass
from typing import Literal

from modelport.core.networks import Address, is_within
from modelport.keys.key import AddressNotAllowed, Key, KeyNotAllowed, Scope

Audience = Literal["anyone", "regular", "management", "any_key"]
"""Who is let in; `any_key` is whoever has a key, of either kind."""


@dataclass(frozen=True, slots=True)
class Access:
    """Which kind of key an operation asks for, and which scope."""

    audience: Audience
    scope: Scope | None = None
    has_own_token: bool = False
    """Whether it asks for a token that is no key, and refuses every key."""


ACCESS: dict[str, Access] = {
    "about": Access("anyone"),
    "health": Access("anyone"),
    "readiness": Access("anyone"),
    "metrics": Access("anyone", has_own_token=True),
    "models.list": Access("anyone"),
    "models.array": Access("anyone"),
    "models.show": Access("anyone"),
    "models.retrieve": Access("anyone"),
    "models.page": Access("anyone"),
    "pages": Access("anyone"),
    "assets": Access("anyone"),
    "route.show": Access("management"),
    "route.explain": Access("management"),
    "models.metrics": Access("anyone"),
    "docs.model": Access("anyone"),
    "openapi": Access("anyone"),
    "chat": Access("regular", "model:chat"),
    "messages": Access("regular", "model:chat"),
    "messages.count": Access("regular", "model:chat"),
    "completions": Access("regular", "model:chat"),
    "deployment": Access("regular", "model:chat"),
    "responses": Access("regular", "model:responses"),
    "responses.show": Access("regular", "model:responses"),
    "responses.delete": Access("regular", "model:responses"),
    "embeddings": Access("regular", "model:embeddings"),
    "images": Access("regular", "model:image"),
    "images.links": Access("regular", "model:image"),
    "images.edits": Access("regular", "model:image"),
    "video": Access("regular", "model:video"),
    "music": Access("regular", "model:audio"),
    "speech": Access("regular", "model:speech"),
    "transcription": Access("regular", "model:speech"),
    "ocr": Access("regular", "model:ocr"),
    "moderation": Access("regular", "model:moderation"),
    "transcription.order": Access("regular", "model:speech"),
    "transcription.show": Access("regular", "model:speech"),
    "jobs.show": Access("anyone"),
    "jobs.list": Access("regular"),
    "job.show": Access("regular"),
    "job.cancel": Access("regular"),
    "key.show": Access("regular"),
    "keys.create": Access("management"),
    "keys.list": Access("management"),
    "keys.change": Access("management"),
    "keys.replace": Access("management"),
    "keys.delete": Access("management"),
    "webhooks.secret": Access("management"),
    "webhooks.rotate": Access("management"),
    "billing.credits": Access("regular"),
    "billing.balance": Access("regular"),
    "billing.detail": Access("regular"),
    "billing.transactions": Access("regular"),
    "usage": Access("any_key"),
    "usage.detail": Access("any_key"),
    "logs": Access("any_key"),
    "checkout": Access("any_key"),
    "auto_top_up.show": Access("management"),
    "auto_top_up.change": Access("management"),
    "stripe.webhook": Access("anyone"),
    "export.logs": Access("management"),
    "export.entries": Access("management"),
}


def check_access(access: Access, key: Key) -> None:
    """Raise `KeyNotAllowed` when the key is of the wrong kind or lacks the scope."""
    if access.audience == "anyone":
        return
    if access.audience != "any_key" and key.is_management != (access.audience == "management"):
        raise KeyNotAllowed(_WRONG_KIND[access.audience])
    if access.scope is not None and key.scopes is not None and access.scope not in key.scopes:
        raise KeyNotAllowed(
            f"the key {key.prefix} lacks the scope '{access.scope}': add it to the key, or use another key"
        )


def check_address(key: Key, address: Address | None) -> None:
    """Raise `AddressNotAllowed` when the key may not be used from there; an address that is not known never is."""
    if key.ip_ranges is not None and (address is None or not is_within(address, key.ip_ranges)):
        raise AddressNotAllowed(key.prefix, None if address is None else str(address))


_WRONG_KIND = {
    "regular": "a management key cannot be used here: it manages keys and reads usage; use a regular key",
    "management": "a regular key cannot do this: use a management key "
    "(`modelport keys create --account NAME --management` makes one)",
}
