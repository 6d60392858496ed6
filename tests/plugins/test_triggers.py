"""The event trigger of an account, in an event loop as the triggerer has it, against stand-in and PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import demo.gmail
from demo.common.serving import Server
from tests.builders import ROOT
from tests.sources.gmail_harness import ME, GmailHarness
from triage.core import bell
from triage.store import db

PATIENCE = 30.0
"""Seconds after which a test gives up."""


@dataclass
class Stage(GmailHarness):
    """The mailbox of the account `care`, and the database."""

    server: Server
    dsn: str
    patch: pytest.MonkeyPatch
    announced: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.server)
        self.connect()

    def connect(self, *, refresh_token: str = f"refresh-{ME}") -> None:
        """Airflow's connections, as environment variables."""
        at = urlsplit(self.dsn)
        extra = {
            "client_id": "client-id", "client_secret": "client-secret", "refresh_token": refresh_token,
            "token_uri": f"{self.server.url}/token", "api_endpoint": self.server.url,
        }  # fmt: skip
        connections = {
            "TRIAGE_DB": {
                "conn_type": "postgres", "host": at.hostname, "port": at.port, "schema": at.path[1:],
                "login": at.username, "password": at.password,
            },
            "GMAIL_CARE": {"conn_type": "gmail", "login": ME, "extra": extra},
        }  # fmt: skip
        for name, value in connections.items():
            self.patch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(value))

    def collect(self) -> dict[str, Any]:
        """One run of the task `pull`; what it announced is in `announced`."""
        from triage_airflow import runtime, tasks

        outer = self

        class Events(dict[Any, Any]):
            def add(self, asset: Any, extra: Any) -> None:
                outer.announced.append((asset.name, extra["kept"]))

        return tasks.pull("care", {runtime.COLLECTED: Events()})

    def looks(self) -> int:
        """How often the mailbox was asked for news."""
        return int(self.stats()["methods"].get("gmail.users.history.list", {}).get("requests", 0))

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """What the database holds."""
        with db.connect(self.dsn) as connection:
            return db.rows(connection, sql)


