"""A compiled catalogue is read back whole, and whatever is wrong with it only costs time."""

import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.load import load
from modelport.catalogue.problems import CatalogueInvalid
from modelport.catalogue.sources import Source
from tests.catalogue.written import PACKAGE, SHOP, write


def snapshots(cache: Path) -> list[Path]:
    return sorted(cache.glob("catalogue-*.msgpack"))


def facts(catalogue: Catalogue) -> tuple[object, ...]:
    offers = tuple(catalogue.offers(model.id) for model in catalogue.models())
    return catalogue.hash, catalogue.models(), catalogue.providers(), offers


def test_what_is_read_back_is_what_was_compiled(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    compiled = load(cache=cache)
    assert len(snapshots(cache)) == 1
    read_back = load(cache=cache)
    assert facts(read_back) == facts(compiled) == facts(load())


def test_offers_read_back_share_their_provider(tmp_path: Path) -> None:
    for _ in range(2):
        catalogue = load(cache=tmp_path)
        for model in catalogue.models():
            for offer in catalogue.offers(model.id):
                assert offer.provider is catalogue.provider(offer.provider.id)


def test_retired_ids_and_aliases_are_read_back(tmp_path: Path) -> None:
    package = write(tmp_path / "package", PACKAGE | {"models/acme/old.toml": "[[models]]\n" + PLAIN_OLD})
    for _ in range(2):
        catalogue = load(cache=tmp_path / "cache", data=package)
        assert catalogue.find("SMALL").id == "acme/small"
        assert catalogue.find("older").id == "acme/old"


PLAIN_OLD = 'id = "acme/old"\nname = "Old"\nmaker = "Acme"\naliases = ["older"]'


def test_a_change_of_any_file_makes_a_new_snapshot_and_old_ones_go(tmp_path: Path) -> None:
    cache, overlay = tmp_path / "cache", tmp_path / "overlay"
    for number in range(6):
        write(overlay, {"shop.toml": f"{SHOP}\n# {number}"})
        load(overlay, cache, write(tmp_path / "package", PACKAGE))
    assert len(snapshots(cache)) == 3


def test_a_damaged_snapshot_is_made_anew(tmp_path: Path) -> None:
    good = load(cache=tmp_path)
    (snapshot,) = snapshots(tmp_path)
    for damage in (b"", b"\x00", snapshot.read_bytes()[:-9], snapshot.read_bytes().replace(b"gpt-4o", b"gpt-5o")):
        snapshot.write_bytes(damage)
        assert facts(load(cache=tmp_path)) == facts(good)
        assert len(snapshot.read_bytes()) > 1000


def test_a_snapshot_under_another_s_name_is_not_believed(tmp_path: Path) -> None:
    package = write(tmp_path / "package", PACKAGE)
    load(cache=tmp_path / "other")
    load(cache=tmp_path / "cache", data=package)
    (name,) = snapshots(tmp_path / "cache")
    name.write_bytes(snapshots(tmp_path / "other")[0].read_bytes())
    assert len(load(cache=tmp_path / "cache", data=package).models()) == 1


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert load(cache=tmp_path / "file").models()


def test_reading_a_snapshot_is_much_faster_than_compiling(tmp_path: Path) -> None:
    models = {
        f"models/acme/m{number}.toml": f'name = "M{number}"\nmaker = "Acme"\naliases = ["m{number}"]' + FACTS
        for number in range(300)
    }
    offers = "".join(
        f'\n[[offers]]\nmodel = "acme/m{number}"\nupstream = "m"\n'
        'rates = [{ from = 2026-01-01, input = "0.5", output = "1.5" }]'
        for number in sorted(range(300), key=lambda number: f"acme/m{number}")
    )
    package = write(tmp_path / "package", models | {"providers/shop.toml": SHOP.split("[[offers]]")[0] + offers})
    slow = timed(lambda: load(data=package))
    load(cache=tmp_path / "cache", data=package)
    fast = min(timed(lambda: load(cache=tmp_path / "cache", data=package)) for _ in range(3))
    assert fast < slow / 2, f"{fast * 1000:.1f} ms against {slow * 1000:.1f} ms"


FACTS = '\ndescription = "A model."\ncapabilities = ["streaming", "system", "tools"]\ncontext_tokens = 1000\n'


def timed(work: object) -> float:
    begun = time.perf_counter()
    assert callable(work)
    work()
    return time.perf_counter() - begun


def test_what_prepares_is_called_before_something_new_is_compiled_and_may_do_it(tmp_path: Path) -> None:
    called: list[str] = []

    def elsewhere() -> None:
        called.append("compile")
        load(cache=tmp_path)

    def never() -> None:
        raise AssertionError

    first = load(cache=tmp_path, prepare=elsewhere)
    assert facts(load(cache=tmp_path, prepare=never)) == facts(first)
    assert called == ["compile"]


def test_another_process_compiles_what_was_applied_and_the_folder(tmp_path: Path) -> None:
    overlay, cache = write(tmp_path / "overlay", {"openai.toml": "markup = '2.0'"}), tmp_path / "cache"
    applied = (Source("applied", "openai.toml", b"free = true"),)

    def elsewhere(over: Path) -> None:
        subprocess.run(
            [sys.executable, "-m", "modelport.catalogue", str(over), str(cache)],
            input=msgspec.msgpack.encode(applied),
            check=True,
        )

    elsewhere(overlay)
    (compiled,) = snapshots(cache)
    written_at = compiled.stat().st_mtime_ns
    assert facts(load(overlay, cache, applied=applied)) == facts(load(overlay, applied=applied))
    assert compiled.stat().st_mtime_ns == written_at
    broken = write(tmp_path / "broken", {"shop.toml": "name ="})
    elsewhere(broken)
    with pytest.raises(CatalogueInvalid):
        load(broken, cache, applied=applied, prepare=lambda: elsewhere(broken))
