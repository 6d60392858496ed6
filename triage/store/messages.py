"""Messages, their cursor and the quarantine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import connection as Connection

from triage.core.types import Cursor, Message, Quarantined
from triage.store import db, shape, threads

_SQL = db.queries(__file__)


def register_account(connection: Connection, *, name: str, source: str, labels: bool) -> None:
    """Make an account known; a second time changes nothing."""
    db.execute(connection, _SQL["register_account"], (name, source, labels))


def read_cursor(connection: Connection, account: str) -> Cursor | None:
    """Where the account stands, locked until the transaction ends; None before the first pull."""
    found = db.rows(connection, _SQL["read_cursor"], (account,))
    return Cursor(account=account, version=found[0]["version"], value=found[0]["value"]) if found else None


def lock_account(connection: Connection, account: str, *, patience: timedelta = timedelta(0)) -> bool:
    """Hold the account for this session, so that two runs never pull it at once; False: another run has it.

    `patience` is how long to wait for the other one. When that is over, the transaction is rolled back.
    """
    if db.rows(connection, _SQL["lock_account"], (account,))[0]["locked"]:
        return True
    if not patience:
        return False
    milliseconds = str(int(patience.total_seconds() * 1000))
    try:
        db.execute(connection, _SQL["await_account"], (milliseconds, account))
    except LockNotAvailable:
        connection.rollback()
        return False
    return True


def unlock_account(connection: Connection, account: str) -> None:
    """Let the next run have the account (a dead session lets go by itself)."""
    connection.rollback()
    db.execute(connection, _SQL["unlock_account"], (account,))
    connection.commit()


def write_cursor(connection: Connection, cursor: Cursor, *, behind: bool = False) -> None:
    """Move the cursor, in the transaction that stored its page; `behind` when there is more to read."""
    value = msgspec.json.encode(cursor.value).decode()
    db.execute(connection, _SQL["write_cursor"], (cursor.account, cursor.version, value, behind))


def upsert(connection: Connection, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
    """Store messages; (ids of new messages, ids of the conversations touched). Known ones change nothing."""
    if not messages:
        return [], []
    unique = {shape.key(m): m for m in messages}
    ids = lock_conversations(connection, messages)
    stored = insert(connection, list(unique.values()), ids)
    db.values(connection, _SQL["leave_quarantine"], list(unique))
    return [r["id"] for r in stored], sorted({r["conversation_id"] for r in stored})


def insert(
    connection: Connection, messages: Sequence[Message], ids: Mapping[shape.Head, int]
) -> list[dict[str, Any]]:
    """Write messages into conversations that are locked; `id` and `conversation_id` of those that were not known."""
    return db.rows(
        connection, _SQL["upsert_messages"], (shape.document([shape.row(m, ids) for m in messages]),)
    )


def lock_conversations(
    connection: Connection, messages: Sequence[Message], *, account: str = "", native_ids: Sequence[str] = ()
) -> dict[shape.Head, int]:
    """Make and lock the conversations of these messages and of the account's stored `native_ids`; their ids.

    All locks of a transaction are taken at once, in the order of ids: so no two writers wait for each other.
    """
    copies = threads.copies(connection, messages)
    heads = sorted({shape.head(m) for m in messages})
    db.values(connection, _SQL["add_conversations"], [head for head in heads if head not in copies])
    sources, accounts, keys = ([head[i] for head in heads] for i in range(3))
    wanted = {"sources": sources, "accounts": accounts, "keys": keys}
    others = {
        "account": account,
        "native_ids": list(native_ids),
        "ids": [i for found in copies.values() for i in found],
    }
    db.rows(connection, _SQL["lock_conversations"], {**wanted, **others})
    threads.unite(connection, copies)
    found = db.rows(connection, _SQL["resolve"], wanted)
    return {(r["source"], r["account"], r["key"]): r["id"] for r in found}


def quarantine(connection: Connection, items: Sequence[Quarantined]) -> None:
    """Keep items that cannot be read, with the reason; a second failure counts an attempt."""
    unique = {i.key: i for i in items}
    db.values(
        connection,
        _SQL["quarantine"],
        [
            (k.source, k.account, shape.clean(k.native_id), shape.clean(i.reason), shape.clean(i.raw))
            for k, i in unique.items()
        ],
    )


def mark_deleted(connection: Connection, account: str, native_ids: Sequence[str], at: datetime) -> list[int]:
    """Note that messages are gone at the source; the conversations touched."""
    return _mark(connection, "mark_deleted", account, native_ids, at=at)


def mark_restored(connection: Connection, account: str, native_ids: Sequence[str]) -> list[int]:
    """Note that deleted messages came back; the conversations touched."""
    return _mark(connection, "mark_restored", account, native_ids)


def _mark(
    connection: Connection, name: str, account: str, native_ids: Sequence[str], **given: Any
) -> list[int]:
    if not native_ids:
        return []
    lock_conversations(connection, (), account=account, native_ids=native_ids)
    found = db.rows(connection, _SQL[name], {"account": account, "native_ids": list(native_ids), **given})
    return sorted({r["conversation_id"] for r in found})


def known_ids(connection: Connection, account: str, native_ids: Sequence[str]) -> set[str]:
    """Which of these native ids are stored already: a resync need not read them again."""
    found = db.rows(connection, _SQL["known_ids"], (account, list(native_ids)))
    return {r["native_id"] for r in found}


def grave(connection: Connection, account: str, keys: Sequence[str]) -> set[str]:
    """Which of these threads hold somebody who waits at priority 1 or 2."""
    found = db.rows(connection, _SQL["grave"], {"account": account, "keys": list(keys)})
    return {r["key"] for r in found}


def watched_until(connection: Connection, account: str) -> datetime | None:
    """Until when the source tells of changes by itself; None: it was never asked to."""
    found = db.rows(connection, _SQL["watched_until"], (account,))
    return found[0]["watched_until"] if found else None


def note_watch(connection: Connection, account: str, until: datetime) -> None:
    """Write down until when the source tells of changes."""
    db.execute(connection, _SQL["note_watch"], (until, account))
