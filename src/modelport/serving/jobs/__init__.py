"""Calls as jobs: ordered by a caller, driven by a worker, told of until they expire."""
