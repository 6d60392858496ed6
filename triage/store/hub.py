"""What the public page of facts shows, and the questions drafted for it."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import connection as Connection

from triage.store import db

_SQL = db.queries(__file__)


def lock(connection: Connection) -> None:
    """Until the end of the transaction nobody else publishes."""
    db.execute(connection, _SQL["lock"])


def cases(connection: Connection) -> list[dict[str, Any]]:
    """`id`, `topic`, labels, `onset`, `closed_at` of the incidents of which the public has heard."""
    return db.rows(connection, _SQL["cases"])


def statements(connection: Connection, incident: int) -> list[dict[str, Any]]:
    """`at` and `texts` by language of what was approved for the page, the first statement first."""
    return db.rows(connection, _SQL["statements"], (incident,))


def questions(connection: Connection, incident: int) -> list[dict[str, Any]]:
    """The approved ones."""
    return db.rows(connection, _SQL["questions"], (incident,))


def about(connection: Connection, incident: int) -> dict[str, Any] | None:
    """`topic` and `onset`; None: nobody knows yet what it is about, or there is no such incident."""
    found = db.rows(connection, _SQL["about"], (incident,))
    return found[0] if found else None


def going_on(connection: Connection) -> list[int]:
    """Open incidents of which it is known what they are about."""
    return [row["id"] for row in db.rows(connection, _SQL["open"])]


def heads(connection: Connection, incident: int) -> list[dict[str, Any]]:
    """`cluster`, `count`, `text`, `lang`, `intent`: the biggest clusters of an incident by their first message."""
    return db.rows(connection, _SQL["heads"], (incident,))


def draft(
    connection: Connection, incident: int, *, lang: str, question: str, answer: str, cluster: int | None,
    asked: int, by: str,
) -> bool:  # fmt: skip
    """Propose a question; whether it is new."""
    given = {"incident": incident, "lang": lang, "question": question, "answer": answer, "cluster": cluster,
             "asked": asked, "by": by}  # fmt: skip
    return any(row["new"] for row in db.rows(connection, _SQL["draft"], given))
