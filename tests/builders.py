"""Values for tests: a Message from few words, a Classification, and the shipped taxonomy in the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection

from triage import config
from triage.core.types import (
    Classification,
    DecidedBy,
    Direction,
    Intent,
    Message,
    MessageKey,
    TopicScore,
)  # fmt: skip
from triage.ops.classify import sync_topics
from triage.store import db, messages

ROOT = Path(__file__).resolve().parent.parent
START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
"""The moment from which tests count."""

ACCOUNTS = {"care": "gmail", "volmera_x": "x"}
"""Account to source, as in config/triage.yaml."""


def at(minutes: float) -> datetime:
    """So many minutes after START."""
    return START + timedelta(minutes=minutes)


def message(
    native_id: str, conversation: str = "t1", *, account: str = "care", minute: float = 0, **given: Any
) -> Message:
    """An inbound mail of an account, unless told otherwise."""
    values: dict[str, Any] = {
        "key": MessageKey(source=ACCOUNTS[account], account=account, native_id=native_id),
        "conversation": conversation,
        "direction": Direction.INBOUND,
        "author": "jane@example.org",
        "sent_at": at(minute),
        "fetched_at": at(minute + 1),
        "text": f"My mixer smokes ({native_id}).",
        "lang": "en",
    }
    return Message(**{**values, **given})


def decision(topic: str = "delivery", *, intent: Intent = Intent.COMPLAINT, **given: Any) -> Classification:
    """A model's decision of model m1 under taxonomy t1, unless told otherwise."""
    values: dict[str, Any] = {
        "topic": topic,
        "topics": (TopicScore(topic=topic, score=0.9),),
        "intent": intent,
        "abstained": topic == "unsure",
        "evidence": (),
        "decided_by": DecidedBy.MODEL,
        "stage": "fast",
        "lang": "en",
        "model": "m1",
        "taxonomy": "t1",
    }
    return Classification(**{**values, **given})


def shipped_topics() -> config.Topics:
    """config/topics.yaml of the checkout."""
    return config.load_topics(ROOT / "config")


def prepare(connection: Connection) -> None:
    """Topics and both accounts, as the first run would leave them."""
    sync_topics(connection, shipped_topics())
    with db.transaction(connection):
        for name, source in ACCOUNTS.items():
            messages.register_account(connection, name=name, source=source, labels=source == "gmail")


def one(connection: Connection, sql: str, *parameters: Any) -> Any:
    """The only column of the only row, in a transaction of its own."""
    with db.transaction(connection):
        (row,) = db.rows(connection, sql, parameters or None)
    (value,) = row.values()
    return value


def table(connection: Connection, sql: str, *parameters: Any) -> list[dict[str, Any]]:
    """All rows, in a transaction of their own."""
    with db.transaction(connection):
        return db.rows(connection, sql, parameters or None)
