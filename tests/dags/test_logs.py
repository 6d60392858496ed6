"""The pipeline on messages with known words and addresses, in health and in trouble: logs hold neither."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import ROOT
from tests.dags import sandbox
from tests.dags.stage import Stage, ago
from triage.store import db

TEXT = "My mixer caught fire and burned my left thumb. Jane Quixley wants an answer."
NEEDLES = ("left thumb", "quixley", "jane.q@post.example", "caught fire", "duo7 smokes", "gwendolyn")


def deliver(stage: Stage) -> None:
    """A mail and a post, each with a text, a name and an address that nothing else has."""
    stage.mail("my left thumb", TEXT, sender="Jane Quixley <jane.q@post.example>")
    post = {
        "author": "gwendolyn",
        "author_name": "Gwendolyn Roe",
        "text": "@volmera my Duo7 smokes!",
        "lang": "en",
    }
    stage.x.control("deliver", {"posts": [{"id": "p1", "created_at": ago(5), **post}]})


def found_in(said: str) -> list[str]:
    return [needle for needle in NEEDLES if needle in said.lower()]


@pytest.mark.slow
def test_a_whole_cycle_says_nothing_of_people(
    stage: Stage, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    deliver(stage)
    for dag_id in ("collect_care", "collect_volmera_x", "triage", "care"):
        stage.run(dag_id)
    said = capfd.readouterr()
    assert "collect care: read 1, kept 1" in said.out, "the log is looked at"
    assert stage.rows("SELECT text FROM triage.message WHERE text ~ 'left thumb'") != []
    assert found_in(said.out + said.err + caplog.text) == []


def test_what_the_database_quotes_when_it_refuses_a_row(
    stage: Stage, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    deliver(stage)
    with db.connect(stage.dsn) as connection, db.transaction(connection):
        db.execute(
            connection, "ALTER TABLE triage.message ADD CONSTRAINT too_hot CHECK (text !~ 'caught fire')"
        )
    stage.run("collect_care", retries=0)
    said = capfd.readouterr()
    everything = said.out + said.err + caplog.text
    assert "too_hot" in everything, "why it failed is told"
    assert found_in(everything) == []


AS_A_TASK = """
import sys, logging
from airflow.sdk.log import configure_logging
configure_logging(json_output=True, output=open(sys.argv[1], "wb", buffering=0), sending_to_supervisor=True)
import structlog
early = structlog.get_logger("task")
early.info("begun")
from triage_airflow import runtime
from triage.store import db
from tests.builders import message
mail = message("m1", text=sys.argv[3], author="jane.q@post.example", author_name="Jane Quixley")
runtime.redact_logs()
runtime.redact_logs()
runtime.say(f"kept {mail} for care@volmera.example")
logging.getLogger("some.library").warning("cannot store %r", mail)
early.warning("mail", author=mail.author, count=3, kept={"text": mail.text})
try:
    with db.connect(sys.argv[2]) as connection:
        db.execute(connection, "SELECT 1 + %s::integer", (mail.text,))
except Exception:
    early.exception("failed")
"""


def test_in_a_process_of_airflows_own(dsn: str, tmp_path: Path) -> None:
    """Logging set up as the supervisor does for a task: JSON over a channel, and what is printed."""
    channel = tmp_path / "log"
    done = sandbox.python(AS_A_TASK, str(channel), dsn, TEXT, TRIAGE_CONFIG=str(ROOT / "config"))
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in channel.read_text().splitlines()]
    assert [line["event"] for line in lines if line["event"] in ("begun", "mail", "failed")] == [
        "begun",
        "mail",
        "failed",
    ]
    assert next(line for line in lines if line["event"] == "mail")["count"] == 3
    assert any("cannot store Message(" in line["event"] for line in lines)
    assert "care@volmera.example" in done.stdout
    assert found_in(channel.read_text() + done.stdout + done.stderr) == []


def test_a_command_that_fails_in_a_terminal(dsn: str, tmp_path: Path) -> None:
    """Its traceback, which ends in standard error and from there in cron's mail."""
    with db.connect(dsn) as connection, db.transaction(connection):
        db.execute(
            connection, "ALTER TABLE triage.topic ADD CONSTRAINT too_hot CHECK (label_en !~ 'left thumb')"
        )
    for name in ("triage.yaml", "topics.yaml"):
        (tmp_path / name).write_text((ROOT / "config" / name).read_text(encoding="utf-8").replace(
            "Delay, loss, delivery", "Jane Quixley left thumb"))  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "triage.cli", "decide", "--dsn", dsn], capture_output=True, text=True, check=False,
        env=dict(os.environ) | {"TRIAGE_CONFIG": str(tmp_path)}, cwd=ROOT, timeout=120,
    )  # fmt: skip
    assert done.returncode != 0
    assert "too_hot" in done.stderr
    assert found_in(done.stdout + done.stderr) == []
