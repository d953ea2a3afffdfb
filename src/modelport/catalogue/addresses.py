"""Base addresses of providers, which may leave parts to environment variables: `https://${REGION}.example/v1`."""

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from modelport.catalogue.facts import Offer, Provider
from modelport.catalogue.forms import VARIABLE
from modelport.catalogue.problems import Fault

_VARIABLE = re.compile(rf"\$\{{({VARIABLE})\}}")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_REMEDY = "write it as https://host/path, without user, query or fragment"


def variables(base_url: str) -> tuple[str, ...]:
    """Return the variables that a base address leaves open, each once."""
    return tuple(dict.fromkeys(_VARIABLE.findall(base_url)))


def fault_of(base_url: str) -> tuple[str, str] | None:
    """Say what is wrong with an address as written, and what to write; None when nothing is."""
    whole = _VARIABLE.match(base_url)
    filled = "https://host" + base_url[whole.end() :] if whole else base_url
    if _is_address(_VARIABLE.sub("part", filled)):
        return None
    return f"'{base_url}' is not the address of a service", _REMEDY


def resolved(
    providers: tuple[Provider, ...], offers: tuple[Offer, ...], environ: Mapping[str, str], faults: list[Fault]
) -> tuple[tuple[Provider, ...], tuple[Offer, ...]]:
    """Fill in the variables that are set; adds to `faults` those whose value makes no address.

    A provider with a variable that is not set keeps its address as written and cannot be used.
    """
    filled = {one.id: _filled(one, environ, faults) for one in providers if one.settings}
    if not filled:
        return providers, offers
    return (
        tuple(filled.get(one.id, one) for one in providers),
        tuple(
            replace(offer, provider=filled[offer.provider.id]) if offer.provider.id in filled else offer
            for offer in offers
        ),
    )


def _filled(provider: Provider, environ: Mapping[str, str], faults: list[Fault]) -> Provider:
    values = {name: environ.get(name, "").strip() for name in variables(provider.base_url)}
    if not all(values.values()):
        return provider
    whole = _VARIABLE.match(provider.base_url)
    for name, value in values.items():
        if whole and name == whole[1]:
            if not _is_address(value):
                faults.append(Fault("environment", name, f"'{value}' is not the address of a service", _REMEDY))
                return provider
        elif not _PART.fullmatch(value):
            remedy = f"write only the part that stands for it in {provider.base_url}"
            faults.append(Fault("environment", name, f"'{value}' is no part of an address", remedy))
            return provider
    url = _VARIABLE.sub(lambda found: values[found[1]].rstrip("/"), provider.base_url)
    return replace(provider, base_url=url)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return False
    odd = parts.query or parts.fragment or "@" in parts.netloc or any(char.isspace() or char in "${}" for char in url)
    return bool(usable) and not odd
