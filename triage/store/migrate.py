"""Bring a database to the schema of this version: safe to run twice, and from two processes at once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg2
import psycopg2.errors
from psycopg2.extensions import connection as Connection

from triage.core.errors import Fatal, Retry
from triage.store import db

_SQL = db.queries(__file__)


PATIENCE = timedelta(seconds=0.5)
"""How long a lock is waited for, and so how long others may stand behind us for it; less than it takes PostgreSQL to
look for deadlocks, so that of two in each other's way we are the one who lets go."""

TRIES = 120


def migrate(
    connection: Connection, *, tries: int = TRIES, sleep: Callable[[float], None] = time.sleep
) -> list[str]:
    """Apply what is missing, in one transaction; the names of the migrations applied.

    Migrations are append-only: one that was edited after it ran is refused. Functions, views and roles are
    replaced whenever their text changed. Where the pipeline is at work, a lock that is not to be had within `PATIENCE`
    is let go and all is tried again. Raises Fatal with the mend, or Retry after so many tries.
    """
    try:
        for _ in range(tries):
            try:
                with db.transaction(connection):
                    return _migrate(connection)
            except (psycopg2.errors.LockNotAvailable, psycopg2.errors.DeadlockDetected):
                sleep(PATIENCE.total_seconds())
    except psycopg2.errors.InsufficientPrivilege as error:
        user = connection.info.user
        raise Fatal(
            f"{user} may not migrate ({error.diag.message_primary}); have a superuser run once: "
            f"GRANT triage_owner TO {user}"
        ) from None
    raise Retry("others hold the tables all the time; pause the DAGs, or migrate when less is written")


def _migrate(connection: Connection) -> list[str]:
    db.execute(connection, _SQL["lock"])
    db.execute(connection, _SQL["patience"], (f"{PATIENCE.total_seconds():g}s",))
    db.execute(connection, _SQL["bootstrap"])
    applied = _apply_migrations(connection)
    _replace(connection, "roles", [db.sql_root() / "roles.sql"], force=True)
    changed = _replace(connection, "code", [*_files("functions"), *_files("views")])
    _replace(connection, "grants", [db.sql_root() / "grants.sql"], force=bool(applied) or changed)
    return applied


def _files(folder: str) -> list[Path]:
    return sorted((db.sql_root() / folder).glob("*.sql"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def outstanding(connection: Connection) -> list[str]:
    """What `migrate` would change: migrations by name, and `functions and views` when their text is another.

    Reads only. Raises Fatal as `migrate` does.
    """
    names = [path.name for path in _missing(connection)]
    code = [*_files("functions"), *_files("views")]
    return names if _in_force(connection, "code", _text(code)) else [*names, "functions and views"]


def _missing(connection: Connection) -> list[Path]:
    """Migrations that have not run. Raises Fatal when one was edited since, or is unknown here."""
    known = {r["name"]: r["digest"] for r in db.rows(connection, _SQL["applied"])}
    paths = _files("migrations")
    for path in paths:
        if path.name in known and known[path.name] != _digest(_text([path])):
            raise Fatal(
                f"{path.name} was edited after it ran; restore it and write the change as a new migration"
            )
    if unknown := sorted(set(known) - {p.name for p in paths}):
        raise Fatal(
            f"the database has {unknown[0]}, which this version does not know; install the newer inbox-triage"
        )
    return [path for path in paths if path.name not in known]


def _apply_migrations(connection: Connection) -> list[str]:
    paths = _missing(connection)
    for path in paths:
        text = _text([path])
        db.execute(connection, text)
        db.execute(connection, _SQL["record"], (path.name, _digest(text)))
    return [path.name for path in paths]


def _text(paths: list[Path]) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def _in_force(connection: Connection, what: str, text: str) -> bool:
    known = db.rows(connection, _SQL["replaced"], (what,))
    return bool(known) and known[0]["digest"] == _digest(text)


def _replace(connection: Connection, what: str, paths: list[Path], *, force: bool = False) -> bool:
    """Run definitions that replace themselves; unless forced only when their text changed since the last time."""
    text = _text(paths)
    if _in_force(connection, what, text) and not force:
        return False
    db.execute(connection, text)
    db.execute(connection, _SQL["record_replaced"], (what, _digest(text)))
    return True
