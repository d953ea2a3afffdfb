"""Loads the catalogue: our data, with the operator's on top."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from modelport.catalogue.addresses import resolved
from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.compile import Facts, compile_facts
from modelport.catalogue.drafts import Drafts
from modelport.catalogue.parse import parse
from modelport.catalogue.problems import CatalogueInvalid, Fault
from modelport.catalogue.snapshot import DRAFTS, FACTS, compiler_state
from modelport.catalogue.sources import Source, digest, gather

PACKAGE_DATA = Path(__file__).parent / "data"
NOTHING: Mapping[str, str] = MappingProxyType({})


def load(
    overlay: Path | None = None,
    cache: Path | None = None,
    data: Path = PACKAGE_DATA,
    environ: Mapping[str, str] = NOTHING,
    applied: Sequence[Source] = (),
    prepare: Callable[[], None] | None = None,
) -> Catalogue:
    """Return the catalogue of `data` with what was `applied` and the operator's folder `overlay`, if any, on top.

    Raises `CatalogueInvalid` with every fault: a catalogue is taken whole or not at all. With `cache`, what was
    compiled once is read back from there; `prepare` is called before something new is compiled, and may have left it
    there. Variables in base addresses are filled in from `environ`.
    """
    faults: list[Fault] = []
    ours = gather(data, "package", faults)
    theirs = gather(overlay, "overlay", faults) if overlay is not None and overlay.is_dir() else []
    if faults:
        raise CatalogueInvalid(tuple(faults))
    state = compiler_state()
    key = digest([*ours, *applied, *theirs], state)

    def compile_now() -> Facts:
        return _compile(lambda: _ours(ours, cache, state), applied, theirs)

    if prepare is not None and cache is not None and not FACTS.is_kept(cache, key):
        prepare()
    facts = compile_now() if cache is None else FACTS.through(cache, key, compile_now)
    return Catalogue(_resolved(facts, environ), key)


def _ours(ours: Sequence[Source], cache: Path | None, state: str) -> Drafts:
    """Read our own files, which do not change while the operator edits his: the larger part of the work is kept."""

    def parse_now() -> Drafts:
        faults: list[Fault] = []
        drafts = parse(ours, faults)
        if faults:
            raise _Unparsed(drafts, faults)
        return drafts

    return parse_now() if cache is None else DRAFTS.through(cache, digest(ours, state), parse_now)


class _Unparsed(Exception):
    """Our own files have faults, so that what was read of them is not kept."""

    def __init__(self, drafts: Drafts, faults: list[Fault]) -> None:
        super().__init__(len(faults))
        self.drafts = drafts
        self.faults = faults


def _resolved(facts: Facts, environ: Mapping[str, str]) -> Facts:
    faults: list[Fault] = []
    providers, offers = resolved(facts.providers, facts.offers, environ, faults)
    if faults:
        raise CatalogueInvalid(tuple(faults))
    return replace(facts, providers=providers, offers=offers)


def _compile(read_ours: Callable[[], Drafts], applied: Sequence[Source], theirs: Sequence[Source]) -> Facts:
    faults: list[Fault] = []
    try:
        ours = read_ours()
    except _Unparsed as unparsed:
        ours, faults = unparsed.drafts, unparsed.faults
    later: list[Fault] = []
    facts = compile_facts((ours, parse(applied, faults), parse(theirs, faults)), later)
    faults.extend(fault for fault in later if not _follows(fault, faults))
    if faults:
        raise CatalogueInvalid(tuple(dict.fromkeys(faults)))
    return facts


def _follows(fault: Fault, earlier: list[Fault]) -> bool:
    """Whether a fault only repeats that something already reported could not be read."""
    return any(fault.file == other.file and other.key.startswith(fault.key) for other in earlier)
