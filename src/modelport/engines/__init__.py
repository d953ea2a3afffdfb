"""Local models: child processes that serve an OpenAI-compatible API on a unix socket, and the store of their weights."""
