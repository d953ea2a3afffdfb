"""The parts of a gateway that come straight from settings."""

from ipaddress import ip_address

from modelport.catalogue.catalogue import Catalogue
from modelport.core.errors import Secret
from modelport.core.networks import Network, network_of
from modelport.engines.engine import EngineSettings
from modelport.engines.hub import HubFile
from modelport.engines.supervisor import Engines
from modelport.engines.weights import WeightsStore
from modelport.settings import Settings, SettingsInvalid, provider_secret
from modelport.upstream.dial import Tls
from modelport.upstream.proxies import Proxies, parse_proxies

WEIGHTS_FOLDER = "weights"


def weights_store(settings: Settings) -> WeightsStore:
    """Open the store of local weights, able to fetch them."""
    egress = settings.egress
    hub = HubFile(Tls(egress.ca_file).context(), egress.https_proxy)
    return WeightsStore(settings.data_dir / WEIGHTS_FOLDER, hub=hub)


def secrets_of(catalogue: Catalogue) -> dict[str, Secret]:
    """Read the credentials of all providers from the environment, by provider id."""
    named = {one.id: one.secret_env for one in catalogue.providers() if one.secret_env is not None}
    return {name: secret for name, variable in named.items() if (secret := provider_secret(variable)) is not None}


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
    return {state.weights_id: state.obstacle for state in Engines(weights_store(settings)).describe()}


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
