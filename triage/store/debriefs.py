"""What an incident left behind, read for its debrief."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import connection as Connection

from triage.store import db

_SQL = db.queries(__file__)
_LISTS = (
    "counts", "log", "statements", "fanouts", "answers", "longest", "moved", "languages", "clusters", "questions",
)  # fmt: skip


def read(connection: Connection, incident: int, *, language: str) -> dict[str, Any] | None:
    """Everything by the name of its query, in one transaction; None: there is no such incident."""
    asked: dict[str, Any] = {"id": incident, "lang": language}
    found = db.rows(connection, _SQL["incident"], asked)
    if not found:
        return None
    # Given as an array: PostgreSQL then judges only these conversations' spells.
    asked["conversations"] = [row["id"] for row in db.rows(connection, _SQL["conversations"], asked)]
    db.execute(connection, _SQL["spells"], asked)
    single = [db.rows(connection, _SQL[name], asked)[0] for name in ("volumes", "ledger")]
    lists = {name: db.rows(connection, _SQL[name], asked) for name in _LISTS}
    return {**found[0], **single[0], **single[1], **lists}


def note(connection: Connection, incident: int) -> None:
    """A line of the incident's log that says its debrief was written."""
    db.execute(connection, _SQL["note"], {"id": incident})
