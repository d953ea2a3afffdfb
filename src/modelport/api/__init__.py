"""HTTP in: parse, call, render."""
