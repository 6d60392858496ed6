"""The label outbox: what the mailboxes should show, and what they confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.store import db

_SQL = db.queries(__file__)


def lock_account(connection: Connection, account: str) -> bool:
    """Hold the account's labels for this session; False: another run is sending them."""
    return bool(db.rows(connection, _SQL["lock_account"], (account,))[0]["locked"])


def unlock_account(connection: Connection, account: str) -> None:
    """Let the next run have the account's labels."""
    connection.rollback()
    db.execute(connection, _SQL["unlock_account"], (account,))
    connection.commit()


def pending(connection: Connection, account: str, *, limit: int, patience: timedelta) -> list[dict[str, Any]]:
    """Label changes to send: `message_id`, `native_id`, `label`, `wanted`, `may_wait`.

    A change may wait when it is younger than `patience` and the account is behind with reading.
    """
    return db.rows(connection, _SQL["pending"], {"account": account, "limit": limit, "patience": patience})


def settle(connection: Connection, changes: Sequence[tuple[int, str, bool]]) -> None:
    """Note (message_id, label, applied) as the mailbox confirmed them."""
    db.values(connection, _SQL["settle"], list(changes))


def mark_gone(connection: Connection, message_ids: Sequence[int]) -> None:
    """These messages are no longer in the mailbox: nothing more to send."""
    db.execute(connection, _SQL["mark_gone"], (list(message_ids),))


def note_errors(connection: Connection, errors: Sequence[tuple[int, str]]) -> None:
    """Keep the mailbox's refusal beside the pending rows of (message_id, error)."""
    db.values(connection, _SQL["note_errors"], list(errors))


def sync_topics(connection: Connection, topics: Sequence[tuple[Any, ...]]) -> list[str]:
    """Write the taxonomy (key, label_en, label_fr, severity, target) where SQL can see it; the keys changed."""
    return [r["key"] for r in db.values(connection, _SQL["sync_topics"], list(topics))]


def applied_counts(connection: Connection, account: str) -> dict[str, int]:
    """How many messages carry each label, as the mailbox confirmed."""
    return {r["label"]: r["n"] for r in db.rows(connection, _SQL["applied_counts"], (account,))}
