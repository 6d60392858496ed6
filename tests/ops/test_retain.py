"""Texts and addresses of old settled messages go; who waits, the ledger and the times of answering stay."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection

from tests.builders import at, decision, message, one, table
from triage.core.types import Direction, Quarantined
from triage.ops.retain import retain
from triage.store import conversations, db, messages
from triage.store import retain as store

KEPT = timedelta(days=400)
LATER = at(0) + timedelta(days=500)
PERSON = "jane@example.org"
CONTENT = """
SELECT native_id, author, author_name, subject, text, url, extra, global_id, reply_to FROM triage.message ORDER BY id
"""
EMPTY = {
    "author": "", "author_name": "", "subject": "", "text": "", "url": "", "extra": {}, "global_id": None,
    "reply_to": None,
}  # fmt: skip
FIGURES = (
    "SELECT * FROM triage.ledger",
    "SELECT * FROM triage.spell ORDER BY conversation_id, started_at",
    "SELECT id, state, waiting_since, kind, topic FROM triage.conversation ORDER BY id",
    "SELECT conversation_id, topic, author, subject, excerpt, due_at FROM triage.unanswered_queue ORDER BY 1",
    "SELECT message_id, topic, decided_by, decided_at FROM triage.classification ORDER BY id",
)
Spoken = list[tuple[str, str, float]]
"""Conversation, who spoke, minutes after the start."""


def keep(connection: Connection, spoken: Spoken) -> None:
    """Store what was said, and decide what came in."""
    for number, (key, who, minute) in enumerate(spoken):
        said = message(
            f"m{number}", key, minute=minute, direction=Direction(who), author_name="Jane", subject="Mixer",
            author=PERSON if who == "inbound" else "care@volmera.example", global_id=f"<{number}@example.org>",
            url="https://mail.example/1", extra={"to": ["care@volmera.example"]}, reply_to="<0@example.org>",
        )  # fmt: skip
        with db.transaction(connection):
            _, touched = messages.upsert(connection, [said])
            conversations.refresh(connection, touched)
    with db.transaction(connection):
        found = conversations.undecided(connection, limit=1000)
        conversations.decide(connection, [(row["id"], decision()) for row in found])
        conversations.refresh(connection, [row["conversation_id"] for row in found])


def figures(connection: Connection) -> list[list[dict[str, Any]]]:
    """Everything that must be as before."""
    return [table(connection, query) for query in FIGURES]


def emptied(connection: Connection) -> set[str]:
    """Messages of which nothing is left; the others must be whole."""
    rows = {row.pop("native_id"): row for row in table(connection, CONTENT)}
    assert all(row == EMPTY or (row["text"] and row["author"]) for row in rows.values())
    return {native_id for native_id, row in rows.items() if row == EMPTY}


ANSWERED: Spoken = [("a", "inbound", 0), ("a", "outbound", 5)]
WAITING: Spoken = [("w", "inbound", 0), ("w", "outbound", 5), ("w", "inbound", 9)]
NEW: Spoken = [("n", "inbound", 300 * 1440), ("n", "outbound", 300 * 1440 + 5)]


def test_old_settled_messages_are_emptied_and_nothing_else(connection: Connection) -> None:
    keep(connection, [*ANSWERED, *WAITING, ("l", "automatic", 10), *NEW])
    before = figures(connection)
    report = retain(connection, KEPT, now=lambda: LATER)
    assert emptied(connection) == {"m0", "m1", "m5"}
    assert (report.read, report.kept) == (6, 3)
    assert figures(connection) == before
    assert one(connection, "SELECT bool_and(evidence = '[]') AS gone FROM triage.classification")


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcd"),
            st.sampled_from(["inbound", "outbound", "automatic"]),
            st.integers(0, 700).map(lambda day: day * 1440.0),
        ),
        min_size=1,
        max_size=12,
    ).map(lambda found: sorted(found, key=lambda said: said[2])),
    st.integers(1, 5),
)
def test_ledger_queue_and_times_are_as_before(connection: Connection, spoken: Spoken, batch: int) -> None:
    with db.transaction(connection):
        db.execute(connection, "TRUNCATE triage.conversation, triage.message, triage.retention_left CASCADE")
        db.execute(connection, "UPDATE triage.retention SET passed = 0")
    keep(connection, spoken)
    before = figures(connection)
    retain(connection, KEPT, batch=batch, now=lambda: LATER)
    assert figures(connection) == before
    waits = {
        row["key"] for row in table(connection, "SELECT key FROM triage.conversation WHERE state = 'waiting'")
    }
    assert emptied(connection) == {
        f"m{number}" for number, (key, _, minute) in enumerate(spoken)
        if key not in waits and minute < 100 * 1440 - 1
    }  # fmt: skip
    assert retain(connection, KEPT, batch=batch, now=lambda: LATER).kept == 0


def test_who_waited_is_emptied_once_answered(connection: Connection) -> None:
    keep(connection, WAITING)
    assert retain(connection, KEPT, now=lambda: LATER).kept == 0
    keep_reply = message("reply", "w", minute=500 * 1440, direction=Direction.OUTBOUND)
    with db.transaction(connection):
        _, touched = messages.upsert(connection, [keep_reply])
        conversations.refresh(connection, touched)
    assert retain(connection, KEPT, now=lambda: LATER).kept == 3
    assert emptied(connection) == {"m0", "m1", "m2"}
    assert table(connection, "SELECT * FROM triage.retention_left") == []


KILL = """
CREATE FUNCTION public.kill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
CREATE TRIGGER kill AFTER UPDATE ON triage.retention FOR EACH ROW WHEN (NEW.passed > {}) EXECUTE FUNCTION public.kill()
"""


def test_a_run_that_is_killed_is_gone_on_with(dsn: str, connection: Connection) -> None:
    keep(connection, [(f"c{n // 2}", ("inbound", "outbound")[n % 2], n) for n in range(12)])
    before = figures(connection)
    fourth = one(connection, "SELECT id FROM triage.message ORDER BY id OFFSET 3 LIMIT 1")
    with db.transaction(connection):
        db.execute(connection, KILL.format(fourth))
    with db.connect(dsn) as other, pytest.raises(psycopg2.InterfaceError):
        retain(other, KEPT, batch=2, now=lambda: LATER)
    assert emptied(connection) == {"m0", "m1", "m2", "m3"}
    assert figures(connection) == before
    with db.transaction(connection):
        db.execute(connection, "DROP FUNCTION public.kill CASCADE")
    assert retain(connection, KEPT, batch=2, now=lambda: LATER).kept == 8
    assert figures(connection) == before


def test_who_is_being_worked_on_is_passed_by(dsn: str, connection: Connection) -> None:
    keep(connection, [*ANSWERED, ("b", "inbound", 0), ("b", "outbound", 5)])
    with db.connect(dsn) as busy:
        db.rows(busy, "SELECT id FROM triage.conversation WHERE key = 'a' FOR NO KEY UPDATE")
        assert retain(connection, KEPT, now=lambda: LATER).kept == 2
        assert emptied(connection) == {"m2", "m3"}
    assert retain(connection, KEPT, now=lambda: LATER).kept == 2


def test_two_runs_at_once_do_not_wait_for_each_other(dsn: str, connection: Connection) -> None:
    keep(connection, ANSWERED)
    with db.connect(dsn) as busy:
        assert store.passed(busy) == 0
        assert "another run is at work" in retain(connection, KEPT, now=lambda: LATER).notes


def test_raw_mail_in_quarantine_goes_too(connection: Connection) -> None:
    with db.transaction(connection):
        broken = Quarantined(key=message("x").key, reason="no sender", raw="SGFsbG8=")
        messages.quarantine(connection, [broken])
    retain(connection, KEPT, now=lambda: LATER - KEPT)
    assert one(connection, "SELECT raw FROM triage.quarantine") == "SGFsbG8="
    retain(connection, KEPT, now=lambda: LATER)
    assert table(connection, "SELECT reason, raw FROM triage.quarantine") == [
        {"reason": "no sender", "raw": ""}
    ]
