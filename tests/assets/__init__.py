"""Tests of stored files: what they are, their names and links."""
