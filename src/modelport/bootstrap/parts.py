"""The parts of a gateway that come straight from settings."""

from collections.abc import Sequence
from ipaddress import ip_address

from modelport.assets.archive import Archive
from modelport.assets.links import Links
from modelport.assets.names import Shares
from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Provider
from modelport.core.clock import SystemClock
from modelport.core.errors import Secret
from modelport.core.ids import IdSource
from modelport.core.networks import Network, network_of
from modelport.engines.engine import EngineSettings
from modelport.engines.supervisor import Engines
from modelport.engines.weights import WeightsStore
from modelport.settings import Settings, SettingsInvalid, provider_secret
from modelport.storage.assets import Bucket, ObjectAssets, bucket_assets, folder_assets
from modelport.upstream.dial import Tls
from modelport.upstream.proxies import Proxies, parse_proxies

WEIGHTS_FOLDER = "weights"
ASSETS_FOLDER = "assets"
_HOUR_MS = 3_600_000


def weights_store(settings: Settings) -> WeightsStore:
    """Open the store of local weights, able to fetch them."""
    from modelport.engines.hub import HubFile

    egress = settings.egress
    hub = HubFile(Tls(egress.ca_file).context(), egress.https_proxy)
    return WeightsStore(settings.data_dir / WEIGHTS_FOLDER, hub=hub)


def secrets_of(catalogue: Catalogue) -> dict[str, Secret]:
    """Read the credentials of all providers from the environment, by provider id."""
    return {one.id: secret for one in catalogue.providers() if (secret := secret_of(one)) is not None}


def secret_of(provider: Provider) -> Secret | None:
    """Read the credential of a provider from the environment: its key, after who signs with it and a colon, if any."""
    parts = [provider_secret(name) for name in (provider.issuer_env, provider.secret_env) if name is not None]
    told = [part.reveal() for part in parts if part is not None]
    return Secret(":".join(told)) if told and len(told) == len(parts) else None


def engines_of(settings: Settings) -> Engines:
    engine = settings.engine
    chosen = EngineSettings(
        slots=engine.slots,
        queue=engine.queue,
        threads=engine.threads,
        context_tokens=engine.context_tokens,
        resident=engine.resident,
        idle_s=engine.idle_s,
    )
    return Engines(WeightsStore(settings.data_dir / WEIGHTS_FOLDER), chosen)


def obstacles_of(settings: Settings) -> dict[str, str | None]:
    """Say why each of the local models cannot run on this machine; None for those that can."""
    return {state.weights_id: state.obstacle for state in engines_of(settings).describe()}


def proxies(settings: Settings) -> Proxies:
    egress = settings.egress
    try:
        return parse_proxies(egress.http_proxy, egress.https_proxy, egress.no_proxy)
    except ValueError as error:
        raise SettingsInvalid(f"setting 'egress': {error}; see docs/configuration.md") from error


def networks(ranges: tuple[str, ...]) -> tuple[Network, ...]:
    try:
        return tuple(network_of(item) for item in ranges)
    except ValueError as error:
        raise SettingsInvalid(f"setting 'trusted_proxies' (MODELPORT_TRUSTED_PROXIES): {error}") from error


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def archive_of(settings: Settings, secrets: Sequence[tuple[int, bytes]]) -> Archive:
    """Open the archive; nothing is loaded, made or connected to before the first file."""
    lifetime_ms = int(settings.assets.keep_hours * _HOUR_MS)
    links, shares = Links(secrets, lifetime_ms), Shares(secrets)
    return Archive(_asset_store(settings), links, shares, SystemClock(), IdSource(), settings.assets.max_bytes)


def _asset_store(settings: Settings) -> ObjectAssets:
    chosen = settings.assets
    if chosen.url is None:
        return folder_assets(settings.data_dir / ASSETS_FOLDER)
    bucket = Bucket(chosen.url, chosen.endpoint, chosen.region, chosen.access_key_id, chosen.secret_access_key)
    return bucket_assets(bucket)
