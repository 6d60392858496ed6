"""What `care` looks at beside ledger and cursors."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.store import db

_SQL = db.queries(__file__)


def judged(connection: Connection) -> dict[str, Any]:
    """`judged_to` (None: no detector ran yet), `known_since` of the first account, streams `held`, and `now` there."""
    return db.rows(connection, _SQL["judged"])[0]


def leases(connection: Connection, *, lapsed: timedelta) -> list[dict[str, Any]]:
    """`claimed_by`, conversations `held`, and leases `lapsed` longer ago than that."""
    return db.rows(connection, _SQL["leases"], {"lapsed": lapsed})


def days(connection: Connection, count: int) -> list[dict[str, int]]:
    """Messages by topic of the last 24 hours, of the 24 before, and so on; topics in a crisis left out."""
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for row in db.rows(connection, _SQL["days"], {"days": count}):
        found[row["day"]][row["topic"]] = int(row["messages"])
    return [found[day] for day in range(count)]
