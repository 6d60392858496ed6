"""The ledger of units: what each account spent, and what tasks at work have taken and may still spend."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from psycopg2.extensions import connection as Connection

from triage.store import db

_SQL = db.queries(__file__)


def lock(connection: Connection, account: str) -> None:
    """Let no other task take units of this account's source until the transaction ends."""
    db.rows(connection, _SQL["lock"], (account,))


def used(connection: Connection, account: str) -> tuple[int, int]:
    """Units of the last 60 seconds, taken ones included: of the account, and of all accounts of its source."""
    found = db.rows(connection, _SQL["used"], (account,))[0]
    return int(found["account"] or 0), int(found["project"])


def reserve(connection: Connection, account: str, units: int) -> int:
    """Take units; the id to give them back with."""
    return int(db.rows(connection, _SQL["reserve"], (account, units))[0]["id"])


def release(connection: Connection, reservation: int) -> None:
    """Give back what was taken; a second time changes nothing."""
    db.execute(connection, _SQL["release"], (reservation,))


def spend(connection: Connection, account: str, units: Mapping[str, int]) -> None:
    """Write down what was spent, by method."""
    db.values(connection, _SQL["spend"], [(account, method, count) for method, count in units.items()])


def prune(connection: Connection, *, keep: timedelta) -> int:
    """Drop what is older than `keep`, and reservations that no task can still hold; how many rows."""
    return db.execute(connection, _SQL["prune"], (keep,))
