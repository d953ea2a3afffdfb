"""Embeddings: texts in, one vector for each out."""

from typing import Literal

from msgspec import Struct

Encoding = Literal["float", "base64"]


class EmbeddingsCall(Struct, frozen=True):
    """One request for vectors, in the one form between all wire formats."""

    texts: tuple[str, ...] = ()
    """What to embed; empty when it is given as token ids."""
    tokens: tuple[tuple[int, ...], ...] = ()
    """What to embed, as token ids; empty when it is given as texts."""
    dimensions: int | None = None
    encoding: Encoding = "float"
    """The form in which the caller wants the vectors."""
    input_type: str = ""
    """Of: document, query; empty when not given."""
    task_type: str = ""
    """Google's, such as RETRIEVAL_QUERY; empty when not given."""
    title: str = ""
    """Of the document that is embedded."""
    auto_truncate: bool | None = None
    user: str = ""

    @property
    def count(self) -> int:
        """How many vectors are asked for."""
        return len(self.texts) or len(self.tokens)
