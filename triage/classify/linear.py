"""The linear model: a row of weights per hashed feature, scored for whole batches with numpy alone.

A message's vector has three parts: words with neighbouring pairs and character n-grams of words, each weighted by
inverse document frequency and scaled to length one, and the sum of its words' vectors, weighted by rarity and
divided by the root of the summed squares of those weights. A repeated word counts once. So what one word adds to
the sums is computed once and kept, and a message costs a few look-ups per word.
The sums of a message never depend on its neighbours in the batch: the same input gives the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from triage.classify.features import pair_keys, word_features

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

KEPT_WORDS = 100_000
"""Words whose sums are kept before the memory is emptied (about 14 MB)."""


PARTS = (0, 1, 2)
WORDS, GRAMS, VECTORS = PARTS


@dataclass(frozen=True, kw_only=True)
class Table:
    """`keys` are sorted feature hashes, `idf` their weights, `rows` what each adds to every topic's score.

    `rows` are 8-bit numbers to be multiplied by `scale` (one per topic).
    """

    keys: npt.NDArray[np.uint32]
    idf: npt.NDArray[np.float16]
    rows: npt.NDArray[np.int8]
    scale: Floats

    def find(self, wanted: npt.NDArray[np.uint32]) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """Where each wanted key is, and whether it is there at all."""
        if not len(self.keys):
            return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
        at = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return at, self.keys[at] == wanted

    def look_up(self, wanted: npt.NDArray[np.uint32]) -> tuple[Floats, Floats]:
        """For each wanted key: idf times its row, and idf squared; zeros for an unknown key."""
        at, known = self.find(wanted)
        if not len(self.keys):
            return np.zeros((len(wanted), len(self.scale)), np.float32), np.zeros(len(wanted), np.float32)
        idf = np.where(known, self.idf[at], 0).astype(np.float32)
        return self.rows[at] * self.scale * idf[:, None], idf * idf


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Features seen in training, the words that have a vector, and each topic's start."""

    seen: Table
    vectors: Table
    bias: Floats


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Raw scores, and what each token and each pair of tokens gave to every topic.

    `parts` (part x message x topic) are those of n-grams, with each topic's start, and of word vectors: they add up.
    `known` says whether any word of a message was ever seen in training: without one the scores mean nothing.
    """

    parts: Floats
    known: npt.NDArray[np.bool_]
    given: Floats
    pairs: Floats
    pair_at: Ints
    pair_starts: Ints
    starts: Ints

    @property
    def scores(self) -> Floats:
        """Raw scores of the fast model (message x topic)."""
        summed: Floats = self.parts[0] + self.parts[1]
        return summed

    def given_in(self, message: int) -> Callable[[int], Floats]:
        """What each token of a message added to the score of a topic; a pair's share is halved between its ends."""

        def weigh(topic: int) -> Floats:
            start, end = self.starts[message], self.starts[message + 1]
            first, last = self.pair_starts[message], self.pair_starts[message + 1]
            given: Floats = self.given[start:end, topic].copy()
            half = np.repeat(self.pairs[first:last, topic] / 2, 2)
            given += np.bincount(self.pair_at[first:last].ravel() - start, half, len(given)).astype(
                np.float32
            )
            return given

        return weigh


def sum_by(values: npt.NDArray[np.float32], group: Ints, count: int) -> Floats:
    """Sums of rows by group; `group` is sorted and each sum is made in the rows' order."""
    out = np.zeros((count, *values.shape[1:]), np.float32)
    if len(group):
        first = np.concatenate(([0], np.flatnonzero(group[1:] != group[:-1]) + 1))
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
        self._sums = np.zeros((len(PARTS), 1024, topics), np.float32)
        self._norms = np.zeros((len(PARTS), 1024), np.float32)

    def score(self, messages: Sequence[Sequence[str]]) -> Batch:
        """Raw scores of every message for every topic."""
        if len(self._row) > KEPT_WORDS:
            self._forget()
        lengths = np.array([len(m) for m in messages], np.int64)
        message = np.repeat(np.arange(len(messages)), lengths)
        tokens = self._places(messages)
        own = self._own[tokens]
        count = len(messages)

        at = first_of_each(message, own)
        at = at[own[at] != 0]
        keys, pair_at = neighbours(own, message)
        pair_message = message[pair_at[:, 0]]
        known = np.flatnonzero(self.weights.seen.find(keys)[1])
        unique = known[first_of_each(pair_message[known], keys[known])]
        pair_at, pair_message = pair_at[unique], pair_message[unique]
        pairs, pair_norms = self.weights.seen.look_up(keys[unique])

        used = tokens[at]
        norms = sum_by(self._norms[:, used].T, message[at], count)
        norms[:, WORDS] += sum_by(pair_norms, pair_message, count)
        by: Floats = (1 / np.sqrt(np.maximum(norms, 1e-9))).astype(np.float32)
        topics = len(self.weights.bias)
        gave, heard = np.zeros((2, len(used), topics), np.float32)
        for part in PARTS:
            into = heard if part == VECTORS else gave
            into += self._sums[part][used] * by[message[at], part, None]
        pairs = pairs * by[pair_message, WORDS, None]
        parts = np.stack([sum_by(each, message[at], count) for each in (gave, heard)])
        parts[0] += self.weights.bias + sum_by(pairs, pair_message, count)
        given = np.zeros((len(tokens), topics), np.float32)
        given[at] = gave + heard
        return Batch(
            parts=parts,
            known=(norms[:, WORDS] > 0) | (norms[:, VECTORS] > 0),
            given=given,
            pairs=pairs,
            pair_at=pair_at,
            pair_starts=np.searchsorted(pair_message, np.arange(count + 1)),
            starts=np.concatenate(([0], np.cumsum(lengths))),
        )

    def _places(self, messages: Sequence[Sequence[str]]) -> Ints:
        """Where the sums of every token are kept."""
        place = self._row.get
        found = np.array([place(token, -1) for message in messages for token in message], np.int64)
        if (found < 0).any():
            self._learn({token for message in messages for token in message if token not in self._row})
            found = np.array([self._row[token] for message in messages for token in message], np.int64)
        return found

    def _learn(self, new: set[str]) -> None:
        """Keep the sums of words that were never seen."""
        base = len(self._row)
        end = base + len(new)
        self._grow(end)
        found: tuple[list[int], list[int]] = ([], [])
        groups: tuple[list[int], list[int]] = ([], [])
        for place, token in enumerate(new, base):
            self._row[token] = place
            own, *keys = word_features(token)
            self._own[place] = own
            for half in (WORDS, GRAMS):
                found[half].extend(keys[half])
                groups[half].extend([place - base] * len(keys[half]))
        for part, half in ((WORDS, WORDS), (GRAMS, GRAMS), (VECTORS, WORDS)):
            table = self.weights.vectors if part == VECTORS else self.weights.seen
            rows, norms = table.look_up(np.array(found[half], np.uint32))
            group = np.array(groups[half], np.int64)
            self._sums[part, base:end] = sum_by(rows, group, len(new))
            self._norms[part, base:end] = sum_by(norms, group, len(new))

    def _grow(self, needed: int) -> None:
        room = len(self._own)
        if needed <= room:
            return
        more = max(needed, 2 * room) - room
        self._own = np.pad(self._own, (0, more))
        self._sums = np.pad(self._sums, ((0, 0), (0, more), (0, 0)))
        self._norms = np.pad(self._norms, ((0, 0), (0, more)))
