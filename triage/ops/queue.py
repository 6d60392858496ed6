"""What responders do: read the queue, claim, settle, correct. Every change is one transaction in SQL."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import connection as Connection

from triage.store import db, queue


def show(connection: Connection, *, limit: int = 20, topic: str | None = None) -> list[dict[str, Any]]:
    """The queue from the top."""
    with db.transaction(connection):
        return queue.top(connection, limit=limit, topic=topic)


def claim(
    connection: Connection, *, count: int, by: str, topic: str | None = None, lang: str | None = None
) -> list[dict[str, Any]]:
    """Lease the next `count` rows that nobody holds; nobody else gets the same ones."""
    with db.transaction(connection):
        return queue.claim(connection, count=count, by=by, topic=topic, lang=lang)


def answer(connection: Connection, conversation_id: int, *, by: str, where: str) -> None:
    """Note that a person was answered where we cannot see it (by phone, at the counter)."""
    with db.transaction(connection):
        queue.answer(connection, conversation_id, by=by, where=where)


def dismiss(connection: Connection, conversation_id: int, *, by: str, reason: str) -> None:
    """Take a conversation out of the queue with a reason and a name; a new message brings it back."""
    with db.transaction(connection):
        queue.dismiss(connection, conversation_id, by=by, reason=reason)


def relabel(connection: Connection, conversation_id: int, *, by: str, topic: str) -> None:
    """Correct the topic of everything that waits in a conversation; no model overrules it."""
    with db.transaction(connection):
        queue.relabel(connection, conversation_id, by=by, topic=topic)


def release(connection: Connection, conversation_id: int, *, by: str) -> None:
    """Give a claimed conversation back at once."""
    with db.transaction(connection):
        queue.release(connection, conversation_id, by=by)
