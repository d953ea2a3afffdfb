"""Wire formats: one module for each, bytes in and values out. No I/O."""
