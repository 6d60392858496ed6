"""The runbooks are run: each section's commands one after another, on a database with people in it and a mailbox."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
import yaml
from cryptography.fernet import Fernet
from psycopg2.extensions import connection as Connection

from demo.postgres import Postgres, running
from tests.builders import ROOT, message, table
from tests.dags import sandbox
from tests.ops.figures import fill
from tests.ops.services import Services, desk_at, serving, triage_yaml
from triage import cli
from triage.ops.connections import Held, variable
from triage.store import conversations, db, messages

PAGE = ROOT / "docs" / "runbooks.md"
ALONE = ("Backup", "Restore", "Keys")
"""Sections with a test of their own below."""


def sections() -> dict[str, str]:
    """Title to text of what is below each heading of the third level."""
    parts = re.split(r"^### (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def blocks(title: str, language: str) -> list[str]:
    """The blocks of that language in a section; those in a list are indented."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", sections()[title], re.M | re.S)
    return [re.sub(r"^ {3}", "", block, flags=re.M) for block in found]


@dataclass(frozen=True, kw_only=True)
class Shell:
    """A shell in the checkout, with PostgreSQL's programs and ours on its path."""

    environment: dict[str, str]
    folder: Path

    def run(self, script: str, **more: str) -> str:
        """What a script printed; it stops at the first command that fails, as a person would."""
        done = subprocess.run(
            ["/bin/sh", "-euc", script], env=self.environment | more, cwd=self.folder,
            capture_output=True, text=True, check=False, timeout=240,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with serving() as made:
        yield made


@pytest.fixture
def shell(
    dsn: str, connection: Connection, postgres: Postgres, services: Services, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Shell:  # fmt: skip
    """Somebody at a terminal of a house that works: people wait, one of them is Jane."""
    fill(connection)
    with db.transaction(connection):
        jane = message("jane", "tj", author="jane@post.example", text="Please forget me.")
        conversations.refresh(connection, messages.upsert(connection, [jane])[1])
        db.execute(connection, "DELETE FROM triage.cursor WHERE account = 'care'")
    desk_at(tmp_path, monkeypatch)
    shipped = yaml.safe_load((ROOT / "config" / "triage.yaml").read_text(encoding="utf-8"))
    (tmp_path / "triage.yaml").write_text(
        json.dumps(json.loads(triage_yaml(care="gmail")) | {"quota": shipped["quota"]})
    )
    (tmp_path / "sql").symlink_to(ROOT / "sql")
    held = Held(conn_id="gmail_care", conn_type="gmail", credentials=services.credentials("gmail"))
    path = os.pathsep.join((str(Path(sys.executable).parent), str(postgres.bin), os.environ["PATH"]))
    mine = {"PATH": path, "TRIAGE_DSN": dsn, variable("gmail_care"): json.dumps(held.as_json())}
    return Shell(environment=dict(os.environ) | mine, folder=tmp_path)


def test_there_is_a_runbook_for_everything() -> None:
    assert {*ALONE, "Upgrade", "Roll back", "Do it again", "Erase a person"} <= sections().keys()


@pytest.mark.parametrize("title", [t for t in sections() if t not in ALONE and blocks(t, "console")])
def test_its_commands_do_what_they_say(shell: Shell, title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: a new one for each would load the classifier each time."""
    for name, value in shell.environment.items():
        monkeypatch.setenv(name, value)
    for line in "".join(blocks(title, "console")).splitlines():
        program, *words = shlex.split(line)
        assert program == "triage", "another program wants a test of its own"
        assert cli.main(words) == 0, line


@pytest.mark.parametrize("title", [t for t in sections() if t not in ALONE and blocks(t, "sql")])
def test_its_queries_find_something(connection: Connection, title: str) -> None:
    fill(connection)
    for query in blocks(title, "sql"):
        assert table(connection, query)


def test_erasing_leaves_a_ledger_that_balances(shell: Shell, connection: Connection) -> None:
    said = [shell.run(script) for script in blocks("Erase a person", "console")][-1]
    assert "erased 1 messages in 1 conversations" in said
    assert "collected 6 = answered 1 + waiting 3 + dismissed 2" in said
    assert table(connection, "SELECT FROM triage.message WHERE author = 'jane@post.example'") == []


def everything(dsn: str) -> dict[str, list[str]]:
    """Every row of every table of ours, views and rights included as far as they show in the catalogue."""
    with closing(psycopg2.connect(dsn)) as connection:
        names = [r["name"] for r in db.rows(
            connection, "SELECT relname AS name FROM pg_class WHERE relnamespace = 'triage'::regnamespace "
                        "AND relkind IN ('r', 'v') ORDER BY relname")]  # fmt: skip
        rows = {name: sorted(str(r["line"]) for r in db.rows(
            connection, f"SELECT t::text AS line FROM triage.{name} t")) for name in names}  # fmt: skip
        rights = db.rows(connection, "SELECT relname || ' ' || coalesce(relacl::text, '') || pg_get_userbyid(relowner) "
                                     "AS line FROM pg_class WHERE relnamespace = 'triage'::regnamespace")  # fmt: skip
        functions = db.rows(connection, "SELECT pg_get_functiondef(oid) || coalesce(proacl::text, '') AS line "
                                        "FROM pg_proc WHERE pronamespace = 'triage'::regnamespace")  # fmt: skip
    shown = {"rights": rights, "functions": functions}
    return rows | {what: sorted(r["line"] for r in found) for what, found in shown.items()}


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty database on a server that never heard of us."""
    base = Path(tempfile.mkdtemp(prefix="triage-elsewhere-"))
    try:
        with running(base, durable=False) as server:
            yield server.dsn()
    finally:
        shutil.rmtree(base, ignore_errors=True)


def test_a_backup_restored_elsewhere_is_the_same_to_the_last_row(
    shell: Shell, dsn: str, elsewhere: str, login: Callable[..., str]
) -> None:
    """By the login that migrates; ledger, queue, rights and functions included."""
    audit = shell.run("triage audit")
    before = everything(dsn)
    for script in blocks("Backup", "console"):
        shell.run(script, TRIAGE_DSN=login("triage_owner"))
    said = [shell.run(script, NEW_DSN=elsewhere) for script in blocks("Restore", "console")][-1]
    assert said.splitlines()[-1] == audit.strip()
    assert "nothing to apply" in said
    after = everything(elsewhere)
    moving = {"spend", "backlog", "response_times", "replaced"}  # by the clock; and when migrate last ran
    assert {name for name in before if before[name] != after[name]} <= moving
    assert before.keys() == after.keys()
    with closing(psycopg2.connect(elsewhere)) as connection:
        (query,) = blocks("Restore", "sql")
        assert db.execute(connection, query) == 1, "the reply that was on its way"
        assert db.rows(connection, "SELECT state, attempts FROM triage.reply") == [
            {"state": "unknown", "attempts": 1}
        ]


@pytest.mark.slow
def test_keys_rotate_without_a_connection_lost(tmp_path: Path) -> None:
    """Airflow's own command, in a home of its own: what the old key wrote is read by the new one alone."""
    old = Fernet.generate_key().decode()
    environment = sandbox.clean(dict(os.environ)) | {
        "AIRFLOW_HOME": str(tmp_path), "OLD_KEY": old,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path / 'airflow.db'}",
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
    }  # fmt: skip
    shell = Shell(environment=environment, folder=tmp_path)
    shell.run("airflow db migrate", AIRFLOW__CORE__FERNET_KEY=old)
    shell.run("airflow connections add triage_db --conn-uri postgres://triage:s3cret@db/triage",
              AIRFLOW__CORE__FERNET_KEY=old)  # fmt: skip
    (script,) = blocks("Keys", "console")
    assert "s3cret" in shell.run(script)
    refused = subprocess.run(
        ["airflow", "connections", "get", "triage_db"], env=environment | {"AIRFLOW__CORE__FERNET_KEY": old},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "s3cret" not in refused.stdout, "the old key opens nothing any more"


def test_the_steps_of_a_rotation_are_in_the_right_order() -> None:
    """The fast sibling: both keys, the new one first, then the new one alone."""
    (script,) = blocks("Keys", "console")
    _, both, alone = script.strip().splitlines()
    assert both.startswith('AIRFLOW__CORE__FERNET_KEY="$NEW_KEY,$OLD_KEY" airflow rotate-fernet-key')
    assert alone.startswith('AIRFLOW__CORE__FERNET_KEY="$NEW_KEY" ')
