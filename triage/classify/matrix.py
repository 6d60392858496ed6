"""Messages as a matrix for training; the same features, scaled the same way, as linear.py scores with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from triage.classify.features import word_features
from triage.classify.linear import GRAMS, WORDS, Table, first_of_each, neighbours
from triage.classify.vectors import Vectors

VECTOR_SCALE = 2.0
"""How much the block of vectors counts beside the two blocks of length one."""

Chosen = npt.NDArray[np.intp]


class Matrix:
    """The messages' features: (message, key, part) triples, and the matrix for a choice of messages.

    Columns are the features seen (`keys`), then the dimensions of the word vectors.
    """

    def __init__(self, messages: Sequence[Sequence[str]], vectors: Vectors) -> None:
        self.count, self.vectors = len(messages), vectors
        message, key, part = _triples(messages)
        self.message, self.part = np.array(message, np.int64), np.array(part, np.int64)
        self.keys, self.column = np.unique(np.array(key, np.uint32), return_inverse=True)
        spoken = self.part == WORDS
        self._dense = self._blocks(self.message[spoken], np.array(key, np.uint32)[spoken])

    def _blocks(self, message: npt.NDArray[np.int64], key: npt.NDArray[np.uint32]) -> Any:
        """The part of word vectors, message by dimension."""
        from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

        at = np.minimum(np.searchsorted(self.vectors.keys, key), len(self.vectors.keys) - 1)
        known = self.vectors.keys[at] == key
        at, message = at[known], message[known]
        weight = self.vectors.weights[at].astype(np.float64)
        norm = np.sqrt(np.bincount(message, weights=weight * weight, minlength=self.count))
        weight *= VECTOR_SCALE / np.maximum(norm, 1e-9)[message]
        used, column = np.unique(at, return_inverse=True)
        sums = csr_matrix((weight, (message, column)), shape=(self.count, len(used)))
        return csr_matrix(sums @ (self.vectors.rows[used] / 127.0))

    def idf(self, chosen: Chosen) -> npt.NDArray[np.float16]:
        """Inverse document frequency over the chosen messages; 0 for a feature that they lack."""
        used = np.isin(self.message, chosen)
        both = np.unique(np.stack([self.message[used], self.column[used]]), axis=1)
        often = np.bincount(both[1], minlength=len(self.keys))
        idf = np.log((1 + len(chosen)) / (1 + often)) + 1
        return np.where(often, idf, 0).astype(np.float16)

    def rows(self, idf: npt.NDArray[np.float16]) -> Any:
        """All messages as a sparse matrix."""
        from scipy.sparse import csr_matrix, hstack

        value = idf.astype(np.float64)[self.column]
        place = self.message * 2 + self.part
        norm = np.sqrt(np.bincount(place, weights=value * value, minlength=2 * self.count))
        value = value / np.maximum(norm, 1e-9)[place]
        seen = csr_matrix((value, (self.message, self.column)), shape=(self.count, len(self.keys)))
        return hstack([seen, self._dense]).tocsr()

    def tables(
        self, coefficients: npt.NDArray[np.float64], idf: npt.NDArray[np.float16]
    ) -> tuple[Table, Table]:
        """Coefficients (topic x column) as what scoring looks up: per feature seen, and per word with a vector."""
        seen, dense = coefficients[:, : len(self.keys)], coefficients[:, len(self.keys) :]
        by_word = VECTOR_SCALE * (self.vectors.rows / 127.0) @ dense.T
        return (
            _table(self.keys, idf, seen.T),
            _table(self.vectors.keys, self.vectors.weights, by_word),
        )


def _triples(messages: Sequence[Sequence[str]]) -> tuple[list[int], list[int], list[int]]:
    known: dict[str, tuple[int, list[int], list[int]]] = {}
    message: list[int] = []
    key: list[int] = []
    part: list[int] = []
    for number, words in enumerate(messages):
        found = [known.get(t) or known.setdefault(t, word_features(t)) for t in words]
        own = np.array([f[0] for f in found], np.uint32)
        zeros = np.zeros(len(own), np.int64)
        parts: list[tuple[list[int], int]] = [(np.unique(neighbours(own, zeros)[0]).tolist(), WORDS)]
        for at in first_of_each(zeros, own).tolist():
            parts += [(found[at][1], WORDS), (found[at][2], GRAMS)]
        for keys, which in parts:
            message += [number] * len(keys)
            key += keys
            part += [which] * len(keys)
    return message, key, part


def _table(
    keys: npt.NDArray[np.uint32], idf: npt.NDArray[np.float16], rows: npt.NDArray[np.float64]
) -> Table:
    scale = np.maximum(np.abs(rows).max(axis=0, initial=0.0), 1e-9) / 127
    eight = np.round(rows / scale).astype(np.int8)
    return Table(keys=keys, idf=idf, rows=np.ascontiguousarray(eight), scale=scale.astype(np.float32))
