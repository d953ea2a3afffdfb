"""The web pages: the map of models, a page for each of them, every id, and what programs that read pages look for."""
