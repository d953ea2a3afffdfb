"""Embeddings in the forms of OpenAI and Google."""
