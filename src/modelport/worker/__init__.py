"""Durable workflows that drive jobs; loaded in the process that drives them only."""
