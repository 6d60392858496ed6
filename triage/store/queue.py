"""The unanswered queue through the responders' own SQL functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import psycopg2
import psycopg2.extras
from psycopg2.extensions import connection as Connection

from triage.core.errors import TriageError
from triage.store import db

_SQL = db.queries(__file__)
MOST_ALIKE = 100
"""So many rows of a cluster are counted; a campaign has more."""


class Refused(TriageError):
    """The database says no, in a sentence for the responder (someone else's lease, already answered).

    `code`: TR001 no longer waits, TR002 not there, TR003 with somebody else, TR004 a word is missing or wrong.
    """

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


def claim(
    connection: Connection, *, count: int, by: str, topic: str | None, lang: str | None, held: bool = False
) -> list[dict[str, Any]]:
    """Lease the next rows for a person: copies after all others; of a flood that is held, only when asked for."""
    act_for(connection, by)
    rows = db.rows(connection, _SQL["claim"], (count, topic, lang, held))
    return sorted(rows, key=lambda r: (r["follower"], r["priority"], r["due_at"], r["conversation_id"]))


def release(connection: Connection, conversation_id: int, *, by: str) -> None:
    """Give a claimed row back."""
    _call(connection, "release", by, conversation_id)


def answer(connection: Connection, conversation_id: int, *, by: str, where: str) -> None:
    """Settle as answered elsewhere."""
    _call(connection, "answer", by, conversation_id, where)


def dismiss(connection: Connection, conversation_id: int, *, by: str, reason: str) -> None:
    """Settle as dismissed."""
    _call(connection, "dismiss", by, conversation_id, reason)


def relabel(connection: Connection, conversation_id: int, *, by: str, topic: str) -> None:
    """Correct the topic."""
    _call(connection, "relabel", by, conversation_id, topic)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which rows of the queue; everything left out is not asked for. `words` are looked for in who wrote and what."""

    topic: str | None = None
    lang: str | None = None
    source: str | None = None
    account: str | None = None
    older: timedelta | None = None
    mine: str | None = None
    overdue: bool = False
    snoozed: bool = False
    held: bool = False
    words: str | None = None
    cluster: int | None = None


@dataclass(frozen=True, kw_only=True)
class Place:
    """A row's place in the queue's order: what the next page comes after."""

    priority: int
    due_at: datetime
    conversation_id: int


def page(
    connection: Connection, wanted: Wanted, *, limit: int, after: Place | None = None
) -> list[dict[str, Any]]:
    """Rows in queue order with `alike`, how many wait with nearly the same words (at most MOST_ALIKE are counted).

    Heads and singles, unless one looks closer: at a cluster, at one's own, at what is held, for words.
    """
    way = _way(wanted)
    parameters = {
        **vars(wanted),
        "words": _containing(wanted.words),
        "of_source": wanted.source,
        "after": after and after.conversation_id,
        "after_priority": after and after.priority,
        "after_due": after and after.due_at,
    }
    sql = _page(way, _filters(wanted, way, after), limit, 0 if wanted.cluster else MOST_ALIKE)
    return db.prepared(connection, sql, parameters, in_order=not wanted.words)


def _filters(wanted: Wanted, way: str, after: Place | None) -> tuple[str, ...]:
    """The conditions that hold for every row of this page, by the names of their SQL."""
    parted = {
        "by_topic": {"topic"},
        "by_account": {"source"},
        "by_facet": {"topic", "source", "lang", "account"},
    }
    singly = wanted.cluster or wanted.mine or wanted.words or wanted.held
    given = {
        **{key: value not in (None, False) for key, value in vars(wanted).items()},
        "awake": not wanted.snoozed,
        "heads": not singly,
        "in_order": way == "by_priority" or wanted == Wanted(),
        "after": bool(after) and way == "walk",
    }
    return tuple(name for key, name in _ONLY.items() if given[key] and key not in parted.get(way, ()))


_ONLY = {
    "topic": "only_topic", "lang": "only_lang", "source": "only_source", "account": "only_account",
    "older": "only_older", "mine": "only_mine", "overdue": "only_overdue", "snoozed": "only_snoozed",
    "awake": "only_awake", "held": "only_held", "cluster": "only_cluster", "words": "only_words",
    "heads": "only_heads", "in_order": "only_in_order", "after": "only_after",
}  # fmt: skip
"""Each condition that a page may ask for, and its SQL."""

_PARTS = {
    "by_priority": "by_priority_parts", "by_account": "by_account_parts", "by_topic": "by_topic_parts",
    "by_facet": "by_facet_parts",
}  # fmt: skip
"""Ways that merge several parts of an index, and what the parts are."""


def _way(wanted: Wanted) -> str:
    """How the first rows are found without looking at many others: what an index has in order, or parts of one."""
    if wanted.mine or wanted.snoozed or wanted.held or wanted.cluster or wanted.words:
        return "walk"
    somewhere = bool(wanted.source or wanted.account)
    if wanted.older and wanted.lang is None and not somewhere:
        return "by_topic"
    if sum((bool(wanted.topic), wanted.lang is not None, somewhere, bool(wanted.older))) > 1:
        return "by_facet"
    if somewhere:
        return "by_account"
    return "by_priority" if wanted.overdue else "walk"


@cache
def _page(way: str, filters: tuple[str, ...], limit: int, most_alike: int) -> str:
    """The query that finds rows in this way: along one index, or from parts of one."""
    only = " AND ".join(_SQL[name] for name in filters) or "true"
    if way == "walk":
        parts, chosen = "SELECT", _SQL["walk"].format(filters=only, limit=limit)
    else:
        parts = _SQL[_PARTS[way]].format(**_SQL)
        chosen = _SQL["merge"].format(part=_SQL[way].format(**_SQL), filters=only, limit=limit)
    return _SQL["page"].format(parts=parts, chosen=chosen, most_alike=most_alike)


def _containing(words: str | None) -> str | None:
    """The LIKE pattern of a text that holds these words as they stand."""
    if not words:
        return None
    return "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def counts(connection: Connection) -> dict[str, Any]:
    """`waiting`, `overdue`, `snoozed`, `held`, and since when the `oldest` waits."""
    return db.rows(connection, _SQL["counts"])[0]


def mine(connection: Connection, by: str) -> int:
    """How many a person holds."""
    return int(db.rows(connection, _SQL["mine"], (by,))[0]["mine"])


def topics(connection: Connection) -> list[dict[str, Any]]:
    """Key, `en` and `fr` label, severity, gravest first."""
    return db.rows(connection, _SQL["topics"])


def conversation(connection: Connection, conversation_id: int) -> dict[str, Any] | None:
    """A conversation and what the queue says of it, with `history` and `deeds`; None: there is none."""
    found = db.rows(connection, _SQL["conversation"], (conversation_id,))
    if not found:
        return None
    return {
        **found[0],
        "history": db.rows(connection, _SQL["history"], (conversation_id,)),
        "deeds": db.rows(connection, _SQL["deeds"], (conversation_id,)),
    }


def take(connection: Connection, conversation_id: int, *, by: str) -> None:
    """Lease one conversation; taken again by the same person, the lease starts anew."""
    _call(connection, "take", by, conversation_id)


def snooze(connection: Connection, conversation_id: int, *, by: str, until: datetime) -> None:
    """Put a row aside until then; a new message brings it back."""
    _call(connection, "snooze", by, conversation_id, until)


def note(connection: Connection, conversation_id: int, *, by: str, text: str) -> None:
    """Leave a word for whoever looks next."""
    _call(connection, "note", by, conversation_id, text)


def renew(connection: Connection, conversation_id: int, *, by: str) -> None:
    """Prolong one's lease."""
    _call(connection, "renew", by, conversation_id)


def actor(connection: Connection, by: str) -> str:
    """Under which name a person acts: the login itself, unless it may act for others."""
    act_for(connection, by)
    return str(db.rows(connection, _SQL["actor"])[0]["name"])


def look(connection: Connection, conversation_id: int) -> dict[str, Any] | None:
    """`queue` (None: nobody waits), `history` and `deeds` of a conversation, with a responder's own rights."""
    history = db.rows(connection, _SQL["history"], (conversation_id,))
    if not history:
        return None
    row = db.rows(connection, _SQL["row"], (conversation_id,))
    deeds = db.rows(connection, _SQL["deeds"], (conversation_id,))
    return {"queue": row[0] if row else None, "history": history, "deeds": deeds}


def every(connection: Connection) -> Iterator[dict[str, Any]]:
    """The whole queue in its order, a thousand rows at a time."""
    with connection.cursor(name="every", cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        cursor.itersize = 1000
        cursor.execute(_SQL["every"])
        for row in cursor:
            yield dict(row)


def times(connection: Connection) -> list[dict[str, Any]]:
    """First responses of the last 30 days by topic and channel."""
    return db.rows(connection, _SQL["times"])


def backlog(connection: Connection) -> list[dict[str, Any]]:
    """Who waits now, by topic and channel."""
    return db.rows(connection, _SQL["backlog"])


def act_for(connection: Connection, person: str) -> None:
    """Name the person that this transaction acts for."""
    db.execute(connection, _SQL["act_for"], (person,))


def _call(connection: Connection, name: str, by: str, *arguments: Any) -> None:
    call(connection, _SQL[name], arguments, by=by)


def call(connection: Connection, sql: str, parameters: Any, *, by: str) -> list[dict[str, Any]]:
    """Run a query of the responders' functions for a person; what it gives. Raises Refused when they say no."""
    act_for(connection, by)
    try:
        return db.rows(connection, sql, parameters)
    except psycopg2.Error as error:
        if (error.pgcode or "").startswith("TR"):
            raise Refused(str(error.diag.message_primary), code=error.pgcode or "") from None
        raise
