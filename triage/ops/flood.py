"""Floods from one sender: who sent too much, and letting it back into the queue."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import connection as Connection

from triage.store import db, floods


def listed(connection: Connection, *, limit: int = 100) -> list[dict[str, Any]]:
    """Floods, the newest first: `account`, `author`, from when to when, `held` rows, who released it."""
    with db.transaction(connection):
        return floods.listed(connection, limit=limit)


def release(connection: Connection, author: str, *, by: str, account: str | None = None) -> int:
    """Let an author's messages back into the queue; how many rows. This flood of theirs is not held again."""
    with db.transaction(connection):
        return floods.release(connection, author, account=account, by=by)
