"""The three rules that people use, as scores per bin: a rule speaks where its score is above its threshold.

As published: 24-hour mean above the 7-day mean by 2 standard deviations (of the hours); a 10-minute bucket at least
twice the mean of the six hours before; EWMA chart (lambda 0.2) at 3 sigma of the 7 days before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]
HOUR, DAY = 3600, 24 * 3600
GUARD = 5
"""Messages that a rule's own window must hold when it is given the guard that ours has."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """`score(counts, seconds a bin)` and what is compared with its threshold; `window` is what it looks at."""

    name: str
    threshold: float
    window: int
    score: Callable[[Counts, int], Counts]

    def scores(self, counts: Counts, seconds: int, *, guard: bool = False) -> Counts:
        """Per bin (last axis); with the guard nothing where the rule's window holds too few messages."""
        found = self.score(counts, seconds)
        if guard:
            found = np.where(total(counts, max(1, self.window // seconds)) >= GUARD, found, -np.inf)
        return found


def total(counts: Counts, bins: int) -> Counts:
    """Sum of the last `bins` bins, this one included (fewer at the beginning)."""
    run = np.cumsum(counts, axis=-1)
    before = np.zeros_like(run)
    before[..., bins:] = run[..., :-bins]
    return run - before


def mean(counts: Counts, bins: int) -> Counts:
    """Mean of the last `bins` bins, of those there are at the beginning."""
    return total(counts, bins) / np.minimum(np.arange(1, counts.shape[-1] + 1), bins)


def deviation(counts: Counts, bins: int) -> Counts:
    """Standard deviation of the last `bins` bins."""
    return np.sqrt(np.maximum(mean(counts**2, bins) - mean(counts, bins) ** 2, 1e-9))


def day_against_week(counts: Counts, seconds: int) -> Counts:
    """(mean of the last 24 h - mean of the 7 days) / standard deviation of the 7 days' hours."""
    hour = max(1, HOUR // seconds)
    hourly = total(counts, hour) if hour > 1 else counts
    day, week = DAY // seconds, 7 * DAY // seconds
    return _after((mean(hourly, day) - mean(hourly, week)) / deviation(hourly, week), week)


def bucket_against_hours(counts: Counts, seconds: int) -> Counts:
    """Messages of ten minutes against the mean of as long in the six hours before; an hour where bins are hours."""
    bucket, hours = max(1, 600 // seconds), max(2, 6 * HOUR // seconds)
    now = total(counts, bucket)
    before = np.roll(mean(counts, hours), bucket, axis=-1) * bucket
    return _after(np.where(now > 0, now / np.maximum(before, 1e-3), 0.0), hours + bucket)


def ewma(counts: Counts, seconds: int, *, keep: float = 0.2) -> Counts:
    """Distance of the exponentially weighted mean from that of the 7 days before, in its own standard deviations."""
    week = 7 * DAY // seconds
    smooth = np.empty_like(counts)
    smooth[..., 0] = counts[..., 0]
    for place in range(1, counts.shape[-1]):
        smooth[..., place] = keep * counts[..., place] + (1 - keep) * smooth[..., place - 1]
    return _after(
        (smooth - mean(counts, week)) / (deviation(counts, week) * np.sqrt(keep / (2 - keep))), week
    )


def _after(score: Counts, bins: int) -> Counts:
    """No word before the rule has its history (half of it is enough, so that short series are judged at all)."""
    score[..., : bins // 2] = -np.inf
    return score


RULES = (
    Rule(name="24 h > 7 d + 2 sd", threshold=2.0, window=DAY, score=day_against_week),
    Rule(name="10 min >= 2 x 6 h", threshold=2.0, window=600, score=bucket_against_hours),
    Rule(name="EWMA 3 sigma", threshold=3.0, window=HOUR, score=ewma),
)


def beginnings(fires: NDArray[np.bool_], silent: int) -> list[int]:
    """Where a rule begins to speak after it was silent for so many bins: its alarms, counted once each."""
    places = np.flatnonzero(fires)
    return [int(p) for n, p in enumerate(places) if n == 0 or p - places[n - 1] > silent]
