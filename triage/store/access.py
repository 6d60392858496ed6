"""Which database roles serve which account."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import connection as Connection

from triage.store import db

_SQL = db.queries(__file__)


def has_role(connection: Connection, role: str) -> bool:
    """Whether the server knows the role."""
    return bool(db.rows(connection, _SQL["role"], (role,)))


def has_account(connection: Connection, account: str) -> bool:
    """Whether a run has shown the account to the database."""
    return bool(db.rows(connection, _SQL["account"], (account,)))


def grant(connection: Connection, account: str, role: str) -> bool:
    """Let a role serve an account; whether that is new."""
    return db.execute(connection, _SQL["grant"], (account, role)) > 0


def revoke(connection: Connection, account: str, role: str) -> bool:
    """Take an account from a role; whether it had it."""
    return db.execute(connection, _SQL["revoke"], (account, role)) > 0


def listed(connection: Connection) -> list[dict[str, Any]]:
    """`account`, `role` (None: everybody) and how many `logins` the role stands for, by account."""
    return db.rows(connection, _SQL["list"])
