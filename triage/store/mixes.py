"""What inboxes were about: the mix behind each batch of decisions, and where the next one begins."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from triage.store import db

_SQL = db.queries(__file__)


def latest(connection: Connection, accounts: Collection[str]) -> dict[str, dict[str, float]]:
    """The counts by topic that each account's last batch left."""
    return {r["account"]: r["counts"] for r in db.rows(connection, _SQL["latest"], (list(accounts),))}


def append(
    connection: Connection, account: str, *, counts: Mapping[str, float], times: Mapping[str, float]
) -> int:
    """Keep the mix of a batch; its id."""
    given = (account, Json(dict(counts)), Json(dict(times)))
    return int(db.rows(connection, _SQL["append"], given)[0]["id"])
