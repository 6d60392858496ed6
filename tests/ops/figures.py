"""A database in which every figure that ops watch has something to tell."""

from __future__ import annotations

from datetime import timedelta

from psycopg2.extensions import connection as Connection

from tests.builders import ROOT, decision, message, one
from triage import config
from triage.core.types import Cursor, Direction, Quarantined
from triage.ops import queue
from triage.store import conversations, db, detectors, messages, notices, quota, spend

SETTINGS = config.load(ROOT / "config")
STREAM = 'feed:volmera_x:"quoted\\\n'
"""A tracked term with everything that the text format escapes."""

FIRST = "SELECT conversation_id FROM triage.message WHERE native_id ~ '^m' ORDER BY native_id"


def fill(connection: Connection) -> list[int]:
    """Five conversations, an hour old, by id: three wait (one delivery, two unsure), one is answered, one dismissed.

    One is on a lease, one of the three has a reply on its way; a mail could not be read.
    """
    now = one(connection, "SELECT clock_timestamp()")
    hour = timedelta(hours=1)
    page = [message(f"m{n}", f"t{n}", author=f"p{n}@post.example", sent_at=now - hour) for n in range(5)]
    ours = message("r3", "t3", direction=Direction.OUTBOUND, author="care@volmera.example", sent_at=now)
    new_x = message("x1", "c1/a1", account="volmera_x", direction=Direction.AUTOMATIC, sent_at=now)
    with db.transaction(connection):
        new, touched = messages.upsert(connection, [*page, ours, new_x])
        ids = [row["conversation_id"] for row in db.rows(connection, FIRST)]
        topics = ("delivery", "unsure", "unsure", "delivery", "delivery")
        for message_id, topic in zip(new[:5], topics, strict=True):
            conversations.decide(connection, [(message_id, decision(topic))])
        conversations.refresh(connection, touched)
        messages.quarantine(connection, [Quarantined(key=message("bad").key, reason="no date", raw="?")])
        for account in ("care", "volmera_x"):
            messages.write_cursor(connection, Cursor(account=account))
        db.execute(connection, "UPDATE triage.cursor SET complete_at = now()")
        quota.spend(connection, "care", {"messages.get": 140})
        spend.spend(connection, "volmera_x", {"mention": 2_500_000}, now)
        db.execute(
            connection, "INSERT INTO triage.pause VALUES ('volmera_x', 'cap: all of $10 spent', now())"
        )
        detectors.save(connection, [detectors.Kept(stream=STREAM, closed_to=now, state={}, held_since=now)])
        notices.put(connection, [("ops", "", "alarm", "k", "Alarm", "words")], now=now)
    queue.dismiss(connection, ids[4], by="ana", reason="spam")
    queue.take(connection, ids[0], by="ana")
    queue.reply(connection, ids[1], by="ana", text="We look into it.")
    return ids
