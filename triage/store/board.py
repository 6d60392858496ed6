"""What the page of incidents shows beside the board, and the questions that people approve there."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from triage.store import db

_SQL = db.queries(__file__)


def last_day(connection: Connection) -> list[dict[str, Any]]:
    """`topic`, `at`, `count`, `expected`, by quarter of an hour; topics of which nothing came have zeros too."""
    return db.rows(connection, _SQL["last_day"])


def details(connection: Connection, incident: int) -> dict[str, list[dict[str, Any]]]:
    """`statements`, `questions`, `fanouts` of an incident."""
    return {
        name: db.rows(connection, _SQL[name], {"id": incident})
        for name in ("statements", "questions", "fanouts")
    }


def approve_question(connection: Connection, incident: int, question: int, *, answer: str, by: str) -> bool:
    """Show it on the hub; False: there is no such question."""
    return _asked(connection, "approve_question", incident, question, by, answer=answer)


def withdraw_question(connection: Connection, incident: int, question: int, *, by: str) -> bool:
    """Show it no more; False: there is no such question."""
    return _asked(connection, "withdraw_question", incident, question, by)


def _asked(
    connection: Connection, verb: str, incident: int, question: int, by: str, answer: str | None = None
) -> bool:
    given = {"id": incident, "question": question, "by": by, "answer": answer}
    if not db.execute(connection, _SQL[verb], given):
        return False
    detail = Json({"question": question})
    db.execute(
        connection, _SQL["log"], {"id": incident, "verb": verb.replace("_", " "), "by": by, "detail": detail}
    )
    return True
