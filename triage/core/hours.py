"""Business calendars: when the team is there, and when a reply is due by opening hours.

Everything is counted in the opening hours of one zone; clocks that spring forward or fall back count as they
really pass. Without a calendar the team is there around the clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

Span = tuple[time, time]
"""Opening and closing on the wall clock; a closing of 00:00 is midnight."""


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Opening hours by weekday (0: Monday), and days on which nobody is there."""

    zone: str
    week: Mapping[int, tuple[Span, ...]]
    holidays: frozenset[date] = field(default_factory=frozenset)

    def spans(self, first: date, last: date) -> Iterator[tuple[datetime, datetime]]:
        """Opening and closing moments in UTC of the days from `first` to `last`, in order, never overlapping."""
        zone = ZoneInfo(self.zone)
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            if day in self.holidays:
                continue
            for opens, closes in sorted(self.week.get(day.weekday(), ())):
                end = day if closes != time() else day + timedelta(days=1)
                at = datetime.combine(day, opens, zone).astimezone(UTC)
                until = datetime.combine(end, closes, zone).astimezone(UTC)
                if at < until:  # a span may fall into the hour that a clock skips
                    yield at, until


@dataclass(frozen=True, kw_only=True)
class OpenHours:
    """One span, with the seconds of opening hours before it: what makes `due` a look-up, here and in SQL."""

    opens: datetime
    closes: datetime
    before: int


def laid_out(calendar: Calendar, first: date, last: date) -> list[OpenHours]:
    """The spans of some days, each with the opening seconds before it."""
    found: list[OpenHours] = []
    before = 0
    for opens, closes in calendar.spans(first, last):
        found.append(OpenHours(opens=opens, closes=closes, before=before))
        before += int((closes - opens).total_seconds())
    return found


def due(since: datetime, target: timedelta, hours: list[OpenHours]) -> datetime:
    """When `target` of opening hours has passed since `since`; around the clock where `hours` are empty or end."""
    if not hours:
        return since + target
    begun = [h for h in hours if h.opens <= since]
    spent = begun[-1].before + _seconds(min(since, begun[-1].closes) - begun[-1].opens) if begun else 0.0
    wanted = spent + _seconds(target)
    for span, following in pairwise([*hours, None]):
        if span and span.before < wanted and (following is None or wanted <= following.before):
            moment = span.opens + timedelta(seconds=wanted - span.before)
            return moment if moment <= span.closes else since + target
    return since + target


def _seconds(length: timedelta) -> float:
    return length.total_seconds()
