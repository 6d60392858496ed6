"""The DAGs as Airflow runs them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.builders import decision
from tests.dags.stage import MAILBOX, Stage, ago, tries
from triage.store import conversations, db


def _events() -> list[tuple[str, dict[str, Any]]]:
    """(DAG, figures) of every event of the asset so far."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.query(AssetEvent).order_by(AssetEvent.id).all()
        return [(e.source_dag_id, dict(e.extra)) for e in found if e.asset.name == "triage/messages"]


def _fill(stage: Stage) -> None:
    stage.mail("burnt", "My mixer caught fire and burned my hand. What shall I do?")
    stage.mail(
        "retard", "Bonjour, ma commande devait arriver lundi et je n'ai toujours rien reçu. Où est-elle ?"
    )
    stage.mail(
        "news",
        "Our kitchen newsletter of the week.",
        sender="news@shop.example",
        List_Id="<news.shop.example>",
    )
    post = {
        "author": "gwen",
        "author_name": "Gwen",
        "text": "@volmera my Duo7 smokes, is it recalled?",
        "lang": "en",
    }
    stage.x.control("deliver", {"posts": [{"id": "p1", "created_at": ago(5), **post}]})


def test_a_message_travels_the_whole_way(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    _fill(stage)
    before = len(_events())
    assert tries(stage.run("collect_care")) == {"pull": ("success", 1)}
    assert re.search(
        r"collect care: read 3, kept 3, skipped 0, quarantined 0, failed 0, quota \d+", capfd.readouterr().out
    )
    assert tries(stage.run("collect_volmera_x")) == {"pull": ("success", 1)}
    assert "collect volmera_x: read 1, kept 1" in capfd.readouterr().out
    (mails, posts) = _events()[before:]
    assert (mails[0], mails[1]["account"], mails[1]["kept"]) == ("collect_care", "care", 3)
    assert mails[1]["quota"] == sum(mails[1]["units"].values()) > 0
    assert (posts[0], posts[1]["account"], posts[1]["kept"]) == ("collect_volmera_x", "volmera_x", 1)
    assert stage.rows("SELECT count(*) AS n FROM triage.unanswered_queue WHERE topic = 'unsure'") == [
        {"n": 3}
    ]

    decided = stage.run("triage")
    assert tries(decided) == dict.fromkeys(("classify", "label", "detect"), ("success", 1))
    out = capfd.readouterr().out
    assert "classify: read 3, kept 3" in out
    assert re.search(r"label care: read 4, kept 4", out)
    assert [ti.rendered_map_index for ti in decided.get_task_instances() if ti.task_id == "label"] == ["care"]
    queue = stage.rows("SELECT account, topic FROM triage.unanswered_queue ORDER BY priority, due_at")
    assert len(queue) == 3
    assert "Triage/Unanswered" in stage.labels("burnt")
    assert len(stage.labels("burnt")) == 2, "and the topic's own"
    assert stage.labels("news") == set()

    watched = ("audit", "stall", "money", "upkeep", "hub", "watch")
    assert tries(stage.run("care")) == dict.fromkeys(watched, ("success", 1))
    assert "audit: collected 3, answered 0, waiting 3, dismissed 0, queue_rows 3" in capfd.readouterr().out


def test_nothing_new_wakes_nobody_and_changes_nothing(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    _fill(stage)
    for dag_id in ("collect_care", "collect_volmera_x", "triage"):
        stage.run(dag_id)
    events, box, queue = (
        len(_events()),
        stage.box(),
        stage.rows("SELECT * FROM triage.unanswered_queue ORDER BY 1"),
    )
    capfd.readouterr()
    for dag_id in ("collect_care", "collect_volmera_x", "triage"):
        assert stage.run(dag_id).state == "success"
    assert len(_events()) == events
    assert stage.box() == box
    assert stage.rows("SELECT * FROM triage.unanswered_queue ORDER BY 1") == queue
    out = capfd.readouterr().out
    assert "collect care: read 0, kept 0" in out
    assert "label care: read 0, kept 0" in out


def test_a_reply_from_gmail_takes_row_and_label_away_and_a_new_mail_brings_them_back(stage: Stage) -> None:
    stage.mail("burnt", "My mixer burned my hand.")
    cycle = ("collect_care", "triage")
    for dag_id in cycle:
        stage.run(dag_id)
    first = stage.rows("SELECT waiting_since FROM triage.unanswered_queue")
    (thread,) = {message["thread"] for message in stage.box()["messages"]}
    person = f"mailboxes/{MAILBOX}/person"
    stage.gmail.control(
        person, {"action": "reply", "thread": thread, "text": "Please see a doctor. We call you."}
    )
    for dag_id in cycle:
        stage.run(dag_id)
    assert stage.rows("SELECT * FROM triage.unanswered_queue") == []
    assert "Triage/Unanswered" not in stage.labels("burnt")
    stage.mail(
        "burnt", "You did not call and my hand hurts more than ever!", In_Reply_To="<burnt.24@example.org>"
    )
    for dag_id in cycle:
        stage.run(dag_id)
    second = stage.rows("SELECT waiting_since FROM triage.unanswered_queue")
    assert len(first) == len(second) == 1
    assert second[0]["waiting_since"] > first[0]["waiting_since"]
    assert "Triage/Unanswered" in stage.labels("burnt")


def test_replay_decides_again_and_comes_to_the_same(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    _fill(stage)
    for dag_id in ("collect_care", "collect_volmera_x", "triage"):
        stage.run(dag_id)
    queue = stage.rows("SELECT conversation_id, topic, due_at FROM triage.unanswered_queue ORDER BY 1")
    before = len(_events())
    assert stage.run("replay", what="decide", account="care").state == "success"
    assert "replay decide care: read 0, kept 2" in capfd.readouterr().out
    assert [(dag, figures["kept"]) for dag, figures in _events()[before:]] == [("replay", 2)]
    assert stage.rows(
        "SELECT count(*) AS n FROM triage.message WHERE decision_id IS NULL AND direction = 'inbound'"
    ) == [{"n": 2}]
    stage.run("triage")
    assert stage.run("replay", what="refresh").state == "success"
    assert (
        stage.rows("SELECT conversation_id, topic, due_at FROM triage.unanswered_queue ORDER BY 1") == queue
    )


def test_resync_reads_the_window_again_and_stores_nothing_twice(stage: Stage) -> None:
    _fill(stage)
    stage.run("collect_care")
    assert stage.run("replay", what="resync", account="care").state == "success"
    stage.mail("late", "Is my mixer part of the recall?")
    stage.run("collect_care")
    assert stage.rows("SELECT count(*) AS n FROM triage.message") == [{"n": 4}]


@pytest.mark.parametrize(
    ("conf", "sentence"),
    [
        ({"what": "resync"}, "known accounts: care, volmera_x"),
        ({"what": "decide", "account": "caer"}, "known accounts: care, volmera_x"),
        ({"what": "decide", "since": "yesterday"}, "not a date; write it as 2026-11-22"),
    ],
)
def test_replay_names_a_wrong_parameter_with_its_mend(
    stage: Stage, conf: dict[str, str], sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    run = stage.run("replay", **conf)
    said = capfd.readouterr().out
    assert sentence in said, said
    assert tries(run) == {"replay": ("failed", 1)}


def test_a_revoked_token_fails_at_once_and_stores_nothing(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    _fill(stage)
    stage.gmail.control("tokens/revoke", {"token": f"refresh-{MAILBOX}"})
    before = len(_events())
    assert tries(stage.run("collect_care")) == {"pull": ("failed", 1)}
    assert "AirflowFailException: care: Google refuses" in capfd.readouterr().out
    assert len(_events()) == before
    assert stage.rows("SELECT * FROM triage.message") == []


def test_a_missing_connection_fails_at_once_with_file_line_and_mend(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_GMAIL_CARE")
    assert tries(stage.run("collect_care")) == {"pull": ("failed", 1)}
    said = capfd.readouterr().out
    assert re.search(
        r"triage\.yaml:\d+: connection 'gmail_care' does not exist; create it in Airflow", said
    ), said


def test_a_broken_service_is_tried_again_and_nothing_is_lost(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    _fill(stage)
    stage.gmail.control(
        "faults", {"kind": "status", "method": "gmail.users.getProfile", "status": 503, "times": 3}
    )
    run = stage.run("collect_care", retries=1)
    out = capfd.readouterr().out
    assert "new_state=up_for_retry" in out or "UP_FOR_RETRY" in out
    assert "Airflow tries again" in out
    assert tries(run) == {"pull": ("success", 2)}
    assert stage.rows("SELECT count(*) AS n FROM triage.message") == [{"n": 3}]


def test_who_asks_for_long_patience_is_given_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The task rests until the moment that Gmail named, and uses up no retry."""
    from triage_airflow import runtime

    monkeypatch.setattr(runtime, "LONG", timedelta(0))
    _fill(stage)
    stage.gmail.control(
        "faults", {"kind": "status", "method": "gmail.users.getProfile", "status": 429, "retry_after": 3}
    )
    began = datetime.now(UTC)
    run = stage.run("collect_care", retries=0)
    assert tries(run) == {"pull": ("success", 1)}
    assert "Airflow tries again at 20" in capfd.readouterr().out
    assert datetime.now(UTC) - began >= timedelta(seconds=3)
    assert stage.rows("SELECT count(*) AS n FROM triage.message") == [{"n": 3}]


def test_what_a_look_stored_is_announced_by_the_collect_that_follows(stage: Stage) -> None:
    """X is read where it is listed: the event trigger stores, `pull` finds nothing left and wakes `triage`."""
    from triage.config import load
    from triage.ops.look import look
    from triage_airflow.runtime import database, source_of

    _fill(stage)
    settings = load()
    before = len(_events())
    with database() as connection:
        source = source_of(settings.triage.account("volmera_x"), settings, connection)
        sight = look(connection, source, "volmera_x")
        assert sight
        assert (sight.arrived, sight.stored) == (True, 1)
        stage.run("collect_volmera_x")
        assert [(dag, figures["kept"]) for dag, figures in _events()[before:]] == [("collect_volmera_x", 0)]
        with db.transaction(connection):
            found = conversations.undecided(connection, limit=9)
            conversations.decide(connection, [(row["id"], decision()) for row in found])
    stage.run("collect_volmera_x")
    assert len(_events()) == before + 1, "once it is decided nobody is woken for it"


def test_a_database_that_is_away_is_waited_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    gone = {
        "conn_type": "postgres",
        "host": "127.0.0.1",
        "port": 1,
        "schema": "triage",
        "login": "a",
        "password": "b",
    }
    monkeypatch.setenv("AIRFLOW_CONN_TRIAGE_DB", json.dumps(gone))
    run = stage.run("collect_care", retries=1)
    assert tries(run) == {"pull": ("failed", 2)}
    assert "PostgreSQL cannot be reached" in capfd.readouterr().out


def test_care_is_red_when_the_ledger_does_not_balance(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    _fill(stage)
    stage.run("collect_care")
    with db.connect(stage.dsn) as connection, db.transaction(connection):
        db.execute(connection, "DELETE FROM triage.unanswered_queue WHERE conversation_id IN "
                               "(SELECT conversation_id FROM triage.unanswered_queue LIMIT 1)")  # fmt: skip
    run = stage.run("care")
    assert tries(run)["audit"] == ("failed", 1)
    assert "waits but has no queue row" in capfd.readouterr().out
    stage.run("replay", what="refresh")
    assert tries(stage.run("care"))["audit"] == ("success", 1)
