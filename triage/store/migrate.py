"""Bring a database to the schema of this version: safe to run twice, and from two processes at once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import psycopg2
import psycopg2.errors
from psycopg2.extensions import connection as Connection

from triage.core.errors import Fatal
from triage.store import db

_SQL = db.queries(__file__)


def migrate(connection: Connection) -> list[str]:
    """Apply what is missing, in one transaction; the names of the migrations applied.

    Migrations are append-only: one that was edited after it ran is refused. Functions, views and roles are
    replaced whenever their text changed. Raises Fatal with the mend.
    """
    try:
        with db.transaction(connection):
            return _migrate(connection)
    except psycopg2.errors.InsufficientPrivilege as error:
        user = connection.info.user
        raise Fatal(
            f"{user} may not migrate ({error.diag.message_primary}); have a superuser run once: "
            f"GRANT triage_owner TO {user}"
        ) from None


def _migrate(connection: Connection) -> list[str]:
    db.execute(connection, _SQL["lock"])
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


def _apply_migrations(connection: Connection) -> list[str]:
    known = {r["name"]: r["digest"] for r in db.rows(connection, _SQL["applied"])}
    names = []
    for path in _files("migrations"):
        text = path.read_text(encoding="utf-8")
        if path.name in known:
            if known[path.name] != _digest(text):
                raise Fatal(
                    f"{path.name} was edited after it ran; restore it and write the change as a new migration"
                )
            continue
        db.execute(connection, text)
        db.execute(connection, _SQL["record"], (path.name, _digest(text)))
        names.append(path.name)
    if missing := sorted(set(known) - {p.name for p in _files("migrations")}):
        raise Fatal(
            f"the database has {missing[0]}, which this version does not know; install the newer inbox-triage"
        )
    return names


def _replace(connection: Connection, what: str, paths: list[Path], *, force: bool = False) -> bool:
    """Run definitions that replace themselves; unless forced only when their text changed since the last time."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    digest = _digest(text)
    known = db.rows(connection, _SQL["replaced"], (what,))
    if known and known[0]["digest"] == digest and not force:
        return False
    db.execute(connection, text)
    db.execute(connection, _SQL["record_replaced"], (what, digest))
    return True
