"""Notices as Airflow sends them: to a real mail server, to Slack's and Apprise's ends of the wire."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from demo import smtp
from tests.builders import ACCOUNTS, message
from tests.dags import sandbox
from triage.store import conversations, db, messages

LATE = timedelta(hours=5)


@dataclass
class Wire:
    """An HTTP server that keeps what was posted to it; to `broken` paths it answers 500."""

    url: str = ""
    posted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    refusal: str = ""


@contextmanager
def listening() -> Iterator[Wire]:
    wire = Wire()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            wire.posted.append((self.path, json.loads(body)))
            broken = self.path in wire.broken
            answer = {"ok": not wire.refusal, "error": wire.refusal}
            said = json.dumps(answer).encode() if self.path.startswith("/api/") else b"ok"
            self.send_response(500 if broken else 200)
            self.send_header("Content-Type", "application/json" if said != b"ok" else "text/plain")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    wire.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield wire
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(kw_only=True)
class Office:
    """A database, a mail server, the wire, and a configuration of who is told what."""

    dsn: str
    mail: smtp.Folder
    wire: Wire
    config: Path

    def notify(self, **entries: dict[str, Any]) -> None:
        """`notify:` of triage.yaml."""
        accounts = [
            {
                "name": name,
                "source": source,
                "connection": f"{source}_{name}",
                "addresses": ["care@volmera.example"],
            }
            for name, source in ACCOUNTS.items()
        ]
        text = json.dumps({"version": 1, "accounts": accounts, "notify": entries})
        (self.config / "triage.yaml").write_text(text, encoding="utf-8")

    def run(self, dag_id: str = "tell") -> dict[str, str]:
        """One run of a DAG; the tasks' states."""
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(sandbox.DAGS / f"{dag_id}.py")
        assert bag.import_errors == {}
        for task in bag.dags[dag_id].tasks:
            task.retries = 0
        return {ti.task_id: str(ti.state) for ti in bag.dags[dag_id].test().get_task_instances()}

    def ask(self, text: str, **given: Any) -> None:
        """Somebody wrote five hours ago."""
        at = datetime.now(UTC) - LATE
        said = message(text[:20], text[:20], text=text, sent_at=at, fetched_at=at, **given)
        with db.connect(self.dsn) as connection, db.transaction(connection):
            conversations.refresh(connection, messages.upsert(connection, [said])[1])


@pytest.fixture
def office(
    dsn: str, login: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Office]:
    """An office whose connections Airflow knows."""
    sandbox.metadata_database()
    at = urlsplit(login("triage_pipeline"))
    config = tmp_path / "config"
    config.mkdir()
    (config / "topics.yaml").symlink_to(sandbox.ROOT / "config" / "topics.yaml")
    monkeypatch.setenv("TRIAGE_CONFIG", str(config))
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example")
    refused = {"gone@volmera.example"}
    with smtp.serve(tmp_path / "mail", refused=refused) as (mail, port), listening() as wire:
        connections = {
            "triage_db": {
                "conn_type": "postgres", "host": at.hostname, "port": at.port, "schema": at.path[1:],
                "login": at.username, "password": at.password,
            },
            "smtp_default": {
                "conn_type": "smtp", "host": "127.0.0.1", "port": port,
                "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "triage@volmera.example"},
            },
            "slack_ops": {"conn_type": "slack", "password": "xoxb-1", "extra": {"base_url": f"{wire.url}/api/"}},
            "slack_hook": {
                "conn_type": "slackwebhook", "schema": "http", "host": f"127.0.0.1:{urlsplit(wire.url).port}/services",
                "password": "T0/B0/secret",
            },
            "apprise_crisis": {
                "conn_type": "apprise",
                "extra": {"config": [{"path": f"json://127.0.0.1:{urlsplit(wire.url).port}/{name}", "tag": name}
                                     for name in ("phones", "teams")]},
            },
        }  # fmt: skip
        for name, value in connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(value))
        yield Office(dsn=dsn, mail=mail, wire=wire, config=config)


DESK: dict[str, Any] = {"kind": "smtp", "connection": "smtp_default", "addresses": ["desk@volmera.example"]}
OPS: dict[str, Any] = {"kind": "slack", "connection": "slack_ops", "addresses": ["#ops"], "alarms": True}


