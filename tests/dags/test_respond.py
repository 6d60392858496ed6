"""From the incident to the statement, as Airflow runs it: mailed, waited for, approved by a person, posted once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import demo.x
from demo import smtp
from demo.common.serving import Server
from demo.stage import X_KEYS
from tests.builders import START, table
from tests.dags import sandbox
from tests.ops.crowd import Crowd, burst
from triage.ops import incident, respond
from triage.store import db

NOTIFY = {"crisis": {"kind": "smtp", "connection": "smtp_default", "addresses": ["crisis@volmera.example"]}}


@dataclass(kw_only=True)
class Room:
    """A crisis room: a database with people who write on X, X itself, and a mail server."""

    dsn: str
    x: Server
    mail: smtp.Folder

    def crisis(self) -> None:
        """Say that there is one, with twelve people on X who brought it up."""
        with db.connect(self.dsn) as connection:
            crowd = Crowd(connection)
            ago = (datetime.now(UTC) - START) / timedelta(minutes=1) - 9
            incident.declare(connection, "product_defect", by="ana", reason="a post")
            crowd.write(burst(ago, 12), account="volmera_x")
            with db.transaction(connection):
                db.execute(connection, "UPDATE triage.incident SET onset = now() - interval '10 minutes'")

    def run(self) -> Any:
        """One run of the DAG, to its end."""
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(sandbox.DAGS / "respond.py")
        assert bag.import_errors == {}
        dag = bag.dags["respond"]
        dag.deadline = []  # dag.test() of Airflow 3.3 looks for alerts by an id that only a scheduler gives them
        for task in dag.tasks:
            if not task.is_mapped:
                task.retries = 0
        return dag.test()

    def posts(self) -> list[str]:
        """What X shows of us."""
        return [p["text"] for p in self.x.control("snapshot")["posts"] if p["author"] == "volmera"]

    def statements(self) -> list[dict[str, Any]]:
        """What was said, and where."""
        with db.connect(self.dsn) as connection:
            return respond.show(connection, 1)


@pytest.fixture
def room(
    dsn: str, login: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Room]:
    sandbox.metadata_database()
    at = urlsplit(login("triage_pipeline"))
    config = tmp_path / "config"
    config.mkdir()
    shipped = sandbox.ROOT / "config"
    for name in ("topics.yaml", "plan"):
        (config / name).symlink_to(shipped / name)
    text = (shipped / "triage.yaml").read_text(encoding="utf-8")
    (config / "triage.yaml").write_text(f"{text}\nnotify: {json.dumps(NOTIFY)}\n", encoding="utf-8")
    monkeypatch.setenv("TRIAGE_CONFIG", str(config))
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example")
    with smtp.serve(tmp_path / "mail") as (mail, port), demo.x.serve() as x:
        x.control(
            "users", {"handle": "volmera", "name": "Volmera", "app_tokens": ["app-token"], "oauth1": X_KEYS}
        )
        connections = {
            "triage_db": {
                "conn_type": "postgres", "host": at.hostname, "port": at.port, "schema": at.path[1:],
                "login": at.username, "password": at.password,
            },
            "smtp_default": {
                "conn_type": "smtp", "host": "127.0.0.1", "port": port,
                "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "triage@volmera.example"},
            },
            "x_volmera": {
                "conn_type": "x", "login": "@volmera", "password": "app-token",
                "extra": {
                    "api_endpoint": x.url, "consumer_key": X_KEYS["consumer_key"],
                    "consumer_secret": X_KEYS["consumer_secret"], "access_token": X_KEYS["token"],
                    "access_token_secret": X_KEYS["token_secret"],
                },
            },
        }  # fmt: skip
        for name, value in connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(value))
        yield Room(dsn=dsn, x=x, mail=mail)


@contextmanager
def answering(option: str, *, seen: Callable[[str], None] = lambda body: None) -> Iterator[None]:
    """Somebody named Hana who answers what waits for an answer, as Airflow's page does it."""
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import handle_event_submit
    from airflow.triggers.base import TriggerEvent
    from airflow.utils.session import create_session

    done = threading.Event()

    def answer() -> None:
        while not done.wait(0.2):
            with create_session() as session:
                for detail in session.query(HITLDetail).filter(HITLDetail.responded_at.is_(None)):
                    task = session.get(TaskInstance, detail.ti_id)
                    if task is None or str(task.state) != "awaiting_input":
                        continue
                    seen(detail.body)
                    detail.responded_by = {"id": "7", "name": "Hana"}
                    detail.responded_at = datetime.now(UTC)
                    detail.chosen_options, detail.params_input = [option], {}
                    session.flush()
                    handle_event_submit(
                        TriggerEvent(detail.as_resume_event_payload()), task_instance=task, session=session
                    )

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def states(run: Any) -> dict[tuple[str, int], str]:
    return {(ti.task_id, ti.map_index): str(ti.state) for ti in run.get_task_instances()}


