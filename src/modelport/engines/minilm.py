"""all-MiniLM-L6-v2 on onnxruntime: texts to token ids, ids to unit vectors. Only its child process imports it."""

import importlib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Protocol, cast

import numpy as np

from modelport.engines.onnx import session

DIMENSIONS = 384
WINDOW = 256
"""Tokens that the model was made to read, its two marks included: `max_seq_length` of its publisher."""
VOCABULARY = "data/bert-uncased-vocab.txt"
"""One token a line; of Google's BERT, Apache-2.0: https://github.com/google-research/bert."""
_UNKNOWN, _START, _END, _PADDING = "[UNK]", "[CLS]", "[SEP]", "[PAD]"
_LETTERS_OF_A_WORD = 100


class _Encoding(Protocol):
    ids: list[int]


class _Tokenizer(Protocol):
    normalizer: object
    pre_tokenizer: object

    def add_special_tokens(self, tokens: Sequence[str]) -> int: ...
    def encode_batch(self, texts: Sequence[str], *, add_special_tokens: bool) -> Sequence[_Encoding]: ...


class MiniLm:
    """A loaded model."""

    def __init__(self, weights: Path, threads: int) -> None:
        words = resources.files("modelport.engines").joinpath(VOCABULARY).read_text("utf-8").splitlines()
        self.words = len(words)
        ids = {word: place for place, word in enumerate(words)}
        self._start, self._end = ids[_START], ids[_END]
        self._tokenizer = _tokenizer(ids)
        self._session = session(weights, threads)

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, marks of its beginning and end included."""
        read = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        return [[self._start, *one.ids, self._end] for one in read]

    def marked(self, ids: Sequence[int]) -> list[int]:
        """Put the marks around ids that lack them."""
        start = [] if ids and ids[0] == self._start else [self._start]
        end = [] if ids and ids[-1] == self._end else [self._end]
        return [*start, *ids, *end]

    def vectors(self, batch: Sequence[Sequence[int]]) -> list[bytes]:
        """Return a vector of length one for each list of marked ids, as little-endian float32."""
        longest = max(map(len, batch))
        ids = np.zeros((len(batch), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, feeds)[0]
        weight = mask.astype(np.float32)[..., np.newaxis]
        means = (hidden * weight).sum(axis=1) / weight.sum(axis=1)
        units = means / np.linalg.norm(means, axis=1, keepdims=True)
        return [unit.astype("<f4").tobytes() for unit in units]


def _tokenizer(ids: Mapping[str, int]) -> _Tokenizer:
    """Build BERT's lower-case tokenizer, the one that the publisher's `tokenizer.json` describes."""
    native = importlib.import_module("tokenizers")
    words = native.models.WordPiece(
        ids, unk_token=_UNKNOWN, max_input_chars_per_word=_LETTERS_OF_A_WORD, continuing_subword_prefix="##"
    )
    made = cast("_Tokenizer", native.Tokenizer(words))
    made.normalizer = native.normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = native.pre_tokenizers.BertPreTokenizer()
    made.add_special_tokens([_PADDING, _UNKNOWN, _START, _END, "[MASK]"])
    return made
