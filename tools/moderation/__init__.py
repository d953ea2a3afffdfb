"""Trains the basic moderation: `python -m tools.moderation` writes what its engine loads."""
