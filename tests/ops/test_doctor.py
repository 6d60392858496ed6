"""`triage doctor`: what is wrong with the database, the files and the accounts, and what to do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml
from psycopg2.extensions import connection as Connection

from demo.postgres import Postgres
from tests.builders import ROOT
from tests.conftest import administer
from tests.ops.services import CARE, Services, desk_at, serving, triage_yaml
from triage import cli
from triage.core.finding import Finding
from triage.core.types import Cursor
from triage.ops import doctor
from triage.ops.connections import Held, variable
from triage.sources.base import utc_now
from triage.store import db, messages, quota


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with serving() as running:
        yield running


Run = Callable[..., tuple[int, dict[tuple[str, str], Finding]]]


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], services: Services
) -> Run:
    """`triage doctor --json` with accounts of these names and sources: status, findings by account and check."""
    desk_at(tmp_path, monkeypatch)

    def call(dsn: str, *arguments: str, accounts: dict[str, str] | None = None) -> Any:
        wanted = {"care": "gmail"} if accounts is None else accounts
        if not (tmp_path / "triage.yaml").exists():
            (tmp_path / "triage.yaml").write_text(triage_yaml(**wanted))
        for name, source in wanted.items():
            held = Held(
                conn_id=f"{source}_{name}", conn_type=source, credentials=services.credentials(source)
            )
            monkeypatch.setenv(variable(held.conn_id), json.dumps(held.as_json()))
        status = cli.main(["doctor", "--json", "--dsn", dsn, *arguments])
        found = [Finding(**json.loads(line)) for line in capsys.readouterr().out.splitlines()]
        assert [f for f in found if (f.state == "ok") == bool(f.mend)] == []
        return status, {(f.account, f.name): f for f in found}

    return call


def collected(connection: Connection, account: str, *, behind: bool = False, ago: str = "0 s") -> None:
    with db.transaction(connection):
        messages.write_cursor(connection, Cursor(account=account, value={}), behind=behind)
        db.execute(connection, "UPDATE triage.cursor SET updated_at = now() - %s::interval", (ago,))


def test_all_is_well(run: Run, dsn: str, connection: Connection, login: Callable[..., str]) -> None:
    """Every source, the least rights, a fresh cursor: nothing but good findings, and exit status 0."""
    accounts = {"care": "gmail", "brand": "x", "sky": "bluesky", "fedi": "mastodon"}
    with db.transaction(connection):
        for name, source in accounts.items():
            messages.register_account(connection, name=name, source=source, labels=False)
            messages.write_cursor(connection, Cursor(account=name, value={}), behind=False)
    status, found = run(login("triage_pipeline"), accounts=accounts)
    assert {key: f.text for key, f in found.items() if f.state != "ok"} == {}
    assert status == 0
    assert {account for account, _ in found} == {"", *accounts}
    with db.transaction(connection):
        assert quota.used(connection, "care")[0] == 7
        assert quota.used(connection, "brand")[0] == 10000


def test_a_plan_that_is_stale_and_a_hub_that_cannot_be_written_are_told(
    run: Run, dsn: str, tmp_path: Path
) -> None:
    path = tmp_path / "plan" / "billing.md"
    path.write_text(re.sub(r"reviewed_on: .*", "reviewed_on: 2026-01-01", path.read_text(encoding="utf-8")))
    (tmp_path / "plan" / "delivery.md").unlink()
    (tmp_path / "triage.yaml").write_text(triage_yaml(care="gmail").replace('"hub"}', '"nowhere://hub"}'))
    status, found = run(dsn)
    assert status == 1
    assert found["", "plan"].text == "not reviewed for over 90 days: billing"
    assert "Protocol not known: nowhere" in found["", "hub"].text


def test_an_empty_database_is_told_and_the_accounts_are_checked_all_the_same(
    run: Run, empty_dsn: str
) -> None:
    status, found = run(empty_dsn)
    assert status == 1
    assert found["", "schema"].mend == "run `triage migrate`"
    assert found["care", "auth"].state == "ok"
    assert ("care", "cursor") not in found


def test_a_database_that_cannot_be_reached_stops_nothing_else(run: Run) -> None:
    status, found = run("postgresql://nobody@127.0.0.1:1/none")
    assert status == 1
    assert found["", "database"].state == "bad"
    assert found["care", "auth"].state == "ok"
    assert ("care", "cursor") not in found


@pytest.mark.parametrize(
    ("statement", "name", "state", "text"),
    [
        ("DELETE FROM triage.migration WHERE name LIKE '0002%'", "schema", "bad", "not applied yet: 0002"),
        (
            "UPDATE triage.migration SET digest = 'x' WHERE name LIKE '0001%'",
            "schema",
            "bad",
            "edited after it ran",
        ),
        (
            "UPDATE triage.replaced SET digest = 'x' WHERE what = 'code'",
            "schema",
            "bad",
            "functions and views",
        ),
        ("INSERT INTO triage.migration VALUES ('9999_new.sql', 'x')", "schema", "bad", "does not know"),
        ("SELECT 1", "roles", "warn", "a superuser"),
        ("ALTER TABLE triage.migration RENAME TO gone", "schema", "bad", "none of our tables"),
    ],
    ids=["missing", "edited", "old code", "newer", "superuser", "gone"],
)
def test_a_database_in_disorder(
    run: Run, dsn: str, connection: Connection, statement: str, name: str, state: str, text: str
) -> None:
    with db.transaction(connection):
        db.execute(connection, statement)
    status, found = run(dsn)
    assert found["", name].state == state
    assert text in found["", name].text
    assert found["", name].mend
    assert status == (1 if state == "bad" else 0)


def test_a_login_without_rights_is_told(run: Run, dsn: str, login: Callable[..., str]) -> None:
    _, found = run(login("triage_reader", name="onlooker"))
    assert found["", "roles"].mend == "GRANT triage_pipeline TO onlooker"
    assert found["", "schema"].state == "warn"


def test_a_login_that_may_not_even_look_is_told(run: Run, postgres: Postgres, dsn: str) -> None:
    administer(postgres, "CREATE ROLE stranger LOGIN PASSWORD 'secret'")
    try:
        status, found = run(postgres.dsn(dsn.rsplit("/", 1)[1], user="stranger", password="secret"))
    finally:
        administer(postgres, "DROP ROLE stranger")
    assert status == 1
    assert found["", "roles"].mend == "GRANT triage_pipeline TO stranger"
    assert found["", "schema"].state == "bad"
    assert found["care", "auth"].state == "ok"


def test_a_database_of_another_encoding_is_told(run: Run, postgres: Postgres) -> None:
    administer(
        postgres, "CREATE DATABASE odd TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    try:
        _, found = run(postgres.dsn("odd"))
    finally:
        administer(postgres, "DROP DATABASE odd WITH (FORCE)")
    assert "LATIN1" in found["", "encoding"].text
    assert "UTF8" in found["", "encoding"].mend


@pytest.mark.parametrize(
    ("left", "state", "text"),
    [
        (None, "warn", "not asked to push yet"),
        (timedelta(days=6, hours=20), "ok", "pushes until"),
        (timedelta(days=3), "warn", "only: it was not asked anew"),
        (timedelta(hours=-1), "bad", "pushes no more since"),
    ],
)
def test_until_when_gmail_pushes_is_told(
    run: Run, dsn: str, connection: Connection, tmp_path: Path, left: timedelta | None, state: str, text: str
) -> None:
    made = yaml.safe_load(triage_yaml(care="gmail"))
    made["accounts"][0]["push"] = {
        "topic": "projects/p/topics/t",
        "subscription": "projects/p/subscriptions/s",
    }
    (tmp_path / "triage.yaml").write_text(yaml.safe_dump(made))
    with db.transaction(connection):
        messages.register_account(connection, name="care", source="gmail", labels=True)
        if left is not None:
            messages.note_watch(connection, "care", utc_now() + left)
    finding = run(dsn)[1]["care", "push"]
    assert (finding.state, text in finding.text) == (state, True), finding


@pytest.mark.parametrize(
    ("state", "cursor", "text"),
    [
        ("warn", None, "never collected"),
        ("bad", {"ago": "2 hours"}, "not collected for 2:00:0"),
        ("warn", {"behind": True}, "more is waiting than the quota allowed"),
        ("ok", {"ago": "90 seconds"}, "collected 0:01:3"),
    ],
    ids=["never", "stalled", "behind", "fresh"],
)
def test_the_cursor_tells_when_an_account_was_collected(
    run: Run, dsn: str, connection: Connection, state: str, cursor: dict[str, Any] | None, text: str
) -> None:
    if cursor is not None:
        collected(connection, "care", **cursor)
    _, found = run(dsn)
    assert found["care", "cursor"].state == state
    assert text in found["care", "cursor"].text


@pytest.mark.parametrize(
    ("spent", "text", "state"), [(1000, "4,993 of 6,000", "ok"), (6100, "are spent", "warn")]
)
def test_the_quota_left_this_minute(
    run: Run, dsn: str, connection: Connection, spent: int, text: str, state: str
) -> None:
    with db.transaction(connection):
        quota.spend(connection, "care", {"messages.get": spent})
    _, found = run(dsn)
    assert found["care", "quota"].state == state
    assert text in found["care", "quota"].text


@pytest.mark.parametrize(
    ("cap", "spent", "state", "text"),
    [
        (10, 2, "ok", "$2.01 spent today of $10.00"),
        (2, 2, "warn", "of $2.00"),
        (None, 0, "warn", "without a cap"),
    ],
)
def test_the_dollars_left_today(
    run: Run,
    dsn: str,
    connection: Connection,
    tmp_path: Path,
    cap: int | None,
    spent: int,
    state: str,
    text: str,
) -> None:
    """The doctor's own look-up of the handle, a cent, is in the sum."""
    held = json.loads(triage_yaml(brand="x"))
    held["quota"]["x"]["dollars_per_day"] = cap
    (tmp_path / "triage.yaml").write_text(json.dumps(held))
    with db.transaction(connection):
        messages.register_account(connection, name="brand", source="x", labels=False)
        quota.spend(connection, "brand", {"post": spent * 1_000_000})
    _, found = run(dsn, accounts={"brand": "x"})
    assert found["brand", "spend"].state == state
    assert text in found["brand", "spend"].text


