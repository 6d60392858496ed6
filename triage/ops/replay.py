"""Do steps again from what is stored; asks the sources only when told to."""

from __future__ import annotations

from datetime import datetime

from psycopg2.extensions import connection as Connection

from triage.store import conversations, db


def forget(connection: Connection, *, since: datetime, account: str | None = None) -> int:
    """Have machine decisions since then made anew by the next classify; the number of messages. Humans stay."""
    with db.transaction(connection):
        return conversations.forget_decisions(connection, since=since, account=account)


def refresh_all(connection: Connection, *, batch: int = 1000) -> int:
    """Rebuild state, queue and wanted labels of every conversation from the messages; how many."""
    with db.transaction(connection):
        ids = conversations.all_ids(connection)
    for start in range(0, len(ids), batch):
        with db.transaction(connection):
            conversations.refresh(connection, ids[start : start + batch])
    return len(ids)