def body_of(mail: EmailMessage) -> str:
    """The words of a mail."""
    body = mail.get_body(("html",))
    assert body is not None
    return unescape(str(body.get_content()))


def morning() -> str:
    """A time of day that was at most two hours ago."""
    return f"{max(datetime.now(UTC).hour - 1, 0):02}:00"


def test_digest_and_overdue_come_by_mail_once(office: Office, capfd: pytest.CaptureFixture[str]) -> None:
    office.notify(desk={**DESK, "digest": morning(), "overdue": ["0m"], "language": "fr", "excerpt": 60})
    office.ask("<script>alert(1)</script> {{ conn.smtp_default.password }} Où est mon colis ?")
    assert office.run() == {"tell": "success"}
    assert "tell: read 2, kept 2" in capfd.readouterr().out
    digest, overdue = office.mail.mails()
    assert (digest["To"], digest["From"]) == ("desk@volmera.example", "triage@volmera.example")
    assert str(digest["Subject"]).startswith("Boîte de réception, ")
    assert "1 personne attend une réponse." in body_of(digest)
    assert "https://airflow.example/triage/" in body_of(digest)
    assert digest["Auto-Submitted"] == "auto-generated", (
        "where we watch that mailbox, this waits for no answer"
    )
    assert str(overdue["Subject"]).startswith("En retard")
    raw = str(overdue.get_body(("html",)).get_content())  # type: ignore[union-attr]
    assert "<script" not in raw
    assert "{{ conn.smtp_default.password }}" in body_of(overdue), "what others wrote is no template"
    assert office.run() == {"tell": "success"}
    assert len(office.mail.mails()) == 2


def test_the_week_comes_to_the_committee_by_mail_once(office: Office) -> None:
    today = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[datetime.now(UTC).weekday()]
    committee = {**DESK, "addresses": ["committee@volmera.example"], "weekly": f"{today} {morning()}"}
    office.notify(committee=committee)
    office.ask("My mixer smokes.")
    assert office.run() == {"tell": "success"}
    (week,) = office.mail.mails()
    assert week["To"] == "committee@volmera.example"
    assert str(week["Subject"]).startswith("The week from ")
    assert "plans are missing or incomplete; `triage plan check` says what." in body_of(week)
    assert "smokes" not in body_of(week)
    assert office.run() == {"tell": "success"}
    assert len(office.mail.mails()) == 1


def test_an_address_that_is_refused_is_named_and_everybody_else_is_told(
    office: Office, capfd: pytest.CaptureFixture[str]
) -> None:
    gone = {**DESK, "addresses": ["gone@volmera.example", "desk@volmera.example"], "digest": morning()}
    office.notify(desk=gone, ops=OPS)
    assert office.run() == {"tell": "failed"}
    assert [mail["To"] for mail in office.mail.mails()] == ["desk@volmera.example"]
    out = capfd.readouterr().out
    assert "desk gone@volmera.example: 1 waiting to be sent again: smtp connection 'smtp_default'" in out
    assert "no such mailbox" in out
    ((path, said),) = office.wire.posted
    assert (path, said["channel"]) == ("/api/chat.postMessage", "#ops")
    assert said["text"].startswith("*Alarm: tell.tell failed*\n")
    assert "gone@volmera.example" in said["text"]
    assert "Mend the address in triage.yaml" in said["text"], "the mend is told"


def test_slack_calls_no_channel_that_a_message_names(office: Office) -> None:
    office.notify(
        team={**OPS, "addresses": ["#care", "C0123456789"], "overdue": ["0m"], "excerpt": 90},
        hook={"kind": "slack", "connection": "slack_hook", "overdue": ["0m"]},
    )
    office.ask("<!channel> & <https://evil.example|your bank>")
    assert office.run() == {"tell": "success"}
    sent = dict.fromkeys(said.get("channel", path) for path, said in office.wire.posted)
    assert list(sent) == ["#care", "C0123456789", "/services/T0/B0/secret"]
    text = office.wire.posted[0][1]["text"]
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|your bank&gt;" in text


