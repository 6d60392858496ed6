"""The figures for Prometheus: each is given, is right, and is written as the text format wants."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg2.extensions import connection as Connection

from tests.builders import ROOT, message, one, table
from tests.ops.figures import SETTINGS, STREAM, fill
from triage import cli
from triage.ops import metrics
from triage.ops.metrics import HELP, PREFIX
from triage.store import conversations, db, messages

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]

LINE = re.compile(
    r"# HELP (?P<helped>[a-zA-Z_:][\w:]*) \S.*"
    r"|# TYPE (?P<typed>[a-zA-Z_:][\w:]*) gauge"
    r'|(?P<name>[a-zA-Z_:][\w:]*)(?P<labels>\{([a-z_]+="([^"\\\n]|\\[\\"n])*",?)+\})? (?P<value>-?[\d.]+(e[+-]\d+)?)'
)
"""What a line of the text format 0.0.4 may be, of gauges without timestamps."""


def told(connection: Connection) -> Figures:
    """Every figure by name and labels, as a reader of the text finds it."""
    text = metrics.exposition(metrics.measure(connection, SETTINGS))
    return {
        (sample.name.removeprefix(PREFIX), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(figures: Figures, name: str, **labels: str) -> float:
    return figures[name, frozenset(labels.items())]


def test_every_figure_is_given_and_explained(connection: Connection) -> None:
    fill(connection)
    assert {name for name, _ in told(connection)} == HELP.keys()


def test_an_empty_database_gives_figures_too(connection: Connection) -> None:
    figures = told(connection)
    assert of(figures, "ledger_imbalance") == 0
    assert of(figures, "queue_waiting", topic="delivery") == 0
    assert of(figures, "replies", account="care", state="wanted") == 0
    assert of(figures, "cursor_timestamp_seconds", account="care", source="gmail") > 0


def test_the_text_keeps_the_rules_of_the_format(connection: Connection) -> None:
    fill(connection)
    text = metrics.exposition(metrics.measure(connection, SETTINGS))
    assert text.endswith("\n")
    lines = [LINE.fullmatch(line) for line in text.removesuffix("\n").split("\n")]
    assert None not in lines
    current, seen = "", set()
    for found in filter(None, lines):
        if found["helped"]:
            assert found["helped"] not in seen, "a metric's lines stand together"
            current = found["helped"]
            seen.add(current)
        else:
            assert (found["typed"] or found["name"]) == current
    series = [found.group("name", "labels") for found in lines if found and found["name"]]
    assert len(series) == len(set(series))
    escaped = STREAM.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    assert f'triage_detector_closed_timestamp_seconds{{stream="{escaped}"}}' in text


def test_the_figures_are_what_the_tables_say(connection: Connection) -> None:
    fill(connection)
    now = one(connection, "SELECT extract(epoch FROM clock_timestamp())::float")
    figures = told(connection)
    assert of(figures, "queue_waiting", topic="delivery") == 1
    assert of(figures, "queue_waiting", topic="unsure") == 2
    assert of(figures, "queue_waiting", topic="billing") == 0
    assert 3590 < now - of(figures, "queue_oldest_timestamp_seconds", topic="unsure") < 3900
    assert ("queue_oldest_timestamp_seconds", frozenset({("topic", "billing")})) not in figures
    assert of(figures, "queue_overdue", topic="unsure") == 2
    assert of(figures, "day_messages", topic="delivery") == 3
    assert of(figures, "unsure_ratio") == pytest.approx(2 / 5)
    wanted = {"collected": 5, "answered": 1, "waiting": 3, "dismissed": 1, "nobody": 1}
    assert {s: of(figures, "ledger_conversations", state=s) for s in wanted} == wanted
    assert of(figures, "ledger_queue_rows") == 3
    care = {"account": "care", "source": "gmail"}
    assert of(figures, "quota_limit_units", **care) == 6000
    assert (
        of(figures, "quota_left_units", **care)
        == 6000 - 140
        == 6000 - of(figures, "quota_used_units", **care)
    )
    assert of(figures, "quarantined_messages", **care) == 1
    assert of(figures, "spend_today_dollars", account="volmera_x") == 2.5
    assert of(figures, "spend_cap_dollars", account="volmera_x") == 10
    assert of(figures, "account_paused", account="volmera_x", reason="cap") == 1
    assert of(figures, "replies", account="care", state="wanted") == 1
    assert of(figures, "notices", state="wanted") == 1
    assert (of(figures, "leases"), of(figures, "leases_lapsed")) == (2, 0)
    waits_and_topics = 3 + 2  # Unanswered on three; the topic on two, one of them dismissed, which keeps it
    assert of(figures, "labels_pending", account="care") == waits_and_topics
    assert of(figures, "incidents", state="open") == 0
    assert of(figures, "model_info", model="m1", promoted="") == 1
    assert of(figures, "undecided_messages") == 0


def test_what_is_missing_shows(connection: Connection) -> None:
    """A queue row that is lost, a message nobody decided, a lease that ended, an incident."""
    ids = fill(connection)
    with db.transaction(connection):
        _, touched = messages.upsert(connection, [message("late", "t9")])
        conversations.refresh(connection, touched)
        db.execute(connection, "DELETE FROM triage.unanswered_queue WHERE conversation_id = %s", (ids[2],))
        db.execute(connection, "UPDATE triage.unanswered_queue SET lease_until = now() - interval '1 hour' "
                               "WHERE conversation_id = %s", (ids[0],))  # fmt: skip
        db.execute(connection, "SELECT triage.open_incident('delivery', 'people call')")
    figures = told(connection)
    assert of(figures, "ledger_imbalance") == 1
    assert of(figures, "undecided_messages") == 1
    assert of(figures, "leases_lapsed") == 1
    assert of(figures, "incidents", state="open") == 1


def test_the_command_prints_them_or_replaces_a_file_at_once(
    connection: Connection, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    fill(connection)
    monkeypatch.setenv("TRIAGE_CONFIG", str(ROOT / "config"))
    assert cli.main(["metrics", "--dsn", dsn]) == 0
    printed = capsys.readouterr().out
    assert "\ntriage_ledger_imbalance 0.0\n" in printed
    target = tmp_path / "triage.prom"
    target.write_text("old")
    assert cli.main(["metrics", "--dsn", dsn, "--output", str(target)]) == 0
    assert capsys.readouterr().out == ""
    assert names(target.read_text()) == names(printed)
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [target], "nothing is left beside it"
    assert cli.main(["metrics", "--dsn", dsn, "--output", str(tmp_path / "no" / "such.prom")]) == 1
    assert "name a folder of your own" in capsys.readouterr().err


def names(text: str) -> list[str]:
    return [line.rpartition(" ")[0] for line in text.splitlines()]


def test_a_login_that_may_not_read_is_told(
    dsn: str, login: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(login)
    assert cli.main(["metrics", "--dsn", login("triage_reader")]) == 1
    assert "triage_pipeline" in capsys.readouterr().err


def test_no_figure_names_a_person(connection: Connection) -> None:
    fill(connection)
    text = metrics.exposition(metrics.measure(connection, SETTINGS))
    people = [row["author"] for row in table(connection, "SELECT DISTINCT author FROM triage.message")]
    assert len(people) > 5
    assert [person for person in people if person in text] == []
