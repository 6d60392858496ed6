"""Money: what X may still spend today, an alarm when it rests for want of it, and counting instead of reading."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from psycopg2.extensions import connection as Connection

from triage.config import Account
from triage.core.errors import Fatal
from triage.sources.base import Now, utc_now
from triage.store import db, spend

QUOTED_FOR = timedelta(days=7)
MOST_QUOTED = 33
"""Quotes are looked for of so many of our posts, so young: three queries' worth."""

COUNT_EVERY = timedelta(minutes=10)
"""A count is $0.005 a query: 72 cents a day at this pace."""

ALARMING = ("cap", "credits")

KEPT_FOR_MENTIONS = 10
"""Searches leave one part in so many of a day's cap: those who speak to us are read when the rest must wait."""


class Counter(Protocol):
    """A source that can count what it does not read."""

    def counts(self, since: datetime) -> tuple[Any, dict[str, int]]:
        """Posts a minute by query since then, and what it cost."""


def questions(
    connection: Connection, account: str, *, units_per_day: int | None, now: Now = utc_now
) -> dict[str, Any]:
    """What the X source asks the store beside `known`: what is left today, our posts, posts that wait."""
    reserve = (units_per_day or 0) // KEPT_FOR_MENTIONS

    def left() -> int | None:
        if units_per_day is None:
            return None
        with db.transaction(connection):
            return max(0, units_per_day - spend.spent(connection, account, now().date()))

    def own_posts() -> list[str]:
        with db.transaction(connection):
            return spend.own_posts(connection, account, now() - QUOTED_FOR, MOST_QUOTED)

    def unsettled() -> list[str]:
        with db.transaction(connection):
            return spend.unsettled(connection, account, now().date())

    return {"left": left, "reserve": reserve, "own_posts": own_posts, "unsettled": unsettled}


def count(connection: Connection, source: Counter, account: str, *, now: Now = utc_now) -> int:
    """Count the tracked terms since the last count into triage.volume; bins stored, 0 when it is too early."""
    with db.transaction(connection):
        last = spend.last_bin(connection, account)
    since = last + timedelta(minutes=1) if last else now() - timedelta(hours=1)
    if now() - since < COUNT_EVERY:
        return 0
    bins, units = source.counts(since)
    with db.transaction(connection):
        spend.add_volume(connection, account, bins)
        spend.spend(connection, account, units, now())
    return sum(len(counted) for counted in bins.values())


def count_unread(connection: Connection, source: Any, account: Account, *, now: Now = utc_now) -> list[str]:
    """Count what an account of mentions alone does not read; what to say of it, nothing for other accounts."""
    if account.read != "mentions":
        return []
    return [f"{count(connection, source, account.name, now=now)} minutes counted, not read"]


def report(connection: Connection, accounts: Sequence[str], *, now: Now = utc_now) -> list[str]:
    """One line an account that costs money. Raises Fatal naming those that rest for want of it, and the mend.

    What was billed before yesterday is forgotten on the way; the sums by day stay.
    """
    with db.transaction(connection):
        spend.prune(connection, now().date() - timedelta(days=1))
        rows = spend.overview(connection, accounts)
        resting = [p for p in spend.pauses(connection, accounts) if p["reason"].split(":")[0] in ALARMING]
    if resting:
        raise Fatal(
            "; ".join(
                f"{p['account']} rests since {p['since']:%Y-%m-%d %H:%M} UTC, {p['reason']}" for p in resting
            )
        )
    return [_line(row) for row in rows]


def _line(row: dict[str, Any]) -> str:
    known = f"${row['today']:.3f} today, ${row['this_month']:.2f} this month"
    if row["day_forecast"] is None:
        return f"{row['account']}: {known}; less than an hour of record, no forecast"
    return (
        f"{row['account']}: {known}; at the rate of the last {row['hours_of_record']} h ${row['day_forecast']} today "
        f"and ${row['month_forecast']} this month"
    )
