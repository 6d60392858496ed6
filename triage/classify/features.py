"""Features of a word: hashes of the word and of its character 3- to 5-grams. Plain and the same everywhere.

A message's features are those of its distinct words and of its neighbouring pairs. Since the model is linear,
what a word adds to every topic's score is one row that can be computed once and kept (`linear.py`).
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
import numpy.typing as npt

from triage.classify.text import MENTION, URL, fold

NGRAM_SIZES = (3, 4, 5)

Keys = npt.NDArray[np.uint32]


def word_key(word: str) -> int:
    """Key of a folded word; never 0."""
    return crc32(word.encode("utf-8")) or 1


def word_features(token: str) -> tuple[int, list[int], list[int]]:
    """A token's own key (0: it says nothing), the keys of its words, and those of its character n-grams."""
    words = fold(token)
    if not words:
        return 0, [], []
    own = word_key("".join(words))
    keys = [word_key(word) for word in words]
    grams = [key for word in words if word not in (URL, MENTION) for key in _char_ngrams(word)]
    return own, keys, grams


def _char_ngrams(word: str) -> list[int]:
    """Keys of the n-grams of the word with a blank on either side."""
    padded = f" {word} "
    found = {padded} if len(padded) < NGRAM_SIZES[0] else set()
    for size in NGRAM_SIZES:
        found.update(padded[i : i + size] for i in range(len(padded) - size + 1))
    return [crc32(gram.encode("utf-8"), 0x5EED) for gram in sorted(found)]


def pair_keys(left: Keys, right: Keys) -> Keys:
    """Keys of neighbouring words, from their own keys."""
    mixed = left.astype(np.uint64) * np.uint64(0x9E3779B1) + right.astype(np.uint64) * np.uint64(0x85EBCA6B)
    keys: Keys = ((mixed ^ (mixed >> np.uint64(29))) & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    return keys
