"""Every wire format that callers speak against every one that providers speak."""
