"""When to call somebody to work: at once for what arrived, again when nobody came, never twice for the same."""

from __future__ import annotations

GRACE = 60.0
"""Seconds that announced work may stand untouched before it is announced again; twice as long every time after."""


class Bell:
    """Remembers what it rang for. A lost call heals by itself; work that moves is in good hands; nothing is silent."""

    def __init__(self) -> None:
        self._seen: object = None
        self._due = 0.0
        self._patience = GRACE

    def rings(self, *, arrived: bool, waiting: object, now: float) -> bool:
        """Whether to ring: `waiting` is what there is to do (false for nothing), `arrived` that some of it is new.

        `now` is in seconds of a clock that never goes back. Two equal `waiting` mean that nobody worked between.
        """
        if not waiting:
            self._seen = None
            return False
        if arrived or waiting != self._seen:
            self._seen, self._patience = waiting, GRACE
            self._due = now + GRACE
            return arrived
        if now < self._due:
            return False
        self._patience *= 2
        self._due = now + self._patience
        return True
