"""Which offers serve a call, and in which order."""
