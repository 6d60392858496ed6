"""The DAG that sends replies, as Airflow runs it, with the pipeline's own rights in PostgreSQL."""

from __future__ import annotations

import pytest

from tests.dags.stage import Stage, tries
from triage.core.fanout import Text
from triage.ops import fanout
from triage.store import db

WAITS = "SELECT conversation_id AS id FROM triage.unanswered_queue"
REPLIES = "SELECT state, coalesce(error, '') AS error FROM triage.reply ORDER BY id"


def _want(stage: Stage, text: str) -> None:
    (row,) = stage.rows(WAITS)
    with db.connect(stage.dsn) as connection, db.transaction(connection):
        db.rows(connection, "SELECT triage.reply(%s, %s)", (row["id"], text))


def test_a_reply_is_sent_by_its_dag(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    stage.mail("burnt", "My mixer caught fire and burned my hand. What shall I do?")
    stage.run("collect_care")
    _want(stage, "Please unplug it. We call you.")
    assert tries(stage.run("reply_care")) == {"send": ("success", 1)}
    assert "reply care: read 1, kept 1" in capfd.readouterr().out
    assert stage.rows(REPLIES) == [{"state": "sent", "error": ""}]
    assert stage.rows(WAITS) == []
    assert [m["labels"] for m in stage.box()["messages"]].count(["SENT"]) == 1
    stage.run("collect_care")
    assert [r["n"] for r in stage.rows("SELECT count(*) AS n FROM triage.message")] == [2]


def test_what_a_person_must_mend_fails_at_once_and_is_shown_to_whoever_wrote(stage: Stage) -> None:
    """X is connected for reading only."""
    post = {"id": "q", "author": "ada", "text": "@volmera it smokes"}
    stage.x.control("deliver", {"posts": [post]})
    stage.run("collect_volmera_x")
    _want(stage, "Please unplug it.")
    assert tries(stage.run("reply_volmera_x")) == {"send": ("failed", 1)}
    (row,) = stage.rows(REPLIES)
    assert row["state"] == "wanted"
    assert "no keys to write with" in row["error"]


def test_a_fan_out_goes_out_by_the_same_dag_to_its_end(stage: Stage) -> None:
    for number in range(3):
        stage.mail(f"m{number}", f"Where is my parcel {number}?", sender=f"p{number}@example.org")
    stage.run("collect_care")
    with db.connect(stage.dsn) as connection:
        with db.transaction(connection):
            db.execute(connection, "UPDATE triage.unanswered_queue SET lang = 'en'")
        number = fanout.draft(
            connection, texts={"en": Text(long="It is on its way.")}, by="Ada", topic="unsure"
        )
        fanout.approve(connection, number, by="Ada")
    assert tries(stage.run("reply_care")) == {"send": ("success", 1)}
    assert stage.rows("SELECT state FROM triage.fanout") == [{"state": "done"}]
    assert [row["state"] for row in stage.rows(REPLIES)] == ["sent"] * 3
    assert [m["labels"] for m in stage.box()["messages"]].count(["SENT"]) == 3
    assert stage.rows(WAITS) == []
