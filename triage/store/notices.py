"""The outbox of notices, and the figures that they tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import connection as Connection

from triage.store import db

_SQL = db.queries(__file__)

SHOWN = 3
"""So many overdue conversations of each topic are named one by one."""


def overdue(
    connection: Connection,
    *,
    recipient: str,
    accounts: Sequence[str],
    steps: Sequence[timedelta],
    quiet: bool,
    now: datetime,
) -> list[dict[str, Any]]:
    """What `recipient` was not told yet, told from now on: the first of each topic, `alike` counts them all."""
    given = {
        "recipient": recipient,
        "accounts": list(accounts),
        "steps": list(steps),
        "quiet": quiet,
        "now": now,
        "shown": SHOWN,
    }
    return db.rows(connection, _SQL["overdue"], given)


def put(connection: Connection, rows: Sequence[tuple[str, str, str, str, str, str]], *, now: datetime) -> int:
    """Want notices (recipient, address, kind, key, subject, text); how many were not there yet."""
    return len(db.values(connection, _SQL["put"], [(*row, now, now, now) for row in rows]))


def told_since(connection: Connection, *, kind: str, key: str, after: datetime) -> set[str]:
    """Recipients with a notice whose key starts with `key`, wanted after that moment."""
    rows = db.rows(connection, _SQL["since"], {"kind": kind, "key": key, "after": after})
    return {row["recipient"] for row in rows}


def has(connection: Connection, recipient: str, key: str) -> bool:
    """Whether a notice of that key was ever wanted for the recipient."""
    return bool(db.rows(connection, _SQL["has"], (recipient, key))[0]["has"])


def lock(connection: Connection) -> bool:
    """Become the only one who sends, until `unlock` or the session's end; False: somebody else is, and for long."""
    db.execute(connection, _SQL["patience"])
    try:
        db.execute(connection, _SQL["lock"])
    except LockNotAvailable:
        connection.rollback()
        return False
    return True


def unlock(connection: Connection) -> None:
    """Let the next one send."""
    db.execute(connection, _SQL["unlock"])


def orphans(connection: Connection, now: datetime) -> int:
    """What a dead task was sending becomes unknown; how many. Only for whoever holds the lock."""
    return db.execute(connection, _SQL["orphans"], {"now": now})


def take(connection: Connection, now: datetime) -> dict[str, Any] | None:
    """The next notice to send, now `sending`; None: there is none. Only for whoever holds the lock."""
    found = db.rows(connection, _SQL["take"], {"now": now})
    return found[0] if found else None


def settle(
    connection: Connection,
    notice: int,
    state: str,
    *,
    now: datetime,
    error: str | None = None,
    again: datetime | None = None,
) -> None:
    """What became of a notice; `again`: when the next try is due."""
    given = {"id": notice, "state": state, "error": error, "not_before": again or now, "now": now}
    db.execute(connection, _SQL["settle"], given)


def troubles(connection: Connection, after: datetime) -> list[dict[str, Any]]:
    """Recipients who cannot be told, or could not since then: address, state, how many, the latest `error`."""
    return db.rows(connection, _SQL["troubles"], (after,))


def prune(connection: Connection, before: datetime) -> int:
    """Forget settled notices older than that, and what was told of conversations that no longer wait."""
    db.execute(connection, _SQL["forget_told"])
    return db.execute(connection, _SQL["prune"], (before,))


def waiting(connection: Connection, *, accounts: Sequence[str], now: datetime) -> list[dict[str, Any]]:
    """Who waits, by topic, gravest first: `en`, `fr`, waiting, overdue, snoozed, held, oldest."""
    return db.rows(connection, _SQL["waiting"], {"accounts": list(accounts), "now": now})


def held(connection: Connection, *, accounts: Sequence[str], now: datetime) -> list[dict[str, Any]]:
    """Who holds how many on a lease."""
    return db.rows(connection, _SQL["held"], {"accounts": list(accounts), "now": now})


def settled(
    connection: Connection, *, accounts: Sequence[str], since: datetime, until: datetime
) -> dict[str, Any]:
    """Answered, dismissed, and first response p50 and p90 of the spells that ended in that time."""
    given = {"accounts": list(accounts), "since": since, "until": until}
    return db.rows(connection, _SQL["settled"], given)[0]


def crises(connection: Connection, accounts: Sequence[str]) -> list[dict[str, Any]]:
    """Open incidents, gravest first: `en` and `fr` (None: no one topic), onset, observed, expected."""
    return db.rows(connection, _SQL["crises"], (list(accounts),))
