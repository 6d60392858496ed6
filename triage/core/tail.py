"""How high the scores of a stream climb when nothing is wrong: some streams are spiky by nature."""

from __future__ import annotations

import math
from collections.abc import Sequence

from triage.core.baseline import DAY, HOUR

_FLOOR = 4.0
"""Squared score from which a climb is counted."""
_FIRST_FAR, _FAR_PRIOR = 2.5, 4.0
"""How far a climb goes before any was seen, and how many climbs that belief is worth."""
_FIRST_OFTEN, _OFTEN_PRIOR = 3 * DAY, 2.0
"""Time between climbs before any was seen, and how many climbs that belief is worth."""
_CUT = 4.0
"""No climb counts as more than so many times the usual."""
_HALF_LIFE = 21 * DAY


class Tail:
    """Peaks over a floor.

    Squared scores above a floor fall off exponentially; how often they climb over it (`often`) and how far (`far`)
    gives the height that is passed once in so long. Each climb counts once and the highest are cut, so that
    a real surge teaches no more than any other.
    """

    def __init__(self, state: Sequence[float] | None = None) -> None:
        self.climbs, self.excess, self.time, self.peak, self.calm = state or (0.0, 0.0, 0.0, 0.0, 0.0)

    def dump(self) -> list[float]:
        """What `state` takes."""
        return [self.climbs, self.excess, self.time, self.peak, self.calm]

    def height(self, every: float) -> float:
        """The score that is passed about once in `every` seconds."""
        often = (self.climbs + _OFTEN_PRIOR) / (self.time + _OFTEN_PRIOR * _FIRST_OFTEN)
        return math.sqrt(_FLOOR + self._far() * math.log(max(1.0, often * every)))

    def _far(self) -> float:
        return (self.excess + _FAR_PRIOR * _FIRST_FAR) / (self.climbs + _FAR_PRIOR)

    def learn(self, score: float, seconds: float, *, last: bool = False) -> None:
        """The score of the next bin; `last` when what comes then is part of a surge and tells nothing."""
        keep = 0.5 ** (seconds / _HALF_LIFE)
        self.climbs, self.excess = self.climbs * keep, self.excess * keep
        self.time = self.time * keep + seconds
        self.peak = max(self.peak, score**2)
        self.calm = 0.0 if score**2 > _FLOOR else self.calm + seconds
        if self.peak > _FLOOR and (last or self.calm > HOUR):
            self.climbs += 1
            self.excess += min(self.peak - _FLOOR, _CUT * self._far())
            self.peak = 0.0
