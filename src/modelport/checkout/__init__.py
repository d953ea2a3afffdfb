"""Payment providers for top-ups."""
