"""Keys: issue, hash, verify, revoke, scopes."""
