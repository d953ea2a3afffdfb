"""What a value must be beyond its type."""

import re
import ssl
from collections.abc import Callable, Mapping
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from modelport.core.credits import from_usd
from modelport.core.errors import Secret
from modelport.upstream.proxies import parse_proxies

CREDIT_MAX_USD = 1_000_000_000
SHOWN_MAX = 100


def _public_url(value: str) -> str | None:
    """A path is allowed: a gateway may be one part of a site."""
    expected = "an address such as https://models.example.com, without query and fragment"
    try:
        parts = urlsplit(value)
        is_fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return expected
    is_bare = not any(mark in value for mark in "?#@") and value.isascii() and value.isprintable() and " " not in value
    return None if is_fine and is_bare else expected


def _networks(values: tuple[str, ...]) -> str | None:
    for value in values:
        try:
            ip_network(value, strict=False)
        except ValueError:
            return f"addresses or ranges such as 10.0.0.0/8 ('{value[:SHOWN_MAX]}' is none)"
    return None


def _database_url(value: Secret) -> str | None:
    is_fine = _has_address(value, ("postgresql", "postgres"))
    return None if is_fine else f"an address such as postgresql://user:password@host:5432/name{_ENCODED}"


def _redis_url(value: Secret) -> str | None:
    is_fine = _has_address(value, ("redis", "rediss", "unix"))
    return None if is_fine else f"an address such as redis://host:6379/0{_ENCODED}"


_ENCODED = ", with @ : / ? # in a name or password written as %40 %3A %2F %3F %23"


def _has_address(value: Secret, schemes: tuple[str, ...]) -> bool:
    """Whether an address falls into its parts in one way only: what reads it otherwise would show parts of a secret."""
    try:
        parts = urlsplit(value.reveal())
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in schemes and parts.netloc.count("@") <= 1 and not parts.fragment


def _assets_url(value: str) -> str | None:
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    is_bare = not any(mark in value for mark in "?#@") and value.isascii() and value.isprintable() and " " not in value
    is_fine = is_bare and parts.scheme in ("s3", "gs", "az") and parts.netloc
    return None if is_fine else "an address such as s3://bucket/folder (or gs://…, az://…)"


def _proxy(value: str) -> str | None:
    try:
        parse_proxies(value, None, None)
    except ValueError:
        return "an address such as http://proxy.example.com:3128 (TLS to a proxy is not spoken)"
    return None


def _ca_file(value: Path) -> str | None:
    try:
        ssl.create_default_context(cafile=value)
    except (OSError, ssl.SSLError) as error:
        return f"a readable PEM file of certificates ({error.strerror or error})"
    return None


def _amount(value: str) -> str | None:
    try:
        amount = Decimal(value)
        is_fine = 0 <= amount <= CREDIT_MAX_USD
        from_usd(amount)
    except (ArithmeticError, ValueError):
        is_fine = False
    return None if is_fine else f"an amount in US dollars such as 5 or 0.25, at most {CREDIT_MAX_USD}"


def _origin(value: str) -> str | None:
    return None if _ORIGIN.fullmatch(value) else "* or an origin such as https://app.example.com"


_ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[A-Za-z0-9.:_\[\]-]+")
SECRET_KEYS = frozenset({"egress.https_proxy", "egress.http_proxy", "database_url", "redis_url"})
CHECKS: Mapping[str, Callable[[Any], str | None]] = {
    "public_url": _public_url,
    "trusted_proxies": _networks,
    "server.cors_origin": _origin,
    "money.first_credit_usd": _amount,
    "money.free_usd_per_hour": _amount,
    "stripe.least_usd": _amount,
    "stripe.most_usd": _amount,
    "stripe.base_url": _public_url,
    "database_url": _database_url,
    "redis_url": _redis_url,
    "egress.allow": _networks,
    "assets.url": _assets_url,
    "assets.endpoint": _public_url,
    "egress.https_proxy": _proxy,
    "egress.http_proxy": _proxy,
    "egress.ca_file": _ca_file,
}
"""What a value must be beyond its type: each returns what was expected, or None."""
