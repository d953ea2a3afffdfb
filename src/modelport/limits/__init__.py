"""How fast keys and accounts may call: requests and tokens in any minute, calls at the same time."""
