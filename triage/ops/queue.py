"""What responders do: read the queue, claim, settle, correct. Every change is one transaction in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.store import conversations, db, queue, replies
from triage.store.queue import MOST_ALIKE, Place, Refused, Wanted

__all__ = ["MOST_ALIKE", "Place", "Refused", "Wanted"]


def show(connection: Connection, *, limit: int = 20, topic: str | None = None) -> list[dict[str, Any]]:
    """The queue from the top."""
    with db.transaction(connection):
        return queue.page(connection, Wanted(topic=topic), limit=limit)


def claim(
    connection: Connection,
    *,
    count: int,
    by: str,
    topic: str | None = None,
    lang: str | None = None,
    held: bool = False,
) -> list[dict[str, Any]]:
    """Lease the next `count` rows that nobody has, copies of a text last; nobody else gets the same ones.

    `held`: rows of floods that are set aside, and no others.
    """
    with db.transaction(connection):
        return queue.claim(connection, count=count, by=by, topic=topic, lang=lang, held=held)


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


def page(
    connection: Connection, wanted: Wanted, *, limit: int = 50, after: Place | None = None
) -> list[dict[str, Any]]:
    """The next rows of the queue that are wanted, after a place in its order."""
    with db.alone(connection):
        return queue.page(connection, wanted, limit=limit, after=after)


def topics(connection: Connection) -> list[dict[str, Any]]:
    """Key, `en` and `fr` label, severity, gravest first."""
    with db.transaction(connection):
        return queue.topics(connection)


def counts(connection: Connection) -> dict[str, Any]:
    """`waiting`, `overdue`, `snoozed`, `held`, and since when the `oldest` waits."""
    with db.transaction(connection):
        return queue.counts(connection)


def ledger(connection: Connection) -> dict[str, Any]:
    """`collected`, `answered`, `waiting`, `dismissed`, and whether that is `balanced`."""
    with db.transaction(connection):
        counted = conversations.ledger(connection)
    return {**asdict(counted), "balanced": counted.balanced}


def mine(connection: Connection, *, by: str) -> int:
    """How many a person holds."""
    with db.transaction(connection):
        return queue.mine(connection, by)


def conversation(connection: Connection, conversation_id: int) -> dict[str, Any] | None:
    """A conversation with its `history`, `deeds` and `replies`; None: there is none."""
    with db.transaction(connection):
        found = queue.conversation(connection, conversation_id)
        return found and {**found, "replies": replies.about(connection, conversation_id)}


def reply(connection: Connection, conversation_id: int, *, by: str, text: str, key: str | None = None) -> int:
    """Want a reply to what waits there; its id. The same key is the same reply."""
    with db.transaction(connection):
        return replies.write(connection, conversation_id, by=by, text=text, key=key)


def resend(connection: Connection, reply_id: int, *, by: str) -> None:
    """Want a refused or unknown reply again."""
    with db.transaction(connection):
        replies.resend(connection, reply_id, by=by)


def withdraw(connection: Connection, reply_id: int, *, by: str) -> None:
    """Take a reply back that has not gone out, or give an unknown one up."""
    with db.transaction(connection):
        replies.withdraw(connection, reply_id, by=by)


def take(connection: Connection, conversation_id: int, *, by: str) -> None:
    """Lease one conversation for a person."""
    with db.transaction(connection):
        queue.take(connection, conversation_id, by=by)


def snooze(connection: Connection, conversation_id: int, *, by: str, until: datetime) -> None:
    """Put a conversation aside until then; it still waits, and a new message brings it back."""
    with db.transaction(connection):
        queue.snooze(connection, conversation_id, by=by, until=until)


def note(connection: Connection, conversation_id: int, *, by: str, text: str) -> None:
    """Leave a word for whoever looks next."""
    with db.transaction(connection):
        queue.note(connection, conversation_id, by=by, text=text)


def renew(connection: Connection, conversation_id: int, *, by: str) -> None:
    """Prolong one's lease by a quarter of an hour."""
    with db.transaction(connection):
        queue.renew(connection, conversation_id, by=by)


def actor(connection: Connection, *, by: str) -> str:
    """Under which name a person acts here: a responder's own login, or `by` where the login may act for others."""
    with db.transaction(connection):
        return queue.actor(connection, by)


def look(connection: Connection, conversation_id: int) -> dict[str, Any] | None:
    """`queue` (None: nobody waits), `history` and `deeds` of a conversation; None: there is none for this login."""
    with db.transaction(connection):
        return queue.look(connection, conversation_id)


def every(connection: Connection) -> Iterator[dict[str, Any]]:
    """The whole queue in its order, as it was at the start."""
    with db.transaction(connection):
        yield from queue.every(connection)


def times(connection: Connection) -> list[dict[str, Any]]:
    """First responses of the last 30 days by topic and channel; human replies only, those who wait included."""
    with db.transaction(connection):
        return queue.times(connection)


def backlog(connection: Connection) -> list[dict[str, Any]]:
    """Who waits now, by topic and channel: how many, how many overdue, the oldest."""
    with db.transaction(connection):
        return queue.backlog(connection)
