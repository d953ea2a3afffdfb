"""Sockets to providers: send, stream, time out."""
