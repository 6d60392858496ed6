"""kill -9 in the middle of a verb, at six points: after the rerun, database and mailbox are as if nothing happened.

The processes killed are the commands `triage collect | decide | label`, which run the very functions that the
Airflow tasks run. They are stopped at an exact point from outside: by a stand-in that does not answer, or by a
lock that the test holds.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import demo.gmail
import demo.x
from demo import story
from tests.e2e.world import MAILBOX, World
from triage.config import config_dir
from triage.store import db

VERBS = (("collect", "care"), ("collect", "volmera_x"), ("decide",), ("label", "care"))
START = datetime.now(UTC) - timedelta(hours=3, minutes=2)
STEPS = [s for s in story.steps(story.files(encore=False), START) if s.at < START]

TABLES = {
    "messages": """
        SELECT m.source, m.account, m.native_id, c.key, m.direction::text, m.author, m.sent_at, m.subject, m.text,
               m.deleted_at IS NULL AS there, m.bare_thanks, d.topic, d.intent, d.stage
        FROM triage.message m JOIN triage.conversation c ON c.id = m.conversation_id
        LEFT JOIN triage.classification d ON d.id = m.decision_id ORDER BY 1, 2, 3""",
    "decisions": """
        SELECT m.native_id, d.topic, d.topics, d.evidence, d.decided_by, d.model, d.taxonomy
        FROM triage.classification d JOIN triage.message m ON m.id = d.message_id ORDER BY 1, 2""",
    "conversations": """
        SELECT source, account, key, state::text, kind, waiting_since, topic
        FROM triage.conversation ORDER BY 1, 2, 3""",
    "queue": """
        SELECT source, account, conversation, topic, severity, priority, kind, intent, waiting_since, due_at, author,
               excerpt, messages, claimed_by FROM triage.unanswered_queue ORDER BY 1, 2, 3""",
    "labels": "SELECT native_id, label, wanted, applied, gone FROM triage.label_outbox ORDER BY 1, 2",
    "quarantine": "SELECT source, native_id, reason FROM triage.quarantine ORDER BY 1, 2",
    "history": "SELECT account, value->>'history_id' AS history_id FROM triage.cursor ORDER BY 1",
}


def _picture(world: World) -> dict[str, str]:
    """Everything that two runs must agree on, as text."""
    with db.connect(world.dsn) as connection:
        tables = {name: json.dumps(db.rows(connection, sql), default=str) for name, sql in TABLES.items()}
    box = world.gmail.control(f"mailboxes/{MAILBOX}/snapshot")
    return {**tables, "mailbox": json.dumps(box)}


@pytest.fixture(scope="module", autouse=True)
def _fast_config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """config/ without the slow second reader."""
    folder = tmp_path_factory.mktemp("config")
    for path in config_dir().glob("*.yaml"):
        (folder / path.name).write_text(path.read_text().replace("encoder: true", "encoder: false"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRIAGE_CONFIG", str(folder))
        yield


def _start(world: World, verb: tuple[str, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "triage.cli", *verb],
        env={**os.environ, **world.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _run(world: World, verb: tuple[str, ...]) -> None:
    process = _start(world, verb)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, (out + err).decode()


@contextmanager
def _hanging(world: World, **fault: Any) -> Iterator[Callable[[], bool]]:
    """The Gmail stand-in falls silent at one request; yields whether somebody hangs on it."""
    world.gmail.control("faults", {"kind": "hang", "seconds": 60, **fault})
    yield lambda: bool(world.gmail.control("faults")["holding"])
    world.gmail.control("faults", verb="DELETE")


@contextmanager
def _locked(world: World, table: str) -> Iterator[Callable[[], bool]]:
    """Nobody can write to a table; yields whether somebody waits for it."""
    with db.connect(world.dsn) as holder, db.connect(world.dsn) as look:
        look.autocommit = True
        db.execute(holder, f"LOCK TABLE triage.{table} IN SHARE ROW EXCLUSIVE MODE")
        waiting = "SELECT count(*) AS n FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
        yield lambda: db.rows(look, waiting, (f"triage.{table}",))[0]["n"] > 0


POINTS: dict[str, tuple[int, Callable[[World], Any]]] = {
    "collect, while listing": (0, lambda w: _hanging(w, method="gmail.users.messages.list")),
    "collect, in the second batch of mails": (0, lambda w: _hanging(w, method="batch", skip=1)),
    "collect, page stored but not committed": (0, lambda w: _locked(w, "cursor")),
    "triage, decisions not stored": (2, lambda w: _locked(w, "classification")),
    "triage, decided but queue not refreshed": (2, lambda w: _locked(w, "unanswered_queue")),
    "triage, labelled but not confirmed": (
        3,
        lambda w: _hanging(w, method="gmail.users.messages.batchModify", when="after"),
    ),
}


@contextmanager
def _world(dsn: str) -> Iterator[World]:
    with demo.gmail.serve() as gmail, demo.x.serve() as x:
        gmail.control("quota", {"limit": 0})
        world = World(dsn=dsn, gmail=gmail, x=x, classifier=None)
        world.prepare()
        world.deliver(STEPS)
        yield world


@pytest.fixture(scope="module")
def undisturbed(module_dsn: str) -> dict[str, str]:
    with _world(module_dsn) as world:
        for verb in VERBS:
            _run(world, verb)
        return _picture(world)


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_verb_leaves_nothing_behind(dsn: str, undisturbed: dict[str, str], point: str) -> None:
    number, trap = POINTS[point]
    with _world(dsn) as world:
        for verb in VERBS[:number]:
            _run(world, verb)
        with trap(world) as stuck:
            process = _start(world, VERBS[number])
            end = time.monotonic() + 60
            while not stuck():
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < end, "the process never came to the point"
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
            process.wait()
        for verb in VERBS[number:]:
            _run(world, verb)
        picture = _picture(world)
    for part, text in undisturbed.items():
        assert picture[part] == text, part
