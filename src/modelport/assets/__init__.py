"""Stored files: what they are, how they are called, and links to them that end."""
