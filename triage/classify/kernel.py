"""What a straight line through an encoder's space misses: a message is also judged by how near it is to messages of the
corpus that stand for all the others (`centres`).

Nearness is exp(cosine - 1), the cosine being the mean over all encoders that have read the message: a Gaussian kernel
on directions. Each centre pulls towards topics by what kernel ridge regression found (fitting.py). Few centres do
for all: C. Williams, M. Seeger, "Using the Nystroem Method to Speed Up Kernel Machines", NIPS 13 (2001).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from triage.classify.linear import Floats

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """`centres` (centre x dimension; 8-bit numbers to be multiplied by `scale`) pull each topic by `pulls` (centre x
    topic). `means` (dimension) is the middle that directions are taken from, `ends` where each encoder's numbers end.
    """

    centres: npt.NDArray[np.int8]
    scale: Floats
    pulls: Floats
    means: Floats
    ends: Whole

    def scores(self, vectors: Floats) -> Floats:
        """Raw scores (message x topic); each message on its own: neighbours change nothing."""
        placed = directions(vectors, self.means, self.ends)
        return np.stack([nearness(self._standing, one) @ self.pulls for one in placed])

    @cached_property
    def _standing(self) -> Floats:
        return standing(self.centres, self.scale)


def nearness(rows: Floats, others: Floats) -> Floats:
    """From the products of directions: 1 for the same one, less the further apart."""
    found: Floats = np.exp(rows @ others - 1.0)
    return found


def directions(vectors: Floats, means: Floats, ends: Whole) -> Floats:
    """Rows of length one: every encoder's numbers as a direction from their mean, all encoders counting the same."""
    blocks = np.split(vectors - means, ends[:-1], axis=1)
    long = [np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-9) for block in blocks]
    whole = np.hstack([block / length for block, length in zip(blocks, long, strict=True)])
    found: Floats = (whole / np.sqrt(len(ends))).astype(np.float32)
    return found


def standing(centres: npt.NDArray[np.int8], scale: Floats) -> Floats:
    """The centres as directions."""
    found: Floats = centres.astype(np.float32) * scale
    return found


def ends_of(blocks: Sequence[npt.NDArray[np.float64]]) -> Whole:
    """Where each encoder's numbers end when all stand side by side."""
    return np.cumsum([block.shape[1] for block in blocks]).astype(np.int64)
