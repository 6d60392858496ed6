"""Emptying old messages, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.store import db

_SQL = db.queries(__file__)

BESIDE = ("evidence", "replies", "recipients", "floods")


def passed(connection: Connection) -> int | None:
    """The last message that was looked at, locked until the transaction ends; None: another run has it."""
    found = db.rows(connection, _SQL["passed"])
    return int(found[0]["passed"]) if found else None


def following(connection: Connection, after: int, before: datetime, *, limit: int) -> list[dict[str, Any]]:
    """The next messages in the order of collecting: `id`, `conversation_id`, and whether it was before then (`old`)."""
    return db.rows(connection, _SQL["next"], {"passed": after, "before": before, "limit": limit})


def left(connection: Connection, *, limit: int) -> list[int]:
    """Conversations that were passed by and are settled since."""
    return [r["id"] for r in db.rows(connection, _SQL["left"], (limit,))]


def take(connection: Connection, conversations: Sequence[int]) -> list[int]:
    """Those that do not wait and that nobody is at work on, locked."""
    return [r["id"] for r in db.rows(connection, _SQL["take"], (list(conversations),))]


def empty(connection: Connection, conversations: Sequence[int], upto: int) -> int:
    """Empty the messages of these conversations up to that id, and what was made of them; how many messages."""
    given = {"ids": list(conversations), "passed": upto}
    emptied = db.execute(connection, _SQL["messages"], given)
    for what in BESIDE:
        db.execute(connection, _SQL[what], given)
    db.execute(connection, _SQL["done"], (list(conversations),))
    return emptied


def leave(connection: Connection, conversations: Sequence[int]) -> None:
    """Remember conversations for when they are settled."""
    db.execute(connection, _SQL["leave"], (list(conversations),))


def move(connection: Connection, upto: int) -> None:
    """Note how far the walk is."""
    db.execute(connection, _SQL["move"], (upto,))


def aside(connection: Connection, before: datetime) -> None:
    """Empty what could not be read, and notices, from before then."""
    for what in ("quarantine", "notices"):
        db.execute(connection, _SQL[what], (before,))
