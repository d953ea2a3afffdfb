"""Small catalogues for tests, written as an operator or we would write them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.load import load
from modelport.catalogue.problems import CatalogueInvalid, Fault

SMALL = """
name        = "Small"
maker       = "Acme"
description = "A small model."
aliases     = ["small", "Acme-Small"]
"""

SHOP = """
name     = "Shop"
base_url = "https://shop.example/v1"
auth     = { scheme = "bearer", env = "SHOP_API_KEY" }
speaks   = { chat = "openai_chat" }

[[offers]]
model    = "acme/small"
upstream = "small-1"
rates    = [{ from = 2026-01-01, input = "0.5", output = "1.5" }]
"""

PACKAGE = {"models/acme/small.toml": SMALL, "providers/shop.toml": SHOP}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files below a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def loaded(tmp_path: Path, overlay: Mapping[str, str] | None = None, package: Mapping[str, str] = PACKAGE) -> Catalogue:
    """Load a package's files with an operator's on top."""
    return load(write(tmp_path / "overlay", overlay or {}), data=write(tmp_path / "package", package))


def faults(
    tmp_path: Path, overlay: Mapping[str, str] | None = None, package: Mapping[str, str] = PACKAGE
) -> tuple[Fault, ...]:
    """Load what must be refused and return why."""
    with pytest.raises(CatalogueInvalid) as refused:
        loaded(tmp_path, overlay, package)
    return refused.value.faults
