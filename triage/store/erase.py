"""Rewriting what a person left in the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.store import db

_SQL = db.queries(__file__)

STEPS = (
    "messages", "beside", "evidence", "keys", "threads", "floods", "replies", "fanouts", "audit", "incident_log",
    "incident_terms", "questions", "bands", "signatures", "notices", "billed",
)  # fmt: skip


def as_owner(connection: Connection) -> None:
    """Be the owner of the tables until the transaction ends."""
    db.execute(connection, _SQL["as_owner"])


def found(connection: Connection, author: str, source: str | None) -> list[dict[str, Any]]:
    """What a person wrote to us: `id`, `conversation_id`, `source`, `author`, `author_name`."""
    return db.rows(connection, _SQL["found"], {"author": author, "source": source})


def lock(connection: Connection, touched: Sequence[int], theirs: Sequence[int]) -> list[int]:
    """Lock the conversations, in the order of every writer; those in which nobody else ever asked."""
    rows = db.rows(connection, _SQL["lock"], {"touched": list(touched), "theirs": list(theirs)})
    return [row["id"] for row in rows if row["alone"]]


def on_their_way(connection: Connection, given: Mapping[str, Any]) -> list[int]:
    """Replies to the person that are being sent at this moment."""
    return [row["id"] for row in db.rows(connection, _SQL["on_their_way"], given)]


def settle(connection: Connection, given: Mapping[str, Any]) -> int:
    """Write the erasure down and dismiss what still waited; how many conversations that were."""
    return int(db.rows(connection, _SQL["settle"], given)[0]["dismissed"])


def excerpts(connection: Connection, given: Mapping[str, Any]) -> list[str]:
    """The first letters of each text, as notices may have told them."""
    return [row["words"] for row in db.rows(connection, _SQL["excerpts"], given)]


def rewrite(connection: Connection, given: Mapping[str, Any]) -> dict[str, int]:
    """Take text, names and addresses out of every table; rows touched by step."""
    return {step: db.execute(connection, _SQL[step], given) for step in STEPS}


def quarantine(connection: Connection, source: str | None) -> list[dict[str, Any]]:
    """What could not be read: key, `raw` and `reason`."""
    return db.rows(connection, _SQL["quarantine"], {"source": source})


def forget_raw(connection: Connection, keys: Sequence[tuple[str, str, str]]) -> None:
    """Keep that these could not be read, and nothing of what they were."""
    db.values(connection, _SQL["forget_raw"], list(keys))
