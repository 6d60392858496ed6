"""What people corrected: written from files, read to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.store import db, queue

_SQL = db.queries(__file__)

Key = tuple[str, str, str]


def lessons(connection: Connection) -> list[dict[str, Any]]:
    """The last word on each corrected message, oldest first: `id` of the correction, `topic`, `subject`, `text`.

    Corrections that only say what a message is not about are left out.
    """
    return db.rows(connection, _SQL["lessons"])


def topics(connection: Connection) -> list[str]:
    """Topics that a message can be corrected to."""
    return [r["key"] for r in db.rows(connection, _SQL["topics"])]


def of_messages(connection: Connection, ids: Sequence[int]) -> dict[int, list[int]]:
    """Which of these are inbound messages."""
    return {r["asked"]: r["messages"] for r in db.rows(connection, _SQL["by_message"], (list(ids),))}


def of_conversations(connection: Connection, ids: Sequence[int]) -> dict[int, list[int]]:
    """Of each conversation the messages that wait, or its newest inbound one when none does."""
    found = db.rows(connection, _SQL["by_conversation"], (list(ids),))
    return {r["asked"]: r["messages"] for r in found if r["messages"]}


def of_keys(connection: Connection, keys: Sequence[Key]) -> dict[Key, list[int]]:
    """Which of these (source, account, native_id) are inbound messages."""
    sources, accounts, native_ids = ([key[i] for key in keys] for i in range(3))
    given = {"sources": sources, "accounts": accounts, "native_ids": native_ids}
    found = db.rows(connection, _SQL["by_key"], given)
    return {(r["source"], r["account"], r["native_id"]): r["messages"] for r in found}


def decided(connection: Connection, message_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """`conversation_id` and the `topic` in force (None: not decided yet) of each message."""
    return {r["id"]: r for r in db.rows(connection, _SQL["decided"], (list(message_ids),))}


def teach(
    connection: Connection, message_ids: Sequence[int], *, topic: str, by: str, origin: str = "file"
) -> None:
    """A person's word on messages whose conversations the caller has locked."""
    queue.act_for(connection, by)
    db.execute(connection, _SQL["teach"], (list(message_ids), topic, origin))
