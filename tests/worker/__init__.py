"""Tests of the process that drives jobs."""
