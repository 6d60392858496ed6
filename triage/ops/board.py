"""The board of incidents: each topic's last day, and what belongs to one incident."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.core.chart import Count
from triage.store import board, db
from triage.store.queue import Refused

MOST = 6
"""So many topics are drawn: those that are furthest above what is usual, then the busiest."""


def last_day(connection: Connection, *, most: int = MOST) -> dict[str, list[Count]]:
    """Topic to its quarters of an hour, those first that brought most beyond what was expected."""
    with db.transaction(connection):
        rows = board.last_day(connection)
    found = {
        topic: [Count(at=row["at"], count=row["count"], expected=row["expected"]) for row in counts]
        for topic, counts in groupby(rows, key=lambda row: str(row["topic"]))
    }
    busy = {topic: counts for topic, counts in found.items() if any(c.count for c in counts)}
    return dict(sorted(busy.items(), key=lambda one: -_above(one[1]))[:most])


def _above(counts: list[Count]) -> float:
    return sum(c.count - (c.expected or 0.0) for c in counts)


def details(connection: Connection, incident: int) -> dict[str, list[dict[str, Any]]]:
    """`statements`, `questions`, `fanouts` of an incident."""
    with db.transaction(connection):
        return board.details(connection, incident)


def approve_question(connection: Connection, incident: int, question: int, *, answer: str, by: str) -> None:
    """Answer a question on the hub. Raises Refused."""
    if not answer.strip():
        raise Refused("a question on the hub needs an answer", code="TR004")
    with db.transaction(connection):
        if not board.approve_question(connection, incident, question, answer=answer.strip(), by=by):
            raise Refused(f"incident {incident} has no question {question}", code="TR002")


def withdraw_question(connection: Connection, incident: int, question: int, *, by: str) -> None:
    """Take a question off the hub, or off the list of drafts. Raises Refused."""
    with db.transaction(connection):
        if not board.withdraw_question(connection, incident, question, by=by):
            raise Refused(f"incident {incident} has no question {question}", code="TR002")
