"""Tests of the egress guard."""
