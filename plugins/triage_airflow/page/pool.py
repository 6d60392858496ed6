"""Connections to our PostgreSQL that outlive a request: a look at the queue costs no login."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg2

from triage.store import db
from triage_airflow.connections import database_dsn

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

KEPT = 8
"""So many rest here between requests; a busy moment opens more."""

FRESH = 600.0
"""Seconds that one is used: then a changed `triage_db` is taken up."""


class Pool:
    """Connections for one process; `connection()` lends one that answers."""

    def __init__(self) -> None:
        self._idle: deque[tuple[Connection, float]] = deque(maxlen=KEPT)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One for as long as the block lasts. After an error it is closed: nobody else meets what went wrong."""
        lent, born = self._rested() or (db.opened(database_dsn(), name="inbox-triage page"), time.monotonic())
        try:
            yield lent
        except BaseException:
            lent.close()
            raise
        lent.rollback()
        if len(self._idle) < KEPT:
            self._idle.append((lent, born))
        else:
            lent.close()

    def _rested(self) -> tuple[Connection, float] | None:
        """The one that rested shortest, if it still answers: the server may have restarted."""
        while self._idle:
            try:
                rested, born = self._idle.pop()
            except IndexError:
                return None
            if time.monotonic() - born < FRESH and _answers(rested):
                return rested, born
            rested.close()
        return None


def _answers(connection: Connection) -> bool:
    try:
        db.execute(connection, "SELECT")
        connection.rollback()
    except psycopg2.Error:
        return False
    return True
