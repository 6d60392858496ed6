"""How long people waited: cases worked out by hand, and what the views say of them."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import decision, message, one, prepare, table
from triage.core.hours import Calendar
from triage.core.types import Direction, Message
from triage.ops import queue
from triage.ops.hours import sync_hours
from triage.store import conversations, db, messages

FRIDAY = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
OFFICE = Calendar(zone="UTC", week={day: ((time(9), time(17)),) for day in range(5)})
M = timedelta(minutes=1)


@pytest.fixture
def empty(connection: Connection) -> Connection:
    prepare(connection)
    return connection


def said(name: str, minutes: float, **given: object) -> Message:
    return message(name, **{"sent_at": FRIDAY + minutes * M, "fetched_at": FRIDAY, **given})


def reply(name: str, minutes: float, **given: object) -> Message:
    ours = {"direction": Direction.OUTBOUND, "author": "care@us.example"}
    return said(name, minutes, **{**ours, **given})


def store(connection: Connection, *page: Message) -> None:
    with db.transaction(connection):
        _, touched = messages.upsert(connection, page)
        conversations.refresh(connection, touched)


def waiting(connection: Connection) -> int:
    return int(one(connection, "SELECT conversation_id FROM triage.unanswered_queue"))


def spells(connection: Connection) -> list[tuple[float, float | None, str | None]]:
    """Minutes after FRIDAY at which each began and ended (a responder's act: None), and by what."""
    rows = table(
        connection, "SELECT started_at, ended_at, ended_by FROM triage.spell ORDER BY started_at, ended_at"
    )
    return [
        ((r["started_at"] - FRIDAY) / M,
         (r["ended_at"] - FRIDAY) / M if r["ended_by"] == "reply" else None,
         r["ended_by"])
        for r in rows
    ]  # fmt: skip


def test_answered_elsewhere(empty: Connection) -> None:
    store(empty, said("m1", 0), said("m2", 5), reply("r1", 30))
    assert spells(empty) == [(0, 30, "reply")]


def test_two_spells_have_a_clock_each(empty: Connection) -> None:
    store(empty, said("m1", 0), reply("r1", 30), said("m2", 100), reply("r2", 110))
    assert spells(empty) == [(0, 30, "reply"), (100, 110, "reply")]


def test_reopened_and_still_waiting(empty: Connection) -> None:
    store(empty, said("m1", 0), reply("r1", 30), said("m2", 100))
    assert spells(empty) == [(0, 30, "reply"), (100, None, None)]


def test_our_second_reply_shortens_nothing(empty: Connection) -> None:
    store(empty, said("m1", 0), reply("r1", 30), reply("r2", 50))
    assert spells(empty) == [(0, 30, "reply")]


def test_an_autoresponder_is_no_response(empty: Connection) -> None:
    store(empty, said("m1", 0), reply("auto", 1, direction=Direction.AUTOMATIC), reply("r1", 45))
    assert spells(empty) == [(0, 45, "reply")]


def test_told_by_a_responder(empty: Connection) -> None:
    store(empty, said("m1", 0))
    queue.answer(empty, waiting(empty), by="ana", where="by phone")
    store(empty, said("m2", 100))
    assert spells(empty) == [(0, None, "told"), (100, None, None)]


def test_dismissed_is_no_response(empty: Connection) -> None:
    store(empty, said("m1", 0))
    queue.dismiss(empty, waiting(empty), by="ana", reason="spam")
    assert spells(empty) == [(0, None, "dismissed")]
    assert table(empty, "SELECT * FROM triage.response_times") == []


def test_snoozed_still_waits_and_a_new_word_wakes_it(empty: Connection) -> None:
    store(empty, said("m1", 0))
    with db.transaction(empty):
        db.execute(empty, "SELECT triage.snooze(%s, now() + interval '1 day')", (waiting(empty),))
    assert spells(empty) == [(0, None, None)]
    assert one(empty, "SELECT snoozed_until IS NOT NULL FROM triage.unanswered_queue")
    store(empty, said("m2", 10))
    assert one(empty, "SELECT snoozed_until IS NULL FROM triage.unanswered_queue")
    assert spells(empty) == [(0, None, None)]


def test_withdrawn_by_its_author(empty: Connection) -> None:
    store(empty, said("m1", 0))
    with db.transaction(empty):
        touched = messages.mark_deleted(empty, "care", ["m1"], FRIDAY + 20 * M)
        conversations.refresh(empty, touched)
    assert spells(empty) == [(0, None, "withdrawn")]


def test_over_a_weekend_opening_hours_are_counted_apart(empty: Connection) -> None:
    store(
        empty, said("m1", 0), reply("r1", 3 * 24 * 60 - 6 * 60)
    )  # Friday 16:00, answered on Monday at 10:00
    sync_hours(empty, OFFICE, now=lambda: FRIDAY)
    (row,) = table(empty, "SELECT p50, open_p50 FROM triage.response_times")
    assert (row["p50"], row["open_p50"]) == (timedelta(hours=66), timedelta(hours=2))


def test_percentiles_count_those_who_still_wait_and_leave_out_thanks(empty: Connection) -> None:
    now = one(empty, "SELECT now()")
    for number, minutes in enumerate((10, 20, 30)):
        asked = {"sent_at": now - timedelta(hours=5)}
        answered = {"sent_at": now - timedelta(hours=5) + minutes * M}
        store(
            empty,
            message(f"m{number}", f"t{number}", **asked),
            message(f"r{number}", f"t{number}", direction=Direction.OUTBOUND, **answered),
        )
    store(empty, message("late", "late", sent_at=now - timedelta(hours=4)))
    store(empty, message("thanks", "t0", sent_at=now - timedelta(minutes=5), bare_thanks=True))
    ids = table(empty, "SELECT id FROM triage.message WHERE direction = 'inbound'")
    with db.transaction(empty):
        touched = conversations.decide(empty, [(r["id"], decision("delivery")) for r in ids])
        conversations.refresh(empty, touched)
    (row,) = table(empty, "SELECT * FROM triage.response_times")
    assert (row["topic"], row["source"]) == ("delivery", "gmail")
    assert (row["spells"], row["answered"], row["waiting"]) == (4, 3, 1)
    assert row["p50"] == timedelta(minutes=25)
    assert timedelta(minutes=170) < row["p90"] < timedelta(minutes=190)  # 30 + 0.7 * (240 - 30) = 177


def test_the_backlog_is_counted_by_topic_and_channel(empty: Connection) -> None:
    now = one(empty, "SELECT now()")
    store(empty, message("m1", "t1", sent_at=now - timedelta(hours=3)), message("m2", "t2", sent_at=now))
    (row,) = table(empty, "SELECT * FROM triage.backlog")
    assert (row["topic"], row["source"], row["waiting"], row["overdue"]) == ("unsure", "gmail", 2, 1)
    assert row["oldest"] == now - timedelta(hours=3)
