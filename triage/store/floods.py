"""Floods from one sender: seen as messages are decided, listed, released."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from triage.store import db, queue
from triage.store.queue import Refused

_SQL = db.queries(__file__)


def lock(connection: Connection, messages: Sequence[int]) -> None:
    """Lock the floods of whoever wrote these messages: before their conversations."""
    db.execute(connection, _SQL["lock"], (list(messages),))


def spot(
    connection: Connection, ids: Sequence[int], *, messages: int, within: timedelta, never: Sequence[str]
) -> list[int]:
    """Note floods that these messages begin or prolong; the conversations that came in them."""
    asked = {"ids": list(ids), "messages": messages, "within": within, "never": list(never)}
    return [r["conversation_id"] for r in db.rows(connection, _SQL["spot"], asked)]


def listed(connection: Connection, *, limit: int) -> list[dict[str, Any]]:
    """Floods, the newest first, with how many rows of the queue each holds."""
    return db.rows(connection, _SQL["listed"], (limit,))


def release(connection: Connection, author: str, *, account: str | None, by: str) -> int:
    """Let an author's messages back into the queue; how many rows. Raises Refused where none are held."""
    queue.act_for(connection, by)
    try:
        return int(db.rows(connection, _SQL["release"], (author, account))[0]["rows"])
    except psycopg2.Error as error:
        if (error.pgcode or "").startswith("TR"):
            raise Refused(str(error.diag.message_primary), code=error.pgcode or "") from None
        raise
