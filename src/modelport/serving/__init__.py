"""One call from start to finish: admit → plan → hold → attempt → settle → record."""
