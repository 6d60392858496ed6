"""Migrations: twice, from two processes at once, edited, from a newer version, without a superuser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing

import psycopg2
import pytest

from demo.postgres import Postgres
from tests.builders import one, prepare, table
from tests.conftest import administer
from tests.store.dump_schema import dump
from triage.core.errors import Fatal, Retry
from triage.store import db
from triage.store.migrate import migrate

NAMES = sorted(p.name for p in (db.sql_root() / "migrations").glob("*.sql"))

PROCESS = """
import sys
from triage.store import db
from triage.store.migrate import migrate
with db.connect(sys.argv[1]) as connection:
    print("ready", flush=True)
    sys.stdin.readline()
    print(",".join(migrate(connection)), flush=True)
"""


def database_of(dsn: str) -> str:
    return dsn.rsplit("/", 1)[1]


def test_a_second_run_changes_nothing(empty_dsn: str, postgres: Postgres) -> None:
    with db.connect(empty_dsn) as connection:
        assert migrate(connection) == NAMES
        prepare(connection)
        before = dump(postgres, database_of(empty_dsn))
        replaced = table(connection, "SELECT what, digest FROM triage.replaced ORDER BY what")
        assert migrate(connection) == []
        assert table(connection, "SELECT what, digest FROM triage.replaced ORDER BY what") == replaced
    assert dump(postgres, database_of(empty_dsn)) == before


def test_two_processes_at_once_on_an_empty_database(
    empty_dsn: str, postgres: Postgres, template: str
) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, empty_dsn],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    ends = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0, 0], ends
    assert sorted(out.strip() for out, _ in ends) == ["", ",".join(NAMES)]
    assert dump(postgres, database_of(empty_dsn)) == dump(postgres, template)


def test_an_edited_migration_is_refused(connection: psycopg2.extensions.connection) -> None:
    with db.transaction(connection):
        db.execute(
            connection, "UPDATE triage.migration SET digest = 'of another text' WHERE name = %s", (NAMES[0],)
        )
    with pytest.raises(Fatal, match=f"{NAMES[0]} was edited after it ran; restore it"):
        migrate(connection)


def test_a_database_of_a_newer_version_is_refused(connection: psycopg2.extensions.connection) -> None:
    with db.transaction(connection):
        db.execute(connection, "INSERT INTO triage.migration VALUES ('9999_later.sql', 'x')")
    with pytest.raises(Fatal, match=r"9999_later\.sql, which this version does not know; install the newer"):
        migrate(connection)


def test_functions_of_an_older_version_are_replaced(connection: psycopg2.extensions.connection) -> None:
    with db.transaction(connection):
        db.execute(
            connection,
            "CREATE OR REPLACE FUNCTION triage.actor() RETURNS text LANGUAGE sql AS 'SELECT ''old'''",
        )
        db.execute(connection, "GRANT EXECUTE ON FUNCTION triage.refresh TO PUBLIC")
        db.execute(connection, "UPDATE triage.replaced SET digest = 'old' WHERE what = 'code'")
    assert migrate(connection) == []
    assert one(connection, "SELECT triage.actor() AS actor") == "postgres"
    public = "SELECT proacl::text ~ '[{,]=X' AS open FROM pg_proc WHERE oid = 'triage.refresh'::regproc"
    assert one(connection, public) is False


def test_grants_alone_are_set_anew(connection: psycopg2.extensions.connection) -> None:
    with db.transaction(connection):
        db.execute(connection, "GRANT SELECT ON triage.message TO triage_reader")
        db.execute(connection, "REVOKE SELECT ON triage.unanswered_queue FROM triage_reader")
        db.execute(connection, "UPDATE triage.replaced SET digest = 'old' WHERE what = 'grants'")
    migrate(connection)
    assert one(
        connection, "SELECT has_table_privilege('triage_reader', 'triage.unanswered_queue', 'SELECT') AS may"
    )


def test_everything_belongs_to_the_owner_role(connection: psycopg2.extensions.connection) -> None:
    owned = """
        SELECT relname AS name, relowner::regrole::text AS owner FROM pg_class
        WHERE relnamespace = 'triage'::regnamespace
        UNION ALL SELECT proname, proowner::regrole::text FROM pg_proc WHERE pronamespace = 'triage'::regnamespace
        UNION ALL SELECT typname, typowner::regrole::text FROM pg_type WHERE typnamespace = 'triage'::regnamespace
        UNION ALL SELECT nspname, nspowner::regrole::text FROM pg_namespace WHERE nspname = 'triage'
    """
    rows = table(connection, owned)
    assert len(rows) > 40
    assert [r for r in rows if r["owner"] != "triage_owner"] == []


def test_no_superuser_is_needed(postgres: Postgres, template: str) -> None:
    administer(
        postgres,
        "CREATE ROLE plain_migrator LOGIN CREATEROLE PASSWORD 'secret' IN ROLE triage_owner",
        "CREATE DATABASE plain OWNER plain_migrator TEMPLATE template0",
    )
    try:
        with db.connect(postgres.dsn("plain", user="plain_migrator", password="secret")) as connection:
            assert migrate(connection) == NAMES
            assert migrate(connection) == []
        assert dump(postgres, "plain") == dump(postgres, template)
    finally:
        administer(postgres, "DROP DATABASE plain WITH (FORCE)", "DROP ROLE plain_migrator")


def test_who_may_not_migrate_is_told_the_mend(dsn: str, login: Callable[..., str]) -> None:
    with db.connect(login("pg_monitor", name="eve")) as session, pytest.raises(Fatal) as caught:
        migrate(session)
    assert str(caught.value) == (
        "eve may not migrate (permission denied for schema triage); have a superuser run once: "
        "GRANT triage_owner TO eve"
    )


def test_a_server_that_is_not_there_asks_for_patience(postgres: Postgres) -> None:
    with (
        pytest.raises(Retry, match="PostgreSQL cannot be reached"),
        db.connect("postgresql://a:b@127.0.0.1:1/x"),
    ):
        pass


@pytest.mark.parametrize("dsn", ["not an address", "postgresql://postgres:wrong@{host}/postgres"])
def test_a_wrong_address_is_a_persons_matter(postgres: Postgres, dsn: str) -> None:
    host = f"127.0.0.1:{postgres.port}"
    with pytest.raises(Fatal, match="TRIAGE_DSN"), db.connect(dsn.format(host=host)):
        pass


def test_schema_sql_is_what_the_migrations_make(postgres: Postgres, template: str) -> None:
    kept = (db.sql_root() / "schema.sql").read_text(encoding="utf-8")
    assert kept == dump(postgres, template), "run `make schema` and read the difference before committing it"


def test_schema_sql_loads_into_an_empty_database(empty_dsn: str, postgres: Postgres, template: str) -> None:
    text = (db.sql_root() / "schema.sql").read_text(encoding="utf-8")
    with closing(psycopg2.connect(empty_dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(text)
        connection.commit()
    assert dump(postgres, database_of(empty_dsn)) == text
