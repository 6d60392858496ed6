"""Who serves an account: without a word everybody, else the roles that were named, and nobody beside them."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import connection as Connection

from triage.core.errors import ConfigError
from triage.store import access, db


def grant(connection: Connection, account: str, role: str) -> bool:
    """Let a database role (a login or a group) serve an account; the first grant shuts everybody else out.

    Whether that is new. Raises ConfigError for a role or an account that is not there.
    """
    with db.transaction(connection):
        _check(connection, account)
        if not access.has_role(connection, role):
            raise ConfigError(
                f'there is no database role {role!r}; make it with CREATE ROLE "{role}", and GRANT it to its people'
            )
        return access.grant(connection, account, role)


def revoke(connection: Connection, account: str, role: str, *, open_to_all: bool = False) -> bool:
    """Take an account from a role; whether it had it.

    The last role taken opens the account to everybody: raises ConfigError unless that is wanted.
    """
    with db.transaction(connection):
        _check(connection, account)
        had = access.revoke(connection, account, role)
        left = any(row["role"] for row in access.listed(connection) if row["account"] == account)
        if had and not left and not open_to_all:
            raise ConfigError(
                f"{role} is the last role that serves {account}: without it every responder serves the account; "
                "grant it to another role first, or say --yes"
            )
        return had


def listed(connection: Connection) -> list[dict[str, Any]]:
    """`account`, `role` (None: every responder) and how many `logins` that role stands for."""
    with db.transaction(connection):
        return access.listed(connection)


def _check(connection: Connection, account: str) -> None:
    if not access.has_account(connection, account):
        raise ConfigError(
            f"the database knows no account {account!r}; collect it once, or see `triage access list`"
        )
