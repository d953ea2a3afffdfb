"""The API described as OpenAPI 3.1: all of it from the table of routes, one model at one path from the catalogue."""