@pytest.fixture
def stage(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The account `care`, synchronised for the first time, its mailbox empty."""
    with demo.gmail.serve() as server:
        made = Stage(server, dsn, monkeypatch)
        made.collect()
        made.server.control("stats/reset", {})
        yield made


class Log:
    """What was logged so far: Airflow writes its log to the standard output."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured
        self._read = ""

    def text(self) -> str:
        """All of it."""
        self._read += self._captured.readouterr().out
        return self._read


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Log:
    """The log of this test."""
    return Log(capsys)


def trigger(poll: float = 0.02) -> Any:
    from triage_airflow.triggers import ArrivalTrigger

    return ArrivalTrigger(account="care", poll=poll)


def run(triggers: Sequence[Any], *steps: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Run triggers until each step in turn has come true of the events so far; the events."""
    events: list[dict[str, Any]] = []

    async def consume(one: Any) -> None:
        async for event in one.run():
            events.append(event.payload)

    async def main() -> None:
        tasks = [asyncio.create_task(consume(one)) for one in triggers]
        try:
            for step in steps:
                async with asyncio.timeout(PATIENCE):
                    while not await asyncio.to_thread(step, events):
                        await asyncio.sleep(0.01)
        finally:
            for task in tasks:
                task.cancel()
            for one in triggers:
                await one.cleanup()

    asyncio.run(main())
    return events


def do(action: Callable[[], Any]) -> Callable[[Any], bool]:
    """A step that does something and is over."""
    return lambda _: action() or True


def fired(times: int) -> Callable[[list[Any]], bool]:
    return lambda events: len(events) >= times


def looked(stage: Stage, more: int) -> Callable[[Any], bool]:
    """A step that is over after so many looks from when it began."""
    first: list[int] = []

    def step(_: Any) -> bool:
        first.append(stage.looks())
        return first[-1] >= first[0] + more

    return step


def test_it_is_silent_while_nothing_arrives(stage: Stage) -> None:
    assert run([trigger()], looked(stage, 20)) == []
    assert set(stage.spent()) == {"history.list"}


def test_it_fires_once_for_a_batch_and_again_for_the_next(stage: Stage) -> None:
    events = run(
        [trigger()],
        do(lambda: stage.deliver(3)),
        fired(1),
        do(stage.collect),
        looked(stage, 5),
        do(lambda: stage.deliver(2)),
        fired(2),
        do(stage.collect),
        looked(stage, 5),
    )
    assert events == [{"account": "care", "stored": 0}] * 2
    assert stage.announced == [("triage/messages", 3), ("triage/messages", 2)]
    assert stage.rows("SELECT count(*) AS n FROM triage.message") == [{"n": 5}]
    assert stage.spent()["messages.get"] == 100


def test_a_trickle_of_one_costs_2_and_20(stage: Stage) -> None:
    """The look is the find step: collecting asks for nothing but the message."""
    stage.deliver(1)
    run([trigger(poll=600)], fired(1))
    stage.collect()
    assert stage.spent() == {"history.list": 2, "messages.get": 20}


def test_a_lost_event_heals(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "GRACE", 0.2)
    events = run([trigger()], do(lambda: stage.deliver(1)), fired(3), do(stage.collect))
    assert events[:3] == [{"account": "care", "stored": 0}] * 3


def test_what_an_earlier_trigger_left_is_announced(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.deliver(1)
    run([trigger()], fired(1))
    monkeypatch.setattr(bell, "GRACE", 0.2)
    assert len(run([trigger()], fired(1))) == 1


def test_two_triggers_at_once_double_nothing(stage: Stage) -> None:
    steps: list[Callable[[list[dict[str, Any]]], bool]] = []
    for batch in range(1, 6):
        steps += [do(lambda: stage.deliver(2)), fired(batch), do(stage.collect), looked(stage, 6)]
    events = run([trigger(), trigger()], *steps)
    assert len(events) == 5
    assert stage.rows("SELECT count(*) AS n, count(DISTINCT native_id) AS ids FROM triage.message") == [
        {"n": 10, "ids": 10}
    ]
    assert stage.rows("SELECT collected, waiting, queue_rows FROM triage.ledger") == [
        {"collected": 10, "waiting": 10, "queue_rows": 10}
    ]


def test_a_revoked_token_ends_nothing(stage: Stage, log: Log) -> None:
    stage.connect(refresh_token="revoked")
    refused = lambda _: "Google refuses to renew the access token" in log.text()  # noqa: E731
    stage.deliver(1)
    events = run([trigger()], refused, do(stage.connect), fired(1))
    assert len(events) == 1
    assert "connect the mailbox again" in log.text()
    assert "the timetable collects meanwhile" in log.text()


def test_a_lost_database_connection_ends_nothing(stage: Stage, log: Log) -> None:
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'inbox-triage airflow' AND datname = current_database()"
    )
    lost = lambda _: "looked for arrivals again" in log.text()  # noqa: E731
    events = run(
        [trigger()],
        looked(stage, 2),
        do(lambda: stage.rows(cut)),
        lost,
        do(lambda: stage.deliver(1)),
        fired(1),
    )
    assert len(events) == 1


def test_a_mailbox_that_hangs_holds_up_nobody_else(stage: Stage) -> None:
    """The loop turns while Gmail does not answer, and the trigger can be ended."""
    stage.fault(kind="hang", method="history.list", seconds=PATIENCE)
    holding = lambda _: stage.server.control("faults")["holding"] == 1  # noqa: E731
    assert run([trigger()], holding) == []
    stage.server.control("faults/release", {})


def test_it_leaves_no_thread_and_no_connection_behind(stage: Stage) -> None:
    run([trigger()], looked(stage, 2))
    for thread in threading.enumerate():
        if thread.name.startswith("look-care"):
            thread.join(PATIENCE)
            assert not thread.is_alive()
    assert stage.rows(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'inbox-triage airflow'"
    ) == [{"n": 0}]


def test_airflow_makes_the_same_trigger_again(stage: Stage) -> None:
    from airflow.models.trigger import Trigger
    from airflow.serialization.encoders import encode_trigger

    from triage.config import load
    from triage_airflow.triggers import ArrivalTrigger, arrivals

    settings = load()
    account = settings.triage.account("care")
    (watcher,) = arrivals(account, settings).watchers
    kept = Trigger.from_object(watcher.trigger)
    assert kept.classpath == "triage_airflow.triggers.ArrivalTrigger"
    assert ArrivalTrigger(**kept.kwargs).serialize() == watcher.trigger.serialize()
    assert encode_trigger(watcher.trigger)["kwargs"]["poll"] == 5.0


def test_another_configuration_is_another_trigger() -> None:
    from triage.config import load
    from triage_airflow.triggers import arrivals

    settings = load()
    account = settings.triage.account("care")
    other = settings.model_copy(
        update={"triage": settings.triage.model_copy(update={"groups": ("all@volmera.example",)})}
    )
    (before,), (same,), (after,) = (arrivals(account, s).watchers for s in (settings, load(), other))
    assert before.trigger.serialize() == same.trigger.serialize()
    assert before.trigger.serialize() != after.trigger.serialize()


class TestPush:
    """An account that pushes is looked at when Gmail tells of a change, and polled while push is broken."""

    TOPIC = "projects/volmera-mail/topics/care"
    SUBSCRIPTION = "projects/volmera-mail/subscriptions/care"

    @pytest.fixture
    def pushed(self, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
        from triage.sources import gmail_push
        from triage_airflow import tasks

        shipped = (ROOT / "config" / "triage.yaml").read_text()
        push = f"    push: {{topic: {self.TOPIC}, subscription: {self.SUBSCRIPTION}}}\n"
        text = shipped.replace("    connection: gmail_care", push + "    connection: gmail_care", 1)
        (tmp_path / "triage.yaml").write_text(text)
        (tmp_path / "topics.yaml").write_text((ROOT / "config" / "topics.yaml").read_text())
        monkeypatch.setenv("TRIAGE_CONFIG", str(tmp_path))
        monkeypatch.setattr(gmail_push, "_PULL_SECONDS", 0.5)
        stage.server.control("pubsub", {"topic": self.TOPIC, "subscription": self.SUBSCRIPTION})
        token = {"token": f"refresh-{ME}", "scopes": ["gmail.modify", "pubsub"]}
        stage.server.control("mailboxes", {"address": ME, "refresh_tokens": [token]})
        tasks.upkeep()
        return stage

    def test_a_notification_wakes_it(self, pushed: Stage) -> None:
        assert pushed.spent()["watch"] == 100
        events = run(
            [trigger(poll=600)], lambda _: pushed.looks() == 1, do(lambda: pushed.deliver(2)), fired(1)
        )
        assert len(events) == 1
        assert pushed.looks() == 2

    def test_broken_push_is_polling(self, pushed: Stage) -> None:
        pushed.fault(method="pubsub", kind="status", status=503, times=0)
        events = run([trigger()], looked(pushed, 3), do(lambda: pushed.deliver(1)), fired(1))
        assert len(events) == 1
