"""Remove texts and addresses of old messages: in small batches, past everybody at work, never of who still waits.

Age counts from the moment of collecting, and messages get their ids in that order: one walk along the ids, whose place
is kept, does each message once. A conversation that waits when the walk passes is remembered, and emptied once it is
settled. Each batch is one transaction with its place: whoever kills it loses that batch, and the next run goes on.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from psycopg2.extensions import connection as Connection

from triage.ops.report import Report
from triage.sources.base import Now, utc_now
from triage.store import db
from triage.store import retain as store

BATCH = 1_000
"""Messages looked at in one transaction: a quarter of a second."""

AT_MOST = timedelta(minutes=2)


def retain(
    connection: Connection,
    after: timedelta,
    *,
    batch: int = BATCH,
    at_most: timedelta = AT_MOST,
    now: Now = utc_now,
) -> Report:
    """Empty settled messages that were collected longer ago than `after`; stops after `at_most`, the next run goes on.

    `read` is how many messages were looked at, `kept` how many were emptied.
    """
    started = time.monotonic()
    report, before = Report(verb="retain"), now() - after
    with db.transaction(connection):
        store.aside(connection, before)
    for step in (_walk, _look_back):
        while step(connection, report, before, batch):
            if time.monotonic() - started > at_most.total_seconds():
                report.notes.append("there is more; the next run goes on")
                break
    report.seconds = time.monotonic() - started
    return report


def _walk(connection: Connection, report: Report, before: datetime, batch: int) -> bool:
    """The next batch of the walk; whether there may be more."""
    with db.transaction(connection):
        passed = store.passed(connection)
        if passed is None:
            report.notes.append("another run is at work")
            return False
        found = store.following(connection, passed, before, limit=batch)
        new = next((n for n, row in enumerate(found) if not row["old"]), len(found))
        if not new:
            return False
        upto, met = found[new - 1]["id"], {row["conversation_id"] for row in found[:new]}
        taken = store.take(connection, sorted(met))
        report.kept += store.empty(connection, taken, upto)
        store.leave(connection, sorted(met - {*taken}))
        store.move(connection, upto)
    report.read += new
    return new == batch


def _look_back(connection: Connection, report: Report, before: datetime, batch: int) -> bool:
    """Conversations that were passed by and are settled since; whether there may be more."""
    with db.transaction(connection):
        passed = store.passed(connection)
        found = store.left(connection, limit=batch) if passed is not None else []
        taken = store.take(connection, found)
        if passed is not None and taken:
            report.kept += store.empty(connection, taken, passed)
    return len(taken) == batch
