"""What `triage doctor` asks the database about itself and about an account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.store import db

_SQL = db.queries(__file__)


def server(connection: Connection) -> dict[str, Any]:
    """version, number (as 180003), encoding, now, login, superuser."""
    return db.rows(connection, _SQL["server"])[0]


def tables(connection: Connection) -> tuple[bool, bool]:
    """Whether our schema is there, and whether this login may look at its migrations."""
    row = db.rows(connection, _SQL["tables"])[0]
    return bool(row["there"]), bool(row["readable"])


def roles(connection: Connection, names: Sequence[str]) -> list[dict[str, Any]]:
    """name, there, member (of this login) of each."""
    return db.rows(connection, _SQL["roles"], (list(names),))


def account(connection: Connection, name: str) -> dict[str, Any] | None:
    """collected, behind, updated_at, age of the cursor; None for an account that no run has registered."""
    found = db.rows(connection, _SQL["account"], (name,))
    return found[0] if found else None
