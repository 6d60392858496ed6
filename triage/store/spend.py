"""What was paid for, day by day, and the accounts that rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.core.types import Page, Read
from triage.store import db

_SQL = db.queries(__file__)


def note(connection: Connection, account: str, page: Page, at: datetime) -> dict[str, int]:
    """Write down what a page's reads cost, and whether the account rests; units by method.

    In the transaction that stores the page, so that what is paid for and what is kept never part.
    """
    if page.paused:
        db.execute(connection, _SQL["pause"], {"account": account, "reason": page.paused, "at": at})
    elif not page.has_more:
        db.execute(connection, _SQL["go_on"], (account,))
    units: dict[str, int] = {}
    for read in page.reads:
        if cost := _fresh(connection, account, read, at.date()) * read.price:
            units[read.method] = units.get(read.method, 0) + cost
    spend(connection, account, units, at)
    return units


def _fresh(connection: Connection, account: str, read: Read, day: date) -> int:
    """How many of the resources were not billed on that day before."""
    given = {"account": account, "day": day, "resource": read.resource, "ids": list(read.ids)}
    return int(db.rows(connection, _SQL["bill"], given)[0]["fresh"])


def spend(connection: Connection, account: str, units: Mapping[str, int], at: datetime) -> None:
    """Write down what was spent at that moment, by method."""
    db.values(connection, _SQL["spend"], [(account, at, method, count) for method, count in units.items()])


def spent(connection: Connection, account: str, day: date) -> int:
    """Units spent on a UTC day."""
    return int(db.rows(connection, _SQL["spent"], (account, day))[0]["units"])


def pauses(connection: Connection, accounts: Sequence[str]) -> list[dict[str, Any]]:
    """Which of the accounts rest, why, and since when."""
    return db.rows(connection, _SQL["pauses"], (list(accounts),))


def overview(connection: Connection, accounts: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of the view `triage.spend` of these accounts: dollars, forecast, pause."""
    return db.rows(connection, _SQL["overview"], (list(accounts),))


def prune(connection: Connection, before: date) -> int:
    """Forget what was billed before that day; its sums stay. How many rows."""
    return db.execute(connection, _SQL["prune"], (before,))


def own_posts(connection: Connection, account: str, since: datetime, limit: int) -> list[str]:
    """Native ids of what we posted since then, those that begin a conversation first, newest first."""
    return [r["native_id"] for r in db.rows(connection, _SQL["own_posts"], (account, since, limit))]


def unsettled(connection: Connection, account: str, day: date) -> list[str]:
    """Native ids of posts that wait for us and were billed on that day, newest first."""
    return [r["native_id"] for r in db.rows(connection, _SQL["unsettled"], (account, day))]


def last_bin(connection: Connection, account: str) -> datetime | None:
    """The newest minute that was counted."""
    found: datetime | None = db.rows(connection, _SQL["last_bin"], (account,))[0]["bin_start"]
    return found


def add_volume(
    connection: Connection, account: str, bins: Mapping[str, Sequence[tuple[datetime, int]]]
) -> None:
    """Keep counts by feed and minute; a minute counted again is corrected."""
    rows = [(account, feed, start, count) for feed, counted in bins.items() for start, count in counted]
    db.values(connection, _SQL["add_volume"], rows)
