"""A clock that tests can move forward, for quotas and for tokens that expire."""

from __future__ import annotations

import time


class Clock:
    """The wall clock plus a number of simulated seconds."""

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset

    def now(self) -> float:
        """Seconds since the epoch, simulated seconds included."""
        return time.time() + self.offset

    def advance(self, seconds: float) -> float:
        """Move the clock and return the new time."""
        self.offset += seconds
        return self.now()
