"""deploy/keys.py and deploy/databases.sql on a new PostgreSQL: every address works, and none can do too much."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest

from demo.postgres import running
from tests.dags import sandbox
from triage.core.errors import TriageError
from triage.store import db
from triage.store.migrate import migrate

KEYS = [sys.executable, str(sandbox.ROOT / "deploy" / "keys.py")]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The secrets of a deployment whose PostgreSQL has just been prepared with them."""
    base = Path(tempfile.mkdtemp(prefix="triage-deploy-"))
    try:
        with running(base, durable=False) as server:
            folder = tmp_path_factory.mktemp("keys")
            subprocess.run([*KEYS, str(folder), "--postgres", f"127.0.0.1:{server.port}"], check=True)
            script = sandbox.ROOT / "deploy" / "databases.sql"
            subprocess.run(
                [server.bin / "psql", "--no-psqlrc", "--quiet", "--dbname", server.dsn(), "--file", script],
                env={"KEYS": str(folder / "postgres"), "PATH": "/usr/bin:/bin"},
                check=True,
            )
            with db.connect((folder / "airflow" / "migrate_dsn").read_text()) as connection:
                migrate(connection)
            yield folder
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _tasks_dsn(keys: Path, database: str = "triage") -> str:
    held = json.loads((keys / "airflow" / "connections.json").read_text())["triage_db"]
    return f"postgresql://{held['login']}:{quote(held['password'])}@{held['host']}:{held['port']}/{database}"


def test_airflow_owns_its_own_database(keys: Path) -> None:
    dsn = (keys / "airflow" / "metadata_dsn").read_text().replace("+psycopg2", "")
    with db.connect(dsn) as connection, db.transaction(connection):
        db.execute(connection, "CREATE TABLE made_by_airflow (id int)")


def test_migrating_again_needs_no_superuser_and_changes_nothing(keys: Path) -> None:
    with db.connect((keys / "airflow" / "migrate_dsn").read_text()) as connection:
        assert migrate(connection) == []


def test_tasks_may_use_the_tables_and_nothing_else(keys: Path) -> None:
    with db.connect(_tasks_dsn(keys)) as connection:
        with db.transaction(connection):
            assert db.rows(connection, "SELECT collected FROM triage.ledger") == [{"collected": 0}]
        for forbidden in (
            "CREATE TABLE triage.x (id int)",
            "DROP TABLE triage.message",
            "DELETE FROM triage.audit",
        ):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege), db.transaction(connection):
                db.execute(connection, forbidden)


def test_tasks_cannot_enter_airflows_database(keys: Path) -> None:
    with pytest.raises(TriageError, match="permission denied"), db.connect(_tasks_dsn(keys, "airflow")):
        pass


def test_a_second_start_keeps_every_secret(keys: Path) -> None:
    before = {path: path.read_text() for path in keys.rglob("*") if path.is_file()}
    port = (keys / "airflow" / "migrate_dsn").read_text().rpartition("/")[0].rpartition(":")[2]
    subprocess.run(
        [*KEYS, str(keys), "--postgres", f"127.0.0.1:{port}"], check=True, stdout=subprocess.DEVNULL
    )
    assert {path: path.read_text() for path in keys.rglob("*") if path.is_file()} == before


def test_redis_asks_for_the_password_that_airflow_sends(keys: Path) -> None:
    password = (keys / "redis" / "password").read_text()
    assert f"requirepass {password}\n" in (keys / "redis" / "redis.conf").read_text()
    assert (keys / "airflow" / "broker_url").read_text() == f"redis://:{quote(password)}@redis:6379/0"
