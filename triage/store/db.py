"""Connections, transactions and named queries."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import psycopg2
import psycopg2.extras
from psycopg2.extensions import connection as Connection

from triage.core.errors import ConfigError, Fatal, Retry

DSN_VARIABLE = "TRIAGE_DSN"

_OPTIONS = "-c timezone=UTC -c jit=off " \
    "-c tcp_keepalives_idle=60 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"  # fmt: skip
"""The server notices within 90 seconds that our host is gone, and lets go of what the session held. Our questions are
many and short: compiling one takes longer than answering it."""


def dsn_from_environment() -> str:
    """The database address from `TRIAGE_DSN`, or a ConfigError that says how to set it."""
    try:
        return os.environ[DSN_VARIABLE]
    except KeyError:
        raise ConfigError(
            f"{DSN_VARIABLE} is not set; give the database as postgresql://user:password@host:port/name"
        ) from None


@contextmanager
def connect(dsn: str, *, name: str = "inbox-triage") -> Iterator[Connection]:
    """A connection in UTC that is closed at the end. Raises Retry when the server cannot be reached."""
    connection = opened(dsn, name=name)
    try:
        yield connection
    finally:
        connection.close()


def opened(dsn: str, *, name: str) -> Connection:
    """A connection in UTC, for the caller to close. Raises as `connect` does."""
    try:
        return psycopg2.connect(dsn, application_name=name, options=_OPTIONS, connect_timeout=10)
    except psycopg2.ProgrammingError as error:
        raise Fatal(
            f"{DSN_VARIABLE} is not an address ({str(error).strip()}); write postgresql://user:password@host:port/name"
        ) from None
    except psycopg2.OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        if "password authentication" in reason or "does not exist" in reason:
            raise Fatal(f"PostgreSQL refused us: {reason}; mend the address in {DSN_VARIABLE}") from None
        raise Retry(f"PostgreSQL cannot be reached: {reason}") from None


@contextmanager
def transaction(connection: Connection) -> Iterator[Connection]:
    """Commit at the end, roll back on any error."""
    try:
        yield connection
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


@contextmanager
def alone(connection: Connection) -> Iterator[Connection]:
    """For one question in a transaction of its own: one trip to the server, where `transaction` takes three.

    Not inside another transaction.
    """
    connection.autocommit = True
    try:
        yield connection
    finally:
        if not connection.closed:
            connection.autocommit = False


def sql_root() -> Path:
    """The folder `sql/`: inside the installed package, or at the top of the checkout."""
    installed = Path(__file__).resolve().parent.parent / "sql"
    return installed if installed.is_dir() else installed.parent.parent / "sql"


@cache
def queries(module_file: str) -> dict[str, str]:
    """The named queries beside a module: `-- name: some_query` starts each one."""
    text = Path(module_file).with_suffix(".sql").read_text(encoding="utf-8")
    parts = re.split(r"^-- name: *(\w+) *$", text, flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def rows(connection: Connection, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
    """All rows of a query as dictionaries."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        if cursor.description is None:
            return []
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


_PREPARED: WeakKeyDictionary[Connection, set[str]] = WeakKeyDictionary()
_MOST_PREPARED = 64
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def prepared(
    connection: Connection, sql: str, parameters: dict[str, Any], *, in_order: bool = False
) -> list[dict[str, Any]]:
    """All rows of a query that is planned once for a connection, not each time: for what is asked many times a second.

    Every `%(name)s` has its type beside it (`::text`), and the plan is one for all values: what decides which index
    serves stands in the text. `in_order`: rows come as an index has them; none are gathered first to be sorted, however
    few the planner thinks there are.
    """
    name, given, text = _preparable(sql)
    known = _PREPARED.setdefault(connection, set())
    if name not in known:
        if len(known) >= _MOST_PREPARED:
            execute(connection, "DEALLOCATE ALL")
            known.clear()
        execute(connection, f"PREPARE {name} AS {text}")
        known.add(name)
    values = f"({', '.join(f'%({key})s' for key in given)})" if given else ""
    along = "SET LOCAL enable_bitmapscan = off; " if in_order else ""
    return rows(
        connection,
        f"SET LOCAL plan_cache_mode = force_generic_plan; {along}EXECUTE {name}{values}",
        parameters,
    )


@cache
def _preparable(sql: str) -> tuple[str, list[str], str]:
    """What a query is called on the server, the names of its parameters in their order, and its text there."""
    name = f"triage_{hashlib.md5(sql.encode(), usedforsecurity=False).hexdigest()[:16]}"
    given = list(dict.fromkeys(_PLACEHOLDER.findall(sql)))
    return name, given, _PLACEHOLDER.sub(lambda found: f"${given.index(found[1]) + 1}", sql)


def values(
    connection: Connection, sql: str, tuples: Sequence[tuple[Any, ...]], *, fetch: bool | None = None
) -> list[dict[str, Any]]:
    """Run a `VALUES %s` query over many tuples in batches; rows that it gives (RETURNING, `fetch`) as dictionaries."""
    if not tuples:
        return []
    with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        returned = psycopg2.extras.execute_values(
            cursor, sql, tuples, page_size=1000, fetch="RETURNING" in sql.upper() if fetch is None else fetch
        )
        return [dict(row) for row in returned or []]


def execute(connection: Connection, sql: str, parameters: Any = None) -> int:
    """Run a statement; the number of rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)
