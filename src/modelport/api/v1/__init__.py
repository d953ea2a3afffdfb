"""The public routes: parse, call, render."""
