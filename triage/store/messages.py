"""Messages, their cursor, the quarantine and what was spent to get them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from triage.core.types import Cursor, Message, Quarantined
from triage.store import db

_SQL = db.queries(__file__)


def register_account(connection: Connection, *, name: str, source: str, labels: bool) -> None:
    """Make an account known; a second time changes nothing."""
    db.execute(connection, _SQL["register_account"], (name, source, labels))


def read_cursor(connection: Connection, account: str) -> Cursor | None:
    """Where the account stands, locked until the transaction ends; None before the first pull."""
    found = db.rows(connection, _SQL["read_cursor"], (account,))
    return Cursor(account=account, version=found[0]["version"], value=found[0]["value"]) if found else None


def lock_account(connection: Connection, account: str) -> bool:
    """Hold the account for this session, so that two runs never pull it at once; False: another run has it."""
    return bool(db.rows(connection, _SQL["lock_account"], (account,))[0]["locked"])


def unlock_account(connection: Connection, account: str) -> None:
    """Let the next run have the account (a dead session lets go by itself)."""
    connection.rollback()
    db.execute(connection, _SQL["unlock_account"], (account,))
    connection.commit()


def write_cursor(connection: Connection, cursor: Cursor) -> None:
    """Move the cursor, in the transaction that stored its page."""
    db.execute(connection, _SQL["write_cursor"], (cursor.account, cursor.version, Json(cursor.value)))


def upsert(connection: Connection, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
    """Store messages; (ids of new messages, ids of the conversations touched). Known ones change nothing."""
    if not messages:
        return [], []
    unique = {m.key: m for m in messages}
    heads = sorted({(m.key.source, m.key.account, m.conversation) for m in unique.values()})
    found = db.values(connection, _SQL["upsert_conversations"], heads)
    ids = {(r["source"], r["account"], r["key"]): r["id"] for r in found}
    stored = db.values(connection, _SQL["upsert_messages"], [_row(m, ids) for m in unique.values()])
    db.values(connection, _SQL["leave_quarantine"], [_key(m) for m in unique.values()])
    return [r["id"] for r in stored], sorted({r["conversation_id"] for r in stored})


def _key(message: Message) -> tuple[str, str, str]:
    return message.key.source, message.key.account, message.key.native_id


def clean(text: str) -> str:
    """PostgreSQL text holds no NUL and no lone surrogate."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _row(m: Message, ids: Mapping[tuple[str, str, str], int]) -> tuple[Any, ...]:
    return (
        *_key(m), ids[m.key.source, m.key.account, m.conversation], m.direction.value, clean(m.author),
        clean(m.author_name), m.sent_at, m.fetched_at, clean(m.subject), clean(m.text), m.lang, clean(m.url),
        list(m.labels), m.reply_to, m.automatic_reason, m.bare_thanks, Json(dict(m.extra)),
    )  # fmt: skip


def quarantine(connection: Connection, items: Sequence[Quarantined]) -> None:
    """Keep items that cannot be read, with the reason; a second failure counts an attempt."""
    unique = {i.key: i for i in items}
    db.values(
        connection,
        _SQL["quarantine"],
        [(k.source, k.account, k.native_id, clean(i.reason), clean(i.raw)) for k, i in unique.items()],
    )


def mark_deleted(connection: Connection, account: str, native_ids: Sequence[str], at: datetime) -> list[int]:
    """Note that messages are gone at the source; the conversations touched."""
    return _conversations(connection, "mark_deleted", (at, account, list(native_ids)), native_ids)


def mark_restored(connection: Connection, account: str, native_ids: Sequence[str]) -> list[int]:
    """Note that deleted messages came back; the conversations touched."""
    return _conversations(connection, "mark_restored", (account, list(native_ids)), native_ids)


def _conversations(connection: Connection, name: str, arguments: Any, native_ids: Sequence[str]) -> list[int]:
    if not native_ids:
        return []
    return sorted({r["conversation_id"] for r in db.rows(connection, _SQL[name], arguments)})


def known_ids(connection: Connection, account: str, native_ids: Sequence[str]) -> set[str]:
    """Which of these native ids are stored already: a resync need not read them again."""
    found = db.rows(connection, _SQL["known_ids"], (account, list(native_ids)))
    return {r["native_id"] for r in found}


def spend(connection: Connection, account: str, units: Mapping[str, int]) -> None:
    """Write down what was spent, by method."""
    db.values(connection, _SQL["spend"], [(account, method, count) for method, count in units.items()])


def spent_last_minute(connection: Connection, account: str) -> int:
    """Units of the last 60 seconds."""
    return int(db.rows(connection, _SQL["spent_last_minute"], (account,))[0]["units"])
