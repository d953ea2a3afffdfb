"""Loads the catalogue: our data, with the operator's on top."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from modelport.catalogue.addresses import resolved
from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.compile import Facts, compile_facts
from modelport.catalogue.parse import parse
from modelport.catalogue.problems import CatalogueInvalid, Fault
from modelport.catalogue.snapshot import compiler_state, through_cache
from modelport.catalogue.sources import Source, digest, gather

PACKAGE_DATA = Path(__file__).parent / "data"
NOTHING: Mapping[str, str] = MappingProxyType({})


def load(
    overlay: Path | None = None,
    cache: Path | None = None,
    data: Path = PACKAGE_DATA,
    environ: Mapping[str, str] = NOTHING,
) -> Catalogue:
    """Return the catalogue of `data` with the operator's folder `overlay`, where that exists, on top.

    Raises `CatalogueInvalid` with every fault: a catalogue is taken whole or not at all. With `cache`, what was
    compiled once is read back from there. Variables in base addresses are filled in from `environ`.
    """
    faults: list[Fault] = []
    ours = gather(data, "package", faults)
    theirs = gather(overlay, "overlay", faults) if overlay is not None and overlay.is_dir() else []
    if faults:
        raise CatalogueInvalid(tuple(faults))
    key = digest([*ours, *theirs], compiler_state())
    facts = _compile(ours, theirs) if cache is None else through_cache(cache, key, lambda: _compile(ours, theirs))
    return Catalogue(_resolved(facts, environ), key)


def _resolved(facts: Facts, environ: Mapping[str, str]) -> Facts:
    faults: list[Fault] = []
    providers, offers = resolved(facts.providers, facts.offers, environ, faults)
    if faults:
        raise CatalogueInvalid(tuple(faults))
    return replace(facts, providers=providers, offers=offers)


def _compile(ours: list[Source], theirs: list[Source]) -> Facts:
    faults: list[Fault] = []
    package, overlay = parse(ours, faults), parse(theirs, faults)
    later: list[Fault] = []
    facts = compile_facts(package, overlay, later)
    faults.extend(fault for fault in later if not _follows(fault, faults))
    if faults:
        raise CatalogueInvalid(tuple(dict.fromkeys(faults)))
    return facts


def _follows(fault: Fault, earlier: list[Fault]) -> bool:
    """Whether a fault only repeats that something already reported could not be read."""
    return any(fault.file == other.file and other.key.startswith(fault.key) for other in earlier)
