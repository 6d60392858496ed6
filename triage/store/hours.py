"""The calendar where SQL can see it."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2.extensions import connection as Connection

from triage.core.hours import OpenHours
from triage.store import db

_SQL = db.queries(__file__)


def kept(connection: Connection) -> list[OpenHours]:
    """What is laid out now."""
    return [OpenHours(**row) for row in db.rows(connection, _SQL["kept"])]


def lay_out(connection: Connection, hours: Sequence[OpenHours]) -> None:
    """Replace what is laid out."""
    db.execute(connection, _SQL["clear"])
    db.values(connection, _SQL["lay_out"], [(h.opens, h.closes, h.before) for h in hours])