def test_an_account_that_rests_is_told_with_its_reason(run: Run, dsn: str, connection: Connection) -> None:
    with db.transaction(connection):
        db.execute(
            connection, "INSERT INTO triage.pause VALUES ('care', 'quota: the minute is spent', now())"
        )
    _, found = run(dsn)
    assert found["care", "pause"].state == "warn"
    assert found["care", "pause"].text.endswith("UTC: quota: the minute is spent")


def test_a_check_that_fails_by_surprise_is_a_finding_and_stops_no_other(
    run: Run, dsn: str, connection: Connection
) -> None:
    with db.transaction(connection):
        db.execute(connection, "ALTER TABLE triage.quota_use RENAME COLUMN units TO points")
    status, found = run(dsn)
    assert "could not be checked (UndefinedColumn" in found["care", "quota"].text
    assert found["care", "cursor"].name == "cursor"
    assert status == 1


def test_a_missing_connection_names_the_command_that_makes_it(run: Run, dsn: str, tmp_path: Path) -> None:
    (tmp_path / "triage.yaml").write_text(triage_yaml(brand="x"))
    _, found = run(dsn, accounts={})
    assert "triage connect x --connection x_brand" in found["brand", "connection"].mend
    assert ("brand", "auth") not in found


@pytest.mark.parametrize(
    ("value", "text"), [('{"conn_type": "x"}', "is of type 'x'"), ("{", "is not JSON")], ids=["type", "json"]
)
def test_a_connection_that_cannot_be_read(
    run: Run, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, text: str
) -> None:
    (tmp_path / "triage.yaml").write_text(triage_yaml(care="gmail"))
    monkeypatch.setenv("AIRFLOW_CONN_GMAIL_CARE", value)
    _, found = run(dsn, accounts={})
    assert text in found["care", "connection"].text


