"""What a week brought, read for the crisis committee."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.store import db

_SQL = db.queries(__file__)

WEEK, COMPARED = timedelta(days=7), 4
"""A week is compared with so many before it, or with as many as there are."""


def read(
    connection: Connection, *, accounts: Sequence[str], since: datetime, until: datetime, now: datetime
) -> dict[str, Any]:
    """Everything by the name of its query, and `weeks`: how many before `since` are known. In one transaction."""
    names = list(accounts)
    first = db.rows(connection, _SQL["record"], (names,))
    known = (since - first[0]["since"]) // WEEK if first else 0
    weeks = min(max(known, 0), COMPARED)
    given = {
        "accounts": names, "since": since, "until": until, "now": now, "from": since - weeks * WEEK,
        "since_day": since.date(), "until_day": until.date(),
    }  # fmt: skip
    single = {name: db.rows(connection, _SQL[name], given)[0] for name in ("reading", "became", "ledger")}
    lists = {
        name: db.rows(connection, _SQL[name], given)
        for name in ("topics", "responses", "incidents", "moved", "spent")
    }
    return {"weeks": weeks, **single, **lists}
