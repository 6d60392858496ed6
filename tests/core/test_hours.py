"""Business calendars: opening hours count, nights, weekends and holidays do not, clocks may spring."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from triage.core.hours import Calendar, due, laid_out

PARIS = ZoneInfo("Europe/Paris")
OFFICE = Calendar(
    zone="Europe/Paris",
    week={day: ((time(9), time(12)), (time(14), time(18))) for day in range(5)},
    holidays=frozenset({date(2026, 11, 11)}),
)
HOURS = laid_out(OFFICE, date(2026, 10, 1), date(2026, 12, 31))


def paris(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=PARIS).astimezone(UTC)


@pytest.mark.parametrize(
    ("since", "target", "expected"),
    [
        (paris(16, 9), timedelta(hours=1), paris(16, 10)),
        (paris(16, 11, 30), timedelta(hours=1), paris(16, 14, 30)),  # over lunch
        (paris(16, 17, 30), timedelta(hours=1), paris(17, 9, 30)),  # over night
        (paris(20, 17), timedelta(hours=4), paris(23, 12)),  # over the weekend, due as the morning closes
        (paris(21, 3), timedelta(minutes=15), paris(23, 9, 15)),  # written on Saturday night
        (paris(10, 17, 45), timedelta(minutes=30), paris(12, 9, 15)),  # over Armistice Day
        (
            paris(23, 17, month=10),
            timedelta(hours=2),
            paris(26, 10, month=10),
        ),  # summer time ends that Sunday
    ],
)
def test_only_opening_hours_count(since: datetime, target: timedelta, expected: datetime) -> None:
    assert due(since, target, HOURS) == expected


def test_without_a_calendar_it_is_around_the_clock() -> None:
    assert due(paris(21, 3), timedelta(hours=4), []) == paris(21, 7)


def test_beyond_what_is_laid_out_it_is_around_the_clock() -> None:
    late = datetime(2026, 12, 31, 16, 30, tzinfo=UTC)
    assert due(late, timedelta(days=2), HOURS) == late + timedelta(days=2)


def test_a_span_to_midnight_and_one_in_the_hour_that_a_clock_skips() -> None:
    night = Calendar(zone="Europe/Paris", week={6: ((time(2), time(3)), (time(22), time(0)))})
    spans = list(night.spans(date(2026, 3, 29), date(2026, 3, 29)))
    assert [(b - a) for a, b in spans] == [timedelta(hours=2)]
