"""The linear model: a row of weights per hashed feature, scored for whole batches with numpy alone.

A message's vector has two halves, words with neighbouring pairs and character n-grams of words, each weighted
by inverse document frequency and scaled to length one. A repeated word counts once. What one word adds to the
sums is computed once and kept, so that a message costs a few look-ups per word.
The sums of a message never depend on its neighbours in the batch: the same input gives the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from triage.classify.features import pair_keys, word_features

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

KEPT_WORDS = 100_000
"""Words whose sums are kept before the memory is emptied (about 14 MB)."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """`keys` are sorted feature hashes, `idf` their weights, `rows` what each adds to every topic's score.

    `rows` are 8-bit numbers to be multiplied by `scale` (one per topic); `bias` is each topic's start.
    """

    keys: npt.NDArray[np.uint32]
    idf: npt.NDArray[np.float16]
    rows: npt.NDArray[np.int8]
    scale: Floats
    bias: Floats

    def find(self, wanted: npt.NDArray[np.uint32]) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """Where each wanted key is, and whether it is there at all."""
        if not len(self.keys):
            return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
        at = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return at, self.keys[at] == wanted

    def look_up(self, wanted: npt.NDArray[np.uint32]) -> tuple[Floats, Floats]:
        """For each wanted key: idf times its row, and idf squared; zeros for an unknown key."""
        at, known = self.find(wanted)
        idf = np.where(known, self.idf[at], 0).astype(np.float32)
        return self.rows[at] * self.scale * idf[:, None], idf * idf


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Raw scores (message x topic), and what each token and each pair of tokens gave to every topic.

    `known` says whether any word of a message was ever seen in training: without one the scores mean nothing.
    """

    scores: Floats
    known: npt.NDArray[np.bool_]
    message: Ints
    given: Floats
    pairs: Floats
    pair_at: Ints
    starts: Ints

    def weights(self, topics: Ints) -> list[Floats]:
        """For each message, what each of its tokens added to the score of the topic chosen for it."""
        chosen = topics[self.message]
        given = self.given[np.arange(len(chosen)), chosen]
        for end in (0, 1):
            share = self.pairs[np.arange(len(self.pair_at)), topics[self.message[self.pair_at[:, end]]]] / 2
            np.add.at(given, self.pair_at[:, end], share)
        return np.split(given, self.starts[1:])


def sum_by(values: npt.NDArray[np.float32], group: Ints, count: int) -> Floats:
    """Sums of rows by group; `group` is sorted and each sum is made in the rows' order."""
    out = np.zeros((count, *values.shape[1:]), np.float32)
    if len(group):
        first = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
        out[group[first]] = np.add.reduceat(values, first, axis=0)
    return out


def first_of_each(group: Ints, key: npt.NDArray[np.uint32]) -> Ints:
    """Positions of the first occurrence of each key within its group, groups in order."""
    _, at = np.unique(group.astype(np.uint64) << np.uint64(32) | key, return_index=True)
    order: Ints = at.astype(np.int64)
    return order


def neighbours(own: npt.NDArray[np.uint32], message: Ints) -> tuple[npt.NDArray[np.uint32], Ints]:
    """Keys of the pairs of words that follow each other in a message, and the two tokens of each pair."""
    spoken = np.flatnonzero(own)
    left, right = spoken[:-1], spoken[1:]
    same = message[left] == message[right]
    left, right = left[same], right[same]
    return pair_keys(own[left], own[right]), np.stack([left, right], axis=1)


class Scorer:
    """Scores batches of messages given as lists of tokens."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self._forget()

    def _forget(self) -> None:
        topics = len(self.weights.bias)
        self._row: dict[str, int] = {}
        self._own = np.zeros(1024, np.uint32)
        self._sums = np.zeros((2, 1024, topics), np.float32)
        self._norms = np.zeros((2, 1024), np.float32)

    def score(self, messages: Sequence[Sequence[str]]) -> Batch:
        """Raw scores of every message for every topic."""
        if len(self._row) > KEPT_WORDS:
            self._forget()
        self._learn({token for message in messages for token in message if token not in self._row})
        lengths = np.array([len(m) for m in messages], np.int64)
        message = np.repeat(np.arange(len(messages)), lengths)
        row = self._row
        tokens = np.array([row[token] for m in messages for token in m], np.int64)
        own = self._own[tokens]
        count = len(messages)

        at = first_of_each(message, own)
        at = at[own[at] != 0]
        keys, pair_at = neighbours(own, message)
        pair_message = message[pair_at[:, 0]]
        known = np.flatnonzero(self.weights.find(keys)[1])
        unique = known[first_of_each(pair_message[known], keys[known])]
        pair_at, pair_message = pair_at[unique], pair_message[unique]
        pairs, pair_norms = self.weights.look_up(keys[unique])

        used = tokens[at]
        word_norm = sum_by(self._norms[0][used], message[at], count) + sum_by(pair_norms, pair_message, count)
        gram_norm = sum_by(self._norms[1][used], message[at], count)
        by_word, by_gram = (1 / np.sqrt(np.maximum(n, 1e-9))[:, None] for n in (word_norm, gram_norm))
        topics = len(self.weights.bias)
        gave = self._sums[0][used] * by_word[message[at]] + self._sums[1][used] * by_gram[message[at]]
        pairs = pairs * by_word[pair_message]
        scores = self.weights.bias + sum_by(gave, message[at], count) + sum_by(pairs, pair_message, count)
        given = np.zeros((len(tokens), topics), np.float32)
        given[at] = gave
        starts = np.cumsum(lengths) - lengths
        return Batch(
            scores=scores,
            known=word_norm > 0,
            message=message,
            given=given,
            pairs=pairs,
            pair_at=pair_at,
            starts=starts,
        )

    def _learn(self, new: set[str]) -> None:
        """Keep the sums of words that were never seen."""
        if not new:
            return
        base = len(self._row)
        self._grow(base + len(new))
        halves: tuple[list[int], list[int]] = ([], [])
        groups: tuple[list[int], list[int]] = ([], [])
        for place, token in enumerate(new, base):
            self._row[token] = place
            own, *found = word_features(token)
            self._own[place] = own
            for half in (0, 1):
                halves[half].extend(found[half])
                groups[half].extend([place] * len(found[half]))
        end = base + len(new)
        for half in (0, 1):
            rows, norms = self.weights.look_up(np.array(halves[half], np.uint32))
            group = np.array(groups[half], np.int64)
            self._sums[half, base:end] = sum_by(rows, group - base, len(new))
            self._norms[half, base:end] = sum_by(norms, group - base, len(new))

    def _grow(self, needed: int) -> None:
        room = len(self._own)
        if needed <= room:
            return
        more = max(needed, 2 * room) - room
        self._own = np.pad(self._own, (0, more))
        self._sums = np.pad(self._sums, ((0, 0), (0, more), (0, 0)))
        self._norms = np.pad(self._norms, ((0, 0), (0, more)))
