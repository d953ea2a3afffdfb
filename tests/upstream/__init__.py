"""Tests of the sockets to providers."""
