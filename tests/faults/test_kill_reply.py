"""kill -9 while replies go out, at every step: after the next runs each person has one answer, and nobody two.

The process killed is the command `triage send`, which runs the very function that the Airflow tasks run.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import one, shipped_topics
from tests.ops.outbox import Outbox
from tests.ops.services import Services, serving
from triage.store import db

POSTING = {"gmail": "messages.send", "x": "tweets.create"}
SENT = "SELECT count(*) AS n FROM triage.reply WHERE state = 'sent'"


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with serving() as running:
        yield running


@contextmanager
def _hanging(outbox: Outbox, **fault: Any) -> Iterator[Callable[[], bool]]:
    """The service falls silent at one post; yields whether somebody hangs on it."""
    method = POSTING[outbox.source]
    outbox.server.control("faults", {"kind": "hang", "seconds": 60, "method": method, "skip": 1, **fault})
    yield lambda: bool(outbox.server.control("faults")["holding"])
    outbox.server.control("faults", verb="DELETE")


@contextmanager
def _locked(dsn: str, table: str) -> Iterator[Callable[[], bool]]:
    """Nobody can write to a table; yields whether somebody waits for it."""
    with db.connect(dsn) as holder, db.connect(dsn) as look:
        look.autocommit = True
        db.execute(holder, f"LOCK TABLE triage.{table} IN SHARE ROW EXCLUSIVE MODE")
        waiting = "SELECT count(*) AS n FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
        yield lambda: db.rows(look, waiting, (f"triage.{table}",))[0]["n"] > 0


POINTS: dict[str, Callable[[Outbox, str], Any]] = {
    "before it is noted that one goes out": lambda o, dsn: _locked(dsn, "quota_use"),
    "before the request arrives": lambda o, dsn: _hanging(o),
    "after the deed, before the answer": lambda o, dsn: _hanging(o, when="after"),
    "after the answer, before it is noted": lambda o, dsn: _locked(dsn, "audit"),
}


def _start(environment: dict[str, str], source: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "triage.cli", "send", source],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _kill(process: subprocess.Popen[bytes], when: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not when():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "the process never came to the point"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def _gone(connection: Connection) -> None:
    """Wait until PostgreSQL has noticed: the killed sender's session holds the account's lock until then."""
    held = """SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
              WHERE l.locktype = 'advisory' AND d.datname = current_database()"""
    end = time.monotonic() + 30
    while one(connection, held):
        assert time.monotonic() < end, "the killed sender's session lives on"
        time.sleep(0.05)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("source", POSTING)
def test_a_killed_sender_leaves_nobody_without_and_nobody_with_two(
    connection: Connection, dsn: str, services: Services, tmp_path: Path, source: str, point: str
) -> None:
    outbox = Outbox(connection, services, shipped_topics(), source)
    wanted = {f"Answer number {n}." for n in range(4)}
    for text in sorted(wanted):
        outbox.say(outbox.ask(author=f"user{text[-2]}"), text)
    environment = outbox.environment(tmp_path, dsn)
    with POINTS[point](outbox, dsn) as stuck:
        process = _start(environment, source)
        _kill(process, stuck)
    _gone(connection)
    outbox.send()
    for reply_id in range(1, 5):
        outbox.age(reply_id, minutes=3)
    outbox.send()
    assert one(connection, SENT) == 4
    assert sorted(outbox.ours()) == sorted(wanted)
    outbox.collect()
    assert one(connection, "SELECT count(*) AS n FROM triage.unanswered_queue") == 0


def test_two_hundred_with_three_kills_among_them(
    connection: Connection, dsn: str, services: Services, tmp_path: Path
) -> None:
    outbox = Outbox(connection, services, shipped_topics(), "gmail")
    outbox.yaml["quota"]["gmail"]["units_per_minute"] = 1_000_000
    outbox.server.control("quota", {"limit": 0})
    for n in range(200):
        outbox.ask(author=f"u{n}", collected=False)
    outbox.collect()
    sql = "SELECT triage.reply(conversation_id, 'For all of you.', bulk => true) FROM triage.unanswered_queue"
    with db.transaction(connection):
        db.execute(connection, sql)
    environment = outbox.environment(tmp_path, dsn)
    for kill_at in (20, 77, 140):
        _kill(_start(environment, "gmail"), lambda goal=kill_at: one(connection, SENT) >= goal)
        with db.transaction(connection):
            db.execute(connection, "UPDATE triage.reply SET changed_at = changed_at - interval '3 minutes'")
    for _ in range(2):
        done = _start(environment, "gmail")
        out, err = done.communicate(timeout=240)
        assert done.returncode == 0, (out + err).decode()
    assert one(connection, SENT) == 200
    recipients = [str(mail["To"]) for mail in outbox.mails()]
    assert (len(recipients), len(set(recipients))) == (200, 200)
    assert one(connection, "SELECT count(*) AS n FROM triage.unanswered_queue") == 0
