"""Holds, settlements and entries: balanced, append-only."""
