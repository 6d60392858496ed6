"""Near copies of a text: what people pass on, give or take names, numbers, links and a few words.

A text is the set of its five-letter pieces; a MinHash signature stands for the set, whatever its length. Two texts that
share a band of the signature are worth comparing. Chosen against trigrams and SimHash: `python -m benchmarks clusters`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from triage.classify.text import MENTION, URL, clean, fold, tokens

PERMUTATIONS, BANDS, ROWS = 128, 24, 4
"""Of texts that share half, two thirds, three quarters of their pieces, 79, 99 and 100 in 100 meet in a band."""

PIECE = 5
MIN_WORDS = 5
"""Shorter texts ("thanks", "same here", "any news?") are alike by accident: they are nobody's copy."""

MAX_CHARS = 5_000
"""A copy of so much is a copy."""

ALIKE = 0.5
"""The share of pieces that both have, of all that either has, from which a text can be a copy."""

CONTAINED = 0.7
"""And the share of its own pieces that the first one has: whoever adds words of their own is not hidden behind it."""

_DIGITS = re.compile(r"\d+")
_LEFT_OUT = frozenset({URL, MENTION, "!", "?"})
_PASSED_ON = frozenset({"rt", "re", "fwd", "fw", "tr"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Sketch:
    """A text of `size` pieces as a signature."""

    values: npt.NDArray[np.uint32]
    size: int

    def dump(self) -> bytes:
        """For the store: 516 bytes."""
        return self.size.to_bytes(4, "little") + self.values.astype("<u4").tobytes()

    @classmethod
    def load(cls, data: bytes) -> Sketch:
        """What `dump` gave."""
        return cls(values=np.frombuffer(data, dtype="<u4", offset=4), size=int.from_bytes(data[:4], "little"))


def words(text: str) -> list[str]:
    """The words that count: lower case, no accents, every number the same; no links, names, emoji, and no RT before."""
    kept = [w for token in tokens(clean(text[:MAX_CHARS]).text)[0] for w in _counted(token)]
    start = next((i for i, w in enumerate(kept) if w not in _PASSED_ON), len(kept))
    return kept[start:]


@lru_cache(maxsize=50_000)
def _counted(token: str) -> tuple[str, ...]:
    """Kept for the words that come again: to fold them anew took longer than all the rest of a signature."""
    return tuple(_DIGITS.sub("0", w) for w in fold(token) if w not in _LEFT_OUT and w.isalnum())


def pieces(text: str) -> set[str]:
    """Its pieces; none of a text too short to be a copy."""
    kept = words(text)
    if len(set(kept)) < MIN_WORDS:
        return set()
    line = f" {' '.join(kept)} "
    return {line[i : i + PIECE] for i in range(len(line) - PIECE + 1)}


def sketch(text: str) -> Sketch | None:
    """Its signature; None: too short to be anybody's copy."""
    from rensa import RMinHash

    if not (found := pieces(text)):
        return None
    made = RMinHash(num_perm=PERMUTATIONS, seed=1)
    made.update(list(found))
    return Sketch(values=np.array(made.digest(), dtype=np.uint32), size=len(found))


def bands(one: Sketch, scope: str) -> list[int]:
    """Signed 64-bit keys under which to look for texts like it; equal only within one scope (an account)."""
    data, step = one.values.astype("<u4").tobytes(), ROWS * 4
    parts = (b"%d %b " % (i, data[i * step : (i + 1) * step]) for i in range(BANDS))
    return [
        int.from_bytes(hashlib.blake2b(part + scope.encode(), digest_size=8).digest(), "little", signed=True)
        for part in parts
    ]


def likeness(copy: Sketch, first: Sketch) -> float:
    """The share of pieces both have, 0 to 1; 0 where `copy` says too much that `first` does not, or is another text."""
    shared = float(np.mean(copy.values == first.values))
    contained = shared * (copy.size + first.size) / ((1 + shared) * copy.size)
    return shared if shared >= ALIKE and contained >= CONTAINED else 0.0
