"""The recent past as spans of growing length: fine where it is near, coarse where it is far, constant in size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

_PER_SIZE = 4
"""Spans held of each size; more are joined in pairs."""
_VAGUE = 0.05
"""The least expectation that a count is divided by."""


@dataclass(slots=True)
class Span:
    """Neighbouring bins held together: how long, how many messages and people, how many messages were expected."""

    seconds: float
    count: float
    expected: float
    people: float
    bins: int = 1

    @property
    def ratio(self) -> float:
        """Times what was expected."""
        return self.count / max(self.expected, _VAGUE)

    def add(self, other: Span) -> None:
        """Take in a neighbour."""
        self.seconds += other.seconds
        self.count += other.count
        self.expected += other.expected
        self.people += other.people
        self.bins += other.bins


class Spans:
    """The newest first; sizes double as they get older, and the whole is held for about `kept` seconds."""

    def __init__(self, kept: float, state: Sequence[Sequence[float]] = ()) -> None:
        self.kept = kept
        self._held = [
            Span(seconds, count, due, people, int(bins)) for seconds, count, due, people, bins in state
        ]

    def dump(self) -> list[list[float]]:
        """What `state` takes."""
        return [[s.seconds, s.count, s.expected, s.people, s.bins] for s in self._held]

    def clear(self) -> None:
        """Forget: what comes is judged by itself."""
        self._held.clear()

    def push(self, newest: Span) -> Iterator[Span]:
        """Add a bin; gives every span that was completed by it, itself first."""
        held = self._held
        held.insert(0, newest)
        yield newest
        bins, first = 1, 0
        while (after := first + sum(s.bins == bins for s in held[first:])) - first > _PER_SIZE:
            older = held.pop(after - 1)
            joined = held[after - 2] = replace(held[after - 2])
            joined.add(older)
            yield joined
            bins, first = bins * 2, after - 2
        while len(held) > _PER_SIZE and sum(s.seconds for s in held[:-1]) >= self.kept:
            held.pop()

    def ending_now(self) -> Iterator[Span]:
        """Every span from a held beginning to now, the shortest first: one object that grows, read it at once."""
        total = Span(0.0, 0.0, 0.0, 0.0, 0)
        for span in self._held:
            total.add(span)
            yield total


def stands_out(count: float, expected: float, spread: float) -> float:
    """How many standard deviations a count lies above what is expected; 0 when it does not.

    The signed root of the deviance of a negative binomial with variance expected + spread * expected**2, with a
    correction of one half because counts are whole: right in the far tail, where a plain z-score is not.
    """
    x, mean = count - 0.5, max(expected, 1e-6)
    if x <= mean:
        return 0.0
    deviance = x * math.log(x / mean)
    if spread * x < 1e-6:
        deviance -= x - mean
    else:
        deviance -= (x + 1 / spread) * math.log1p(spread * (x - mean) / (1 + spread * mean))
    return math.sqrt(2 * max(deviance, 0.0))
