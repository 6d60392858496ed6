"""How many messages a stream brings when nothing is wrong: a level, the hour of the day, the hour of the week.

The level is a Gamma posterior that forgets (its shape says how sure it is); the hours are factors shrunk to 1 until
they have been seen often enough, the hour of the week to what the hour of the day says. Everything is a sum that
decays, so the state never grows. Dispersion (how much more than Poisson the stream jumps) is kept per time scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

HOUR = 3600.0
DAY = 24 * HOUR
SCALES = 12
"""Octaves of duration that have a dispersion of their own, from one minute to a day and a half."""

_FIRST_SHAPE, _FIRST_HOURS = 0.5, 0.01
_DAY_PRIOR = 2.0
"""Before an hour was seen its factor is 1 with a standard deviation of 0.7: people sleep."""
_UNSEEN = 1.5
"""Until it was seen once, a morning may be twenty times the night."""
_WEEK_PRIOR = 12.0
"""The hour of the week differs from the hour of the day by some 30 %."""
_DAILY_SPREAD = 0.15
"""One day tells at most this much about an hour, however many messages it had."""
_DAY_HALF_LIFE, _WEEK_HALF_LIFE = 14.0, 8.0
"""Of the factors, in times the hour came by: days, weeks."""
_FIRST_SPREAD = 0.05
_SPREAD_PRIOR = 4.0
_SPREAD_HALF_LIFE = 14 * DAY
_OUTLIER = 9.0
"""A span further off than three standard deviations counts as if it were no further."""


def octave(seconds: float) -> int:
    """The time scale a span of that length belongs to."""
    return min(SCALES - 1, max(0, round(math.log2(max(seconds, 60.0) / 60.0))))


@dataclass(slots=True)
class Hours:
    """Factors of the slots of a cycle, 1 on average: decayed counts and hours, weighed by what a day can tell."""

    prior: float
    keep: float
    counts: list[float]
    hours: list[float]
    factors: list[float] = field(default_factory=list)
    shapes: list[float] = field(default_factory=list)

    def learn(self, slot: int, count: float, hours: float, expected: float) -> None:
        """One hour of the slot has passed with so many messages."""
        weight = 1.0 / (1.0 + _DAILY_SPREAD * expected)
        self.counts[slot] = _short(self.counts[slot] * self.keep + weight * count)
        self.hours[slot] = _short(self.hours[slot] * self.keep + weight * hours)

    def settle(self, inner: Sequence[float]) -> None:
        """Work out the factors, given those of the cycle within (the day's in the week's)."""
        size = len(inner)
        due = [hours * inner[slot % size] for slot, hours in enumerate(self.hours)]
        mean = sum(self.counts) / (sum(due) or 1.0)
        self.shapes = [self.prior + hours * mean for hours in due]
        self.factors = [
            (self.prior + count) / shape for count, shape in zip(self.counts, self.shapes, strict=True)
        ]


def _short(value: float) -> float:
    """Six digits: the state stays small, and what is stored equals what is held."""
    return float(f"{value:.6g}")


class Baseline:
    """Expected counts, learned bin by bin. `half_life` of the level is in seconds."""

    def __init__(self, half_life: float, state: Mapping[str, Any] | None = None) -> None:
        held = state or {}
        self.half_life = half_life
        self.seen: float = held.get("seen", 0.0)
        self.shape: float = held.get("shape", _FIRST_SHAPE)
        self.exposure: float = held.get("exposure", _FIRST_HOURS)
        self.day = _hours(_DAY_PRIOR, _DAY_HALF_LIFE, held.get("day"), 24)
        self.week = _hours(_WEEK_PRIOR, _WEEK_HALF_LIFE, held.get("week"), 168)
        self.spread: list[float] = list(held.get("spread", [0.0] * SCALES))
        self.weight: list[float] = list(held.get("weight", [0.0] * SCALES))
        self.hour: list[float] = list(held.get("hour", [-1, 0.0, 0.0, 0.0]))
        self._settle()

    def dump(self) -> dict[str, Any]:
        """What `state` takes: JSON of a constant size."""
        return {
            "seen": self.seen, "shape": self.shape, "exposure": self.exposure,
            "day": [self.day.counts, self.day.hours], "week": [self.week.counts, self.week.hours],
            "spread": self.spread, "weight": self.weight, "hour": self.hour,
        }  # fmt: skip

    def expected(self, at: datetime, seconds: float) -> float:
        """Messages expected in the span."""
        slot = at.weekday() * 24 + at.hour
        season = self.day.factors[at.hour] * self.week.factors[slot]
        return self.shape / self.exposure * season * seconds / HOUR

    def doubt(self, at: datetime) -> tuple[float, float, float]:
        """Relative variance of what is expected: of the level, of the rhythm nobody has seen yet, of single hours.

        The second evens out over spans of a quarter of a day, the third over spans of an hour.
        """
        rhythm, hourly = 0.0 if self.day.hours[at.hour] else _UNSEEN, 0.0
        for cycle, slot in ((self.day, at.hour), (self.week, at.weekday() * 24 + at.hour)):
            unknown = cycle.prior / cycle.shapes[slot]
            rhythm += unknown / cycle.shapes[slot]
            hourly += (1 - unknown) / cycle.shapes[slot]
        return 1 / self.shape, rhythm, hourly

    def dispersion(self, seconds: float) -> float:
        """Relative variance beyond Poisson of counts over such a span."""
        scale = octave(seconds)
        return max(
            0.0,
            (_SPREAD_PRIOR * _FIRST_SPREAD + self.spread[scale]) / (_SPREAD_PRIOR + self.weight[scale]),
        )

    def learn(self, at: datetime, seconds: float, count: float, expected: float) -> None:
        """A bin has passed, its count already cleaned of what is no part of normal life."""
        slot = at.weekday() * 24 + at.hour
        season = self.day.factors[at.hour] * self.week.factors[slot]
        keep = 0.5 ** (seconds / self.half_life)
        self.shape = self.shape * keep + count
        self.exposure = self.exposure * keep + season * seconds / HOUR
        self.shape = max(self.shape, 0.05)
        self.seen += seconds
        if slot != self.hour[0]:
            self._close_hour()
            self.hour = [slot, 0.0, 0.0, 0.0]
        self.hour[1] += count
        self.hour[2] += seconds / HOUR
        self.hour[3] += expected

    def doubt_the_level(self, seconds: float) -> None:
        """What was learned counts no more than so long a time: normal life has changed."""
        part = min(1.0, seconds / HOUR / self.exposure)
        self.shape, self.exposure = self.shape * part, self.exposure * part

    def wander(self, seconds: float, count: float, expected: float) -> None:
        """A span of that length has passed: how far it was from what was expected."""
        scale = octave(seconds)
        room = expected + self.dispersion(seconds) * expected**2
        miss = min((count - expected) ** 2, _OUTLIER * room) - expected
        part = expected / (expected + 1 / _FIRST_SPREAD)
        keep = 0.5 ** (seconds / _SPREAD_HALF_LIFE)
        self.spread[scale] = self.spread[scale] * keep + part**2 * miss / max(expected, 1e-9) ** 2
        self.weight[scale] = self.weight[scale] * keep + part**2

    def _close_hour(self) -> None:
        slot, count, hours, expected = self.hour
        if hours:
            self.day.learn(int(slot) % 24, count, hours, expected)
            self.week.learn(int(slot), count, hours, expected)
            self._settle()

    def _settle(self) -> None:
        self.day.settle([1.0])
        self.week.settle(self.day.factors)


def _hours(prior: float, half_life: float, held: Sequence[Sequence[float]] | None, size: int) -> Hours:
    counts, hours = held or ([0.0] * size, [0.0] * size)
    return Hours(prior, 0.5 ** (1 / half_life), list(counts), list(hours))
