"""The figures of a digest, as the database has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection as Connection

from triage.core.digest import Crisis, Figures, Rest, Spent, Topic
from triage.store import db, notices, spend

TROUBLED_FOR = timedelta(days=1)
"""What could not be delivered is told for a day."""


def figures(
    connection: Connection, *, accounts: Sequence[str], zone: str, now: datetime, person: str = ""
) -> Figures:
    """Who waits now, and what was done yesterday by the calendar of `zone`. `person`: whose leases are counted."""
    midnight = datetime.combine(now.astimezone(ZoneInfo(zone)).date(), datetime.min.time(), ZoneInfo(zone))
    since = datetime.combine(midnight.date() - timedelta(days=1), datetime.min.time(), ZoneInfo(zone))
    names = list(accounts)
    with db.transaction(connection):
        topics = notices.waiting(connection, accounts=names, now=now)
        held = notices.held(connection, accounts=names, now=now)
        settled = notices.settled(connection, accounts=names, since=since, until=midnight)
        crises = notices.crises(connection, names)
        resting = spend.pauses(connection, names)
        spent = spend.overview(connection, names)
        troubles = notices.troubles(connection, now - TROUBLED_FOR)
    mine = sum(row["held"] for row in held if row["person"] == person) if person else None
    return Figures(
        topics=[
            Topic(en=r["en"], fr=r["fr"], waiting=r["waiting"], overdue=r["overdue"], snoozed=r["snoozed"],
                  held=r["held"], oldest=r["oldest"])
            for r in topics
        ],
        held=[(row["person"], row["held"]) for row in held],
        mine=mine,
        **settled,
        crises=[
            Crisis(en=r["en"] or "", fr=r["fr"] or "", since=r["onset"], observed=r["observed"], expected=r["expected"])
            for r in crises
        ],
        resting=[Rest(account=r["account"], since=r["since"], reason=r["reason"]) for r in resting],
        spent=[
            Spent(account=r["account"], today=float(r["today"]), month=float(r["this_month"]))
            for r in spent if r["this_month"]
        ],
        troubles=sum(row["notices"] for row in troubles),
    )  # fmt: skip
