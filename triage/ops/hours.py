"""Show the calendar of triage.yaml to the database, so that due times there follow it."""

from __future__ import annotations

from datetime import date

from psycopg2.extensions import connection as Connection

from triage.core.hours import Calendar, laid_out
from triage.sources.base import Now, utc_now
from triage.store import conversations, db, hours


def sync_hours(connection: Connection, calendar: Calendar | None, *, now: Now = utc_now) -> bool:
    """Lay out last year to next year; when that changed something, the queue's due times follow. Whether it did."""
    year = now().year
    wanted = laid_out(calendar, date(year - 1, 1, 1), date(year + 1, 12, 31)) if calendar else []
    with db.transaction(connection):
        if hours.kept(connection) == wanted:
            return False
        hours.lay_out(connection, wanted)
        conversations.refresh(connection, conversations.waiting_ids(connection))
    return True
