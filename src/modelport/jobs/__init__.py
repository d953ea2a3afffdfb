"""Jobs: calls whose answer is fetched later; their states, and what keeps them. Pure."""
