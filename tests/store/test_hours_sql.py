"""SQL's due times are those of core/hours.py, and the queue follows the calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection

from tests.builders import START, at, message, one, prepare
from triage.core import hours
from triage.ops.hours import sync_hours
from triage.store import conversations, db, messages
from triage.store import hours as kept

EVERY_DAY = hours.Calendar(zone="UTC", week={day: ((time(9), time(17)),) for day in range(7)})


@st.composite
def calendars(draw: st.DrawFn) -> hours.Calendar:
    week = {}
    for day in draw(st.sets(st.integers(0, 6))):
        marks = sorted(draw(st.sets(st.integers(0, 23), min_size=2, max_size=4)))
        week[day] = tuple((time(a), time(b)) for a, b in zip(marks[::2], marks[1::2], strict=False))
    zone = draw(st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata"]))
    return hours.Calendar(zone=zone, week=week, holidays=frozenset({date(2026, 10, 28)}))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calendar=calendars(),
    asked=st.lists(
        st.tuples(
            st.datetimes(datetime(2026, 10, 15), datetime(2026, 11, 15)).map(lambda d: d.replace(tzinfo=UTC)),
            st.integers(1, 60 * 60).map(lambda minutes: timedelta(minutes=minutes)),
        ),
        min_size=1, max_size=5,
    ),
)  # fmt: skip
def test_sql_says_what_the_core_says(
    connection: Connection, calendar: hours.Calendar, asked: list[tuple[datetime, timedelta]]
) -> None:
    laid = hours.laid_out(calendar, date(2026, 10, 20), date(2026, 11, 20))
    with db.transaction(connection):
        kept.lay_out(connection, laid)
    for since, target in asked:
        said = one(connection, "SELECT triage.due(%s, %s)", since, target)
        assert abs(said - hours.due(since, target, laid)) < timedelta(milliseconds=1)


def test_the_queue_follows_the_calendar(connection: Connection) -> None:
    prepare(connection)
    with db.transaction(connection):
        _, touched = messages.upsert(connection, [message("m1", minute=-120)])
        conversations.refresh(connection, touched)
    due_at = "SELECT due_at FROM triage.unanswered_queue"
    assert one(connection, due_at) == at(-60)
    assert sync_hours(connection, EVERY_DAY, now=lambda: START)
    assert one(connection, due_at) == START.replace(hour=10)
    assert not sync_hours(connection, EVERY_DAY, now=lambda: START)
    assert sync_hours(connection, None, now=lambda: START)
    assert one(connection, due_at) == at(-60)
