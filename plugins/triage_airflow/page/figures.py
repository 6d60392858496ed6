"""Figures of the page and of Prometheus: counted now while that is quick, else counted lately, with their age."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import BackgroundTasks

    from triage_airflow.page.pool import Pool

SHARE = 20
"""Counting may take one part in so many of the time: what takes 3 s is counted once a minute, 3 ms at every look."""

QUICK = 0.05
"""Seconds that a reader may be kept waiting for a count."""

TOLD = timedelta(seconds=10)
"""From this age on, it is told."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What was counted, when (a monotonic clock's seconds), and how long that took.

    `cost` is the shorter of this count and the one before: a busy moment does not make the figures old.
    """

    figures: Any
    at: float
    took: float
    cost: float

    @property
    def age(self) -> timedelta | None:
        """How old the figures are, where that is worth saying."""
        age = timedelta(seconds=time.monotonic() - self.at)
        return age if age > TOLD else None


class Figures:
    """One count of the process, whoever asks; `count` takes a connection."""

    def __init__(self, count: Callable[..., Any]) -> None:
        self._count = count
        self._counting = threading.Lock()
        self._kept: Counted | None = None

    def get(self, pool: Pool, later: BackgroundTasks) -> Counted:
        """The figures. What takes long is counted anew after the answer has been sent."""
        kept = self._kept
        if kept is None or (kept.cost <= QUICK and _old(kept)):
            return self._anew(pool, kept)
        if _old(kept):
            later.add_task(self._anew, pool, kept)
        return kept

    def _anew(self, pool: Pool, known: Counted | None) -> Counted:
        """Counted by one at a time; who comes meanwhile gets what is known, or waits when nothing is."""
        if not self._counting.acquire(blocking=known is None):
            assert known is not None
            return known
        try:
            if self._kept is not known and self._kept is not None:
                return self._kept
            with pool.connection() as connection:
                began = time.monotonic()
                figures = self._count(connection)
                took = time.monotonic() - began
            self._kept = Counted(
                figures=figures, at=began, took=took, cost=min(took, known.took if known else took)
            )
            return self._kept
        finally:
            self._counting.release()


def _old(kept: Counted) -> bool:
    return time.monotonic() - kept.at > SHARE * kept.cost
