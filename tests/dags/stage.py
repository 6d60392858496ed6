"""Stand-ins on one side, PostgreSQL with the pipeline's rights on the other, and DAGs that run between them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

import demo.gmail
import demo.x
from demo.common.serving import Server
from tests.dags import sandbox
from triage.store import db

MAILBOX = "care@volmera.example"


@dataclass(kw_only=True)
class Stage:
    """Stand-ins and a database."""

    gmail: Server
    x: Server
    dsn: str

    def mail(self, thread: str, text: str, *, sender: str = "jane@example.org", **headers: str) -> None:
        """Deliver a mail that was sent a minute ago."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, MAILBOX, headers.pop("subject", thread)
        mail["Message-ID"] = f"<{thread}.{len(text)}@example.org>"
        mail["Date"] = format_datetime(datetime.now(UTC) - timedelta(minutes=1))
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(text)
        raw = base64.urlsafe_b64encode(mail.as_bytes()).decode()
        self.gmail.control(f"mailboxes/{MAILBOX}/deliver", {"messages": [{"raw": raw, "thread": thread}]})

    def run(self, dag_id: str, *, retries: int | None = None, **conf: Any) -> Any:
        """One run of a DAG, to its end. The file is read anew: a run leaves its parameters on the DAG object.

        `retries`: so many, without the pause between them.
        """
        from airflow.dag_processing.dagbag import DagBag

        dag = DagBag(sandbox.DAGS).dags[dag_id]
        for task in dag.tasks if retries is not None else ():
            task.retries, task.retry_delay = retries, timedelta(0)
        return dag.test(run_conf=conf or None)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """What the database holds."""
        with db.connect(self.dsn) as connection, db.transaction(connection):
            return db.rows(connection, sql)

    def box(self) -> dict[str, Any]:
        """What the mailbox holds."""
        return self.gmail.control(f"mailboxes/{MAILBOX}/snapshot")

    def labels(self, thread: str) -> set[str]:
        """Our labels on the messages of the conversation whose subject is `thread`."""
        ids = {
            r["native_id"]
            for r in self.rows(f"SELECT native_id FROM triage.message WHERE subject ~ '{thread}'")
        }
        return {
            name
            for m in self.box()["messages"]
            if m["id"] in ids
            for name in m["labels"]
            if name.startswith("Triage/")
        }


@pytest.fixture
def stage(dsn: str, login: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage whose connections Airflow knows."""
    sandbox.metadata_database()
    at = urlsplit(login("triage_pipeline"))
    with demo.gmail.serve() as gmail, demo.x.serve() as x:
        gmail.control("mailboxes", {"address": MAILBOX, "aliases": []})
        x.control("users", {"handle": "volmera", "name": "Volmera", "app_tokens": ["app-token"]})
        connections = {
            "triage_db": {
                "conn_type": "postgres", "host": at.hostname, "port": at.port, "schema": at.path[1:],
                "login": at.username, "password": at.password,
            },
            "gmail_care": {
                "conn_type": "gmail", "login": MAILBOX,
                "extra": {
                    "client_id": "client-id", "client_secret": "client-secret", "refresh_token": f"refresh-{MAILBOX}",
                    "token_uri": f"{gmail.url}/token", "api_endpoint": gmail.url,
                },
            },
            "x_volmera": {
                "conn_type": "x", "login": "@volmera", "password": "app-token", "extra": {"api_endpoint": x.url},
            },
        }  # fmt: skip
        for name, value in connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(value))
        yield Stage(gmail=gmail, x=x, dsn=dsn)


def tries(run: Any) -> dict[str, tuple[str, int]]:
    """State and number of tries of each task of a run."""
    return {ti.task_id: (str(ti.state), ti.try_number) for ti in run.get_task_instances()}


def ago(minutes: float) -> str:
    """A moment of the past, as X writes it."""
    return (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
