"""An embedded PostgreSQL for the session; a fresh, migrated database for each test that asks for one."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from demo.postgres import Postgres, running
from tests import builders
from triage.store import db
from triage.store.migrate import migrate

_numbers = itertools.count(1)
ROOM = 6 * 2**30
"""Bytes that must be free for a server in memory: each worker has one, with a gigabyte of log at most."""

LONGEST = (
    "tests/e2e/test_live.py",
    "tests/classify/",
    "tests/faults/",
    "tests/dags/",
    "tests/ops/test_learn.py",
    "tests/e2e/",
)
"""What takes minutes begins first: of two workers neither is left alone with it at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files in the order of LONGEST, then the others as they were found."""
    items.sort(
        key=lambda item: next(
            (n for n, path in enumerate(LONGEST) if item.nodeid.startswith(path)), len(LONGEST)
        )
    )


def administer(postgres: Postgres, *statements: str) -> None:
    """Run statements outside a transaction, as the server's superuser."""
    with closing(psycopg2.connect(postgres.dsn())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def in_memory() -> Path | None:
    """A folder in memory where there is room for a server: a database is copied there in a tenth of the time."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK) or os.statvfs(shared).f_flag & os.ST_NOEXEC:
        return None
    return shared if shutil.disk_usage(shared).free > ROOM else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server of this session (of each xdist worker), its files in a folder that `nobody` can reach."""
    base = Path(tempfile.mkdtemp(prefix="triage-tests-", dir=in_memory()))
    try:
        with running(base, durable=False) as server:
            # Thousands of databases that live for a second: nothing is worth tidying up, and it would hold them up.
            administer(server, "ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()")
            yield server
    finally:
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> str:
    """The name of a migrated database with topics and accounts, to copy from."""
    administer(postgres, "CREATE DATABASE triage_template")
    with db.connect(postgres.dsn("triage_template")) as connection:
        migrate(connection)
        builders.prepare(connection)
    return "triage_template"


@pytest.fixture
def empty_dsn(postgres: Postgres) -> Iterator[str]:
    """The address of an empty database, dropped at the end."""
    yield from database_from(postgres, "template0")


@pytest.fixture
def dsn(postgres: Postgres, template: str) -> Iterator[str]:
    """The address of a fresh migrated database, dropped at the end."""
    yield from database_from(postgres, template)


def database_from(postgres: Postgres, source: str) -> Iterator[str]:
    """The address of a copy of a database, dropped at the end."""
    name = f"test_{next(_numbers)}"
    administer(postgres, f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY file_copy")
    yield postgres.dsn(name)
    administer(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def module_dsn(postgres: Postgres, template: str) -> Iterator[str]:
    """A fresh migrated database for all tests of a module."""
    yield from database_from(postgres, template)


@pytest.fixture
def connection(dsn: str) -> Iterator[Connection]:
    """A connection to the test's database, as its owner."""
    with db.connect(dsn) as opened:
        yield opened


@pytest.fixture
def login(postgres: Postgres, dsn: str) -> Iterator[Callable[..., str]]:
    """`login(role, name=…)`: the address of the test's database for a new user who is a member of `role`."""
    made: list[str] = []

    def make(role: str, *, name: str = "") -> str:
        user = name or f"{role}_{next(_numbers)}"
        administer(postgres, f"CREATE ROLE {user} LOGIN PASSWORD 'secret' IN ROLE {role}")
        made.append(user)
        return postgres.dsn(dsn.rsplit("/", 1)[1], user=user, password="secret")

    yield make
    administer(postgres, *(f"DROP ROLE {user}" for user in made))