def test_a_broken_configuration_is_a_finding_and_the_database_is_looked_at(
    run: Run, dsn: str, tmp_path: Path
) -> None:
    (tmp_path / "triage.yaml").write_text("version: 1\naccounts: []\n")
    status, found = run(dsn)
    assert status == 1
    assert "triage.yaml:2" in found["", "configuration"].text
    assert found["", "database"].state == "ok"


def test_a_topic_that_nothing_can_choose_is_told(run: Run, dsn: str, tmp_path: Path) -> None:
    text = (ROOT / "config" / "topics.yaml").read_text()
    idle = "  weather:\n    label: {en: Weather, fr: Temps}\n    severity: 3\n    target: 4h\n"
    (tmp_path / "topics.yaml").write_text(text + idle)
    _, found = run(dsn)
    assert found["", "classifier"].state == "warn"
    assert "weather" in found["", "classifier"].text


def test_one_account_can_be_asked_for_and_an_unknown_one_is_bad_usage(
    run: Run, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    accounts = {"care": "gmail", "brand": "x"}
    _, found = run(dsn, "brand", accounts=accounts)
    assert {account for account, _ in found} == {"", "brand"}
    assert cli.main(["doctor", "nobody", "--dsn", dsn]) == 2
    assert "known accounts: care, brand" in capsys.readouterr().err


def test_the_table_for_a_person(run: Run, dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(dsn)
    assert cli.main(["doctor", "--dsn", dsn]) == 0
    shown = capsys.readouterr().out
    assert re.search(rf"✓  auth +{CARE}, 0 messages", shown)
    assert "!  roles" in shown
    assert "→ let the DAGs connect" in shown
    assert shown.rstrip().endswith("2 to look at, 0 to mend")


def test_a_folder_that_cannot_be_written_is_told(
    run: Run, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").write_text("a file, no folder")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "home"))
    _, found = run(dsn)
    assert found["", "folders"].state == "bad"
    assert str(tmp_path / "home") in found["", "folders"].text


def test_the_lateness_of_the_database_is_told(dsn: str) -> None:
    with psycopg2.connect(dsn) as opened:
        (found,) = doctor.doctor_database.clock(opened, lambda: utc_now() + timedelta(minutes=9))
    assert found.state == "bad"
    assert "539 s behind" in found.text or "540 s behind" in found.text


def test_holidays_that_are_all_past_are_told(run: Run, dsn: str, tmp_path: Path) -> None:
    hours = {"zone": "UTC", "week": {"mon": "09:00-17:00"}, "holidays": ["2020-12-25", "2021-01-01"]}
    given = json.dumps({**json.loads(triage_yaml(care="gmail")), "hours": hours})
    (tmp_path / "triage.yaml").write_text(given, encoding="utf-8")
    _, found = run(dsn)
    assert (found["", "hours"].state, "2021-01-01" in found["", "hours"].text) == ("warn", True)
    (tmp_path / "triage.yaml").write_text(given.replace("2021-01-01", "2999-01-01"), encoding="utf-8")
    _, found = run(dsn)
    assert ("", "hours") not in found
