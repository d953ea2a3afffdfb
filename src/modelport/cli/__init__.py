"""The `modelport` command."""

from modelport.cli.main import main

__all__ = ["main"]
