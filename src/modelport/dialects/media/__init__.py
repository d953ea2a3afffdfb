"""Requests for media as callers spell them, and in the words of one model."""