def test_what_slack_refuses_is_tried_again(office: Office, capfd: pytest.CaptureFixture[str]) -> None:
    office.notify(team={**OPS, "alarms": False, "digest": morning()})
    office.wire.refusal = "channel_not_found"
    assert office.run() == {"tell": "failed"}
    assert "channel_not_found" in capfd.readouterr().out
    office.wire.refusal = ""
    with db.connect(office.dsn) as connection, db.transaction(connection):
        db.execute(connection, "UPDATE triage.notice SET not_before = now()")
    assert office.run() == {"tell": "success"}


def test_apprise_reaches_what_its_connection_lists(office: Office, capfd: pytest.CaptureFixture[str]) -> None:
    from triage_airflow import notices

    crisis = {"kind": "apprise", "connection": "apprise_crisis", "incidents": True}
    office.notify(crisis=crisis, phones={**crisis, "addresses": ["phones"], "incidents": False})
    notices.send("crisis", "Crisis: smoke", "The mixer smokes & burns.")
    assert sorted(path for path, _ in office.wire.posted) == ["/phones", "/teams"]
    assert office.wire.posted[0][1]["title"] == "Crisis: smoke"
    assert office.wire.posted[0][1]["message"] == "The mixer smokes & burns."
    notices.send("phones", "Crisis: smoke", "The mixer smokes & burns.")
    assert len(office.wire.posted) == 3
    office.wire.broken.add("/teams")
    notices.send("nobody we know", "Crisis: fire", "It burns.")
    assert "Apprise delivered to none, or not to all" in _error(office)


def _error(office: Office) -> str:
    with db.connect(office.dsn) as connection, db.transaction(connection):
        (row,) = db.rows(connection, "SELECT error FROM triage.notice WHERE error IS NOT NULL")
    return str(row["error"])


def test_care_that_is_red_tells_ops_once_with_the_mend(office: Office) -> None:
    office.notify(desk={**DESK, "digest": morning()}, ops=OPS)
    office.ask("My mixer smokes.")
    with db.connect(office.dsn) as connection, db.transaction(connection):
        db.execute(connection, "DELETE FROM triage.unanswered_queue")
        db.execute(connection, "UPDATE triage.account SET created_at = now() - interval '1 day'")
    for _ in range(2):
        states = office.run("care")
        assert (states["audit"], states["stall"], states["money"]) == ("failed", "failed", "success")
    alarms = {said["text"].splitlines()[0]: said["text"] for _, said in office.wire.posted}
    assert len(office.wire.posted) == 3
    assert "no crisis is noticed" in alarms["*Alarm: care detector*"], (
        "told as a finding, not as a failed task"
    )
    audit = alarms["*Alarm: care.audit failed*"]
    assert "waits but has no queue row" in audit
    assert "run the DAG replay with what = refresh" in audit
    assert "prepaid credits" not in audit, "another task's advice"
    assert "volmera_x (never)" in alarms["*Alarm: care.stall failed*"]


def test_an_alarm_gets_past_a_database_that_is_away_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {
        "conn_type": "postgres",
        "host": "127.0.0.1",
        "port": 1,
        "schema": "t",
        "login": "a",
        "password": "b",
    }
    monkeypatch.setenv("AIRFLOW_CONN_TRIAGE_DB", json.dumps(away))
    office.notify(ops=OPS)
    for _ in range(2):
        assert office.run() == {"tell": "failed"}
    ((_, said),) = office.wire.posted
    assert "PostgreSQL cannot be reached" in said["text"]


def test_a_missing_connection_is_named(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SMTP_DEFAULT")
    office.notify(desk={**DESK, "digest": morning()})
    assert office.run() == {"tell": "failed"}
    assert "smtp connection 'smtp_default': SMTP connection is not found" in _error(office)


def test_without_recipients_nothing_runs_and_with_them_every_five_minutes(office: Office) -> None:
    from airflow.dag_processing.dagbag import DagBag

    def timetable() -> str:
        return getattr(DagBag(sandbox.DAGS / "tell.py").dags["tell"].timetable, "expression", "")

    office.notify()
    assert timetable() == ""
    office.notify(desk=DESK)
    assert timetable() == "*/5 * * * *"
