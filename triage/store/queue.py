"""The unanswered queue through the responders' own SQL functions."""

from __future__ import annotations

from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from triage.core.errors import TriageError
from triage.store import db

_SQL = db.queries(__file__)


class Refused(TriageError):
    """The database says no, in a sentence for the responder (someone else's lease, already answered)."""


def top(connection: Connection, *, limit: int, topic: str | None = None) -> list[dict[str, Any]]:
    """Rows in queue order: priority, due time, conversation."""
    return db.rows(connection, _SQL["top"], {"limit": limit, "topic": topic})


def claim(
    connection: Connection, *, count: int, by: str, topic: str | None, lang: str | None
) -> list[dict[str, Any]]:
    """Lease the next rows for a person."""
    _act_for(connection, by)
    rows = db.rows(connection, _SQL["claim"], (count, topic, lang))
    return sorted(rows, key=lambda r: (r["priority"], r["due_at"], r["conversation_id"]))


def release(connection: Connection, conversation_id: int, *, by: str) -> None:
    """Give a claimed row back."""
    _call(connection, "release", by, conversation_id)


def answer(connection: Connection, conversation_id: int, *, by: str, where: str) -> None:
    """Settle as answered elsewhere."""
    _call(connection, "answer", by, conversation_id, where)


def dismiss(connection: Connection, conversation_id: int, *, by: str, reason: str) -> None:
    """Settle as dismissed."""
    _call(connection, "dismiss", by, conversation_id, reason)


def relabel(connection: Connection, conversation_id: int, *, by: str, topic: str) -> None:
    """Correct the topic."""
    _call(connection, "relabel", by, conversation_id, topic)


def _act_for(connection: Connection, person: str) -> None:
    db.execute(connection, _SQL["act_for"], (person,))


def _call(connection: Connection, name: str, by: str, *arguments: Any) -> None:
    _act_for(connection, by)
    try:
        db.execute(connection, _SQL[name], arguments)
    except psycopg2.Error as error:
        if (error.pgcode or "").startswith("TR"):
            raise Refused(str(error.diag.message_primary)) from None
        raise
