"""Whether people write about other things than in the days before, by more than days differ anyway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, pvariance

FEWEST_DAYS = 5
FEWEST = 100
"""Messages that a day must have brought before its shares say anything."""

POINTS = 0.10
"""A share that moved by less is nobody's matter."""

SPREADS = 4.0
"""So many times what the days before differed among themselves, or what chance makes of so few messages."""


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A topic's share of today's messages against its mean in the days before."""

    topic: str
    share: float
    usual: float


def shifts(past: Sequence[Mapping[str, int]], today: Mapping[str, int]) -> list[Shift]:
    """Topics whose share moved, the furthest first; none while there is too little to compare.

    `past` are whole days, messages by topic; a day with few is passed over.
    """
    days = [day for day in past if sum(day.values()) >= FEWEST]
    total = sum(today.values())
    if len(days) < FEWEST_DAYS or total < FEWEST:
        return []
    found = []
    for topic in {*today, *(topic for day in days for topic in day)}:
        usual = [day.get(topic, 0) / sum(day.values()) for day in days]
        share, middle = today.get(topic, 0) / total, mean(usual)
        chance = max(middle, 1 / total) * (1 - middle) / total
        spread = sqrt(pvariance(usual) * (1 + 1 / len(days)) + chance)
        if abs(share - middle) >= max(POINTS, SPREADS * spread):
            found.append(Shift(topic=topic, share=share, usual=middle))
    return sorted(found, key=lambda s: -abs(s.share - s.usual))
