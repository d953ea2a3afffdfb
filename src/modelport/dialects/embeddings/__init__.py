"""Embeddings, served in OpenAI's form and called in OpenAI's and Google's."""
