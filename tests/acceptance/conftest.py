"""A gateway for the whole session, with the fake in place of every vendor, and someone who listens at its door."""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelport.engines.weights import WeightsStore
from tests.acceptance.gateway import SECRETS, Gateway, environment, fake_provider, point_to
from tests.acceptance.witness import Witness, witness
from tests.engines.conftest import SMALL, real_store

__all__ = ["real_store"]

HERE = Path(__file__).resolve().parent
PROGRAM_WITHIN_S = 60.0
INSTALL_WITHIN_S = 300.0
CITED = "https://example.com"
"""Where the fake has what it cites from."""
LOCAL = {"MODELPORT_ENGINE_DEFAULT_MODEL": SMALL, "MODELPORT_ENGINE_CONTEXT_TOKENS": "1024"}


@dataclass(frozen=True, slots=True)
class Site:
    """A running gateway, the account and key that the tests share, and what it answered."""

    gateway: Gateway
    door: Witness
    account_id: int
    key: str
    fake_url: str

    @property
    def url(self) -> str:
        """Where clients call."""
        return self.door.base_url

    def program_environment(self, **more: str) -> dict[str, str]:
        """Return the environment in which the programs run."""
        return environment(self.gateway.data_dir, {"MODELPORT_URL": self.url, "MODELPORT_KEY": self.key, **more})

    def balance(self) -> int:
        """Sum up the entries of the shared account."""
        return balance_of(self.gateway, self.account_id)


def balance_of(gateway: Gateway, account_id: int) -> int:
    """Sum up the entries of an account."""
    came = "SELECT COALESCE(SUM(credits), 0) AS credits FROM entries WHERE to_account = ?"
    went = "SELECT COALESCE(SUM(credits), 0) AS credits FROM entries WHERE from_account = ?"
    return gateway.rows(came, account_id)[0]["credits"] - gateway.rows(went, account_id)[0]["credits"]


@pytest.fixture(scope="session")
def session_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run one gateway for all tests that do not stop it."""
    with fake_provider() as fake:
        gateway = Gateway(tmp_path_factory.mktemp("gateway") / "data", secrets=SECRETS)
        point_to(fake, gateway.catalogue)
        with gateway, witness(gateway.base_url) as door:
            account = gateway.create_account("acceptance", "100")
            yield Site(gateway, door, account["id"], gateway.create_key("acceptance"), fake)


@pytest.fixture(scope="session")
def session_local_site(tmp_path_factory: pytest.TempPathFactory, real_store: WeightsStore) -> Iterator[Site]:
    """Run a gateway that has no provider but the engine of this machine, and the small real model."""
    gateway = Gateway(tmp_path_factory.mktemp("local") / "data", settings=LOCAL)
    share_weights(real_store, gateway.data_dir)
    with gateway, witness(gateway.base_url) as door:
        account = gateway.create_account("local", "1")
        yield Site(gateway, door, account["id"], gateway.create_key("local"), "")


def share_weights(store: WeightsStore, data_dir: Path) -> None:
    """Let a gateway find the weights where they are."""
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / "weights").symlink_to(store.folder.resolve())


@pytest.fixture
def local_site(session_local_site: Site) -> Iterator[Site]:
    """Give a test the gateway with a real model; it may not name another host either."""
    session_local_site.door.clear()
    yield session_local_site
    assert session_local_site.door.strangers(never=[str(session_local_site.gateway.data_dir)]) == set()


@pytest.fixture
def site(session_site: Site) -> Iterator[Site]:
    """Give a test the gateway; afterwards, nothing that it answered may have named another host."""
    session_site.door.clear()
    yield session_site
    never = [session_site.fake_url.removeprefix("http://")]
    assert session_site.door.strangers(known=[CITED], never=never) == set()


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_program(site: Site) -> Run:
    """Run a program in its own process, as a reader of the page would; fails with what it wrote."""

    def run(*command: str | Path, check: bool = True, more: Mapping[str, str] | None = None):
        done = subprocess.run(
            [str(part) for part in command],
            env=site.program_environment(**(more or {})),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PROGRAM_WITHIN_S,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture(scope="session")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the Node programs to a folder that has what they import, installed as the lock says."""
    folder = tmp_path_factory.mktemp("node") / "programs"
    shutil.copytree(HERE / "node", folder, ignore=shutil.ignore_patterns("node_modules"))
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=INSTALL_WITHIN_S)
    return folder
