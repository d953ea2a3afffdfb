"""Local models: child processes behind unix sockets, and the store of their weights."""