def test_the_owner_is_mailed_a_person_approves_and_it_is_said_once(room: Room) -> None:
    room.crisis()
    shown: list[str] = []
    with answering("Approve", seen=shown.append):
        run = room.run()
    assert states(run) == {("begin", -1): "success", ("approve", 0): "success", ("publish", 0): "success"}
    (mail,) = room.mail.mails()
    assert (mail["To"], mail["Subject"]) == (
        "crisis@volmera.example",
        "Incident 1: Defect, recall, 12 messages",
    )
    rows = room.statements()
    assert [(r["channel"], r["state"], r["approved_by"]) for r in rows] == [
        (channel, "published", "Hana") for channel in ("hub", "hub", "volmera_x", "volmera_x")
    ]
    assert sorted(room.posts()) == sorted(r["text"] for r in rows if r["channel"] == "volmera_x")
    assert all(r["text"].splitlines()[0] in shown[0] for r in rows), "the texts themselves were shown"
    assert all(r["url"] for r in rows if r["channel"] == "volmera_x")
    with db.connect(room.dsn) as connection:
        (row,) = incident.board(connection)
        assert timedelta(minutes=10) <= row["to_statement"] <= timedelta(minutes=20)
        assert [h["verb"] for h in incident.show(connection, 1)["history"]] == ["open", "draft", "approve"]  # type: ignore[index]
        assert len(table(connection, "SELECT * FROM triage.question WHERE approved_by = 'Hana'")) >= 10
    again = room.run()
    assert states(again)["begin", -1] == "success"
    assert {state for (task, _), state in states(again).items() if task != "begin"} == {"skipped"}
    assert len(room.posts()) == 2
    assert len(room.mail.mails()) == 1


def test_rejected_it_is_not_said(room: Room) -> None:
    room.crisis()
    with answering("Reject"):
        run = room.run()
    assert set(states(run).values()) == {"success"}
    assert {r["state"] for r in room.statements()} == {"withdrawn"}
    assert room.posts() == []


def test_a_channel_that_has_no_keys_is_named_and_the_hub_speaks(
    room: Room, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    room.crisis()
    keyless = {
        "conn_type": "x",
        "login": "@volmera",
        "password": "app-token",
        "extra": {"api_endpoint": room.x.url},
    }
    monkeypatch.setenv("AIRFLOW_CONN_X_VOLMERA", json.dumps(keyless))
    with answering("Approve"):
        run = room.run()
    assert states(run)["publish", 0] == "failed"
    assert "the X connection holds no keys to write with" in capfd.readouterr().out
    assert {(r["channel"], r["state"]) for r in room.statements()} == {
        ("hub", "published"),
        ("volmera_x", "publishing"),
    }


def test_a_statement_that_is_late_is_told_of(room: Room) -> None:
    from triage.config import load
    from triage_airflow import tasks_respond

    room.crisis()
    with db.connect(room.dsn) as connection:
        respond.begin(connection, load(), "run 1")
    context = {"dag_run": {"dag_run_id": "run 1"}}
    tasks_respond.late(context)
    tasks_respond.late(context)
    (mail,) = room.mail.mails()
    assert mail["Subject"] == "Incident 1: no statement yet"
    tasks_respond.late({"dag_run": {"dag_run_id": "run 2"}})
    assert len(room.mail.mails()) == 1


def test_the_alert_is_for_the_minutes_that_triage_yaml_says(bag: Any) -> None:
    (alert,) = bag.dags["respond"].deadline
    assert alert.interval == timedelta(minutes=15)
    assert alert.callback.path == "triage_airflow.tasks_respond.late"
