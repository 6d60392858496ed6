"""One mail in two of our mailboxes is one conversation: its threads lead to the one that was begun first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg2.extensions import connection as Connection

from triage.core.types import Direction, Message
from triage.store import db, shape

_SQL = db.queries(__file__)

Copies = Mapping[shape.Head, list[int]]
"""Thread to the conversations in which other mailboxes have one of its mails."""


def copies(connection: Connection, messages: Sequence[Message]) -> Copies:
    """Where other mailboxes have these mails. A mail is the same when Message-ID and author are.

    Two mailboxes that store one mail at the same moment wait here for each other, so that the second sees the
    first's. Call it before any conversation is locked.
    """
    mails = {
        (*shape.head(m), mail_id, shape.clean(m.author))
        for m in messages
        if (mail_id := shape.global_id(m)) and m.direction is not Direction.AUTOMATIC
    }
    if not mails:
        return {}
    db.execute(connection, _SQL["hold"], ([mail[3] for mail in mails],))
    found = db.values(connection, _SQL["copies"], sorted(mails), fetch=True)
    return {(r["source"], r["account"], r["key"]): r["conversations"] for r in found}


def unite(connection: Connection, found: Copies) -> None:
    """Make each thread and its copies one conversation, the oldest; the caller has locked them all."""
    for head, conversations in sorted(found.items()):
        (own,) = db.rows(connection, _SQL["of_thread"], head)
        into, *others = sorted({*conversations, *([own["id"]] if own["id"] else [])})
        if not own["id"]:
            db.execute(connection, _SQL["lead"], (*head, into))
        if others:
            pair = {"into": into, "others": others}
            for step in ("lead_led", "lead_own", "move", "refresh"):
                db.execute(connection, _SQL[step], pair)
