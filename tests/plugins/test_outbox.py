"""The trigger and the task that send replies: woken once, again when nobody came, never for nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import one, shipped_topics
from tests.ops.outbox import Outbox
from tests.ops.services import Services, serving
from triage.core import bell

PATIENCE = 30.0
POLL = 0.05


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with serving() as running:
        yield running


@pytest.fixture
def outbox(
    connection: Connection, dsn: str, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Outbox:
    """The mailbox, known to Airflow by its environment."""
    made = Outbox(connection, services, shipped_topics(), "gmail")
    at = urlsplit(dsn)
    database = {
        "conn_type": "postgres", "host": at.hostname, "port": at.port, "schema": at.path[1:], "login": at.username,
        "password": at.password,
    }  # fmt: skip
    for name, value in {
        **made.environment(tmp_path, dsn),
        "AIRFLOW_CONN_TRIAGE_DB": json.dumps(database),
    }.items():
        monkeypatch.setenv(name, value)
    return made


def watch(
    until: Callable[[list[Any]], bool], do: Callable[[list[Any]], None] = lambda fired: None
) -> list[Any]:
    """What the trigger fires until then; `do` happens after each look."""
    from triage_airflow.outbox import OutboxTrigger

    async def run() -> list[Any]:
        trigger, fired = OutboxTrigger(account="gmail", poll=POLL), []

        async def listen() -> None:
            async for event in trigger.run():
                fired.append(event.payload)

        task = asyncio.create_task(listen())
        end = asyncio.get_running_loop().time() + PATIENCE
        while not until(fired):
            assert asyncio.get_running_loop().time() < end, fired
            assert not task.done()
            do(fired)
            await asyncio.sleep(POLL)
        task.cancel()
        await trigger.cleanup()
        return fired

    return asyncio.run(run())


def test_it_fires_once_for_what_is_wanted_and_the_task_sends_it(outbox: Outbox) -> None:
    from triage_airflow import outbox as tasks

    conversation = outbox.ask()
    looks = 0

    def write(fired: list[Any]) -> None:
        nonlocal looks
        looks += 1
        if looks == 5:
            assert fired == []
            outbox.say(conversation)

    fired = watch(lambda fired: looks > 20, write)
    assert fired == [{"account": "gmail", "stored": 1}]
    assert tasks.send("gmail")["kept"] == 1
    assert outbox.ours() == ["We are on it."]
    looks = 5
    assert watch(lambda fired: looks > 15, write) == []


def test_it_fires_again_when_nobody_came(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "GRACE", 0.2)
    outbox.say(outbox.ask())
    assert len(watch(lambda fired: len(fired) >= 2)) == 2


def test_what_waits_for_its_time_wakes_nobody(outbox: Outbox) -> None:
    outbox.say(outbox.ask())
    with outbox.connection, outbox.connection.cursor() as cursor:
        cursor.execute("UPDATE triage.reply SET not_before = now() + interval '1 hour'")
    looks = 0

    def count(fired: list[Any]) -> None:
        nonlocal looks
        looks += 1

    assert watch(lambda fired: looks > 10, count) == []


def test_replies_that_lie_unsent_turn_care_red(outbox: Outbox) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from triage_airflow import tasks

    outbox.say(outbox.ask())
    tasks.stall()
    with outbox.connection, outbox.connection.cursor() as cursor:
        cursor.execute(
            "UPDATE triage.reply SET wanted_at = now() - interval '1 hour', changed_at = now() - interval '1 hour'"
        )
    with pytest.raises(AirflowFailException, match="replies are not sent: gmail"):
        tasks.stall()
    assert one(outbox.connection, "SELECT count(*) AS n FROM triage.reply") == 1
