"""The deployment itself, without containers: two Celery workers do the story, one of them and the scheduler are killed.

Every service of docker-compose.yml runs, with its commands, environment and health checks (tests/deploy/native.py).
What comes out is held against the same story done in this process by the plain verbs.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

import demo.gmail
import demo.x
from demo import stage, story
from demo.common.serving import call_control
from demo.progress import Watch
from tests.deploy.compose import SERVICES
from tests.deploy.native import Cluster
from tests.e2e.live import connections, eventually
from tests.e2e.world import World, story_steps
from triage.classify import load_classifier
from triage.config import load
from triage.store import db

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

STATES = """
SELECT m.source, m.native_id, c.state::text AS state
FROM triage.message m JOIN triage.conversation c ON c.id = m.conversation_id"""
LEDGER = "SELECT * FROM triage.ledger"
DOUBLE = """
SELECT message_id FROM triage.classification WHERE decided_by <> 'human'
GROUP BY message_id, model, taxonomy HAVING count(*) > 1"""
NEWEST = """
SELECT DISTINCT ON (conversation_id) native_id FROM triage.message
WHERE source = 'gmail' AND direction = 'inbound' ORDER BY conversation_id, sent_at DESC, native_id"""
PATIENCE = 900


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Everything of the file but the story, which begins when the test says so."""
    base = Path(tempfile.mkdtemp(prefix="triage-topology-"))
    base.chmod(0o755)
    made = Cluster(base=base)
    try:
        made.up(without=("story",))
        yield made
    finally:
        made.down()
        shutil.rmtree(base, ignore_errors=True)


def _gmail(cluster: Cluster, path: str, body: Any = None, *, verb: str | None = None) -> Any:
    return call_control(cluster.url("gmail"), path, body, verb=verb)


def _rows(dsn: str, sql: str) -> list[dict[str, Any]]:
    with db.connect(dsn) as connection:
        return db.rows(connection, sql)


def _delivered(cluster: Cluster) -> list[str]:
    """What the service `story` says it has delivered."""
    diary = cluster.base / "volumes" / "stage" / "delivered.json"
    return list(json.loads(diary.read_text())) if diary.exists() else []


def _at_work(cluster: Cluster) -> list[str]:
    """The workers that hold a connection to Gmail's stand-in."""
    port = int(cluster.url("gmail").rpartition(":")[2])
    return [
        label
        for label in cluster.labels("worker")
        if label in cluster.processes
        and any(_talks_to(p, port) for p in cluster.family(cluster.processes[label]))
    ]


def _talks_to(process: psutil.Process, port: int) -> bool:
    return any(
        c.raddr and c.raddr.port == port and c.status == psutil.CONN_ESTABLISHED for c in connections(process)
    )


def _done(cluster: Cluster, label: str) -> int:
    """How many tasks a worker has done."""
    return len(re.findall(r"\bsucceeded in\b", cluster.log(label)))


def _missing(cluster: Cluster) -> set[str]:
    """Mails and posts that are neither stored nor in quarantine; nobody asks for spam and retweets."""
    box = _gmail(cluster, f"mailboxes/{story.MAILBOX}/snapshot")
    mails = {m["id"] for m in box["messages"] if not {"SPAM", "TRASH", "DRAFT"} & set(m["labels"])}
    shown = call_control(cluster.url("x"), "snapshot")["posts"]
    posts = {p["id"] for p in shown if "retweeted" not in {kind for kind, _ in p["references"]}}
    return (mails | posts) - Watch(cluster.dsn).known()


def test_every_service_of_the_file_runs_and_is_well(cluster: Cluster) -> None:
    for name, service in SERVICES.items():
        if "healthcheck" in service:
            cluster.wait_healthy(name)
        elif name != "story":
            cluster.completed(name)
    assert cluster.labels("worker") == ["worker-1", "worker-2"]


def test_nothing_listens_beyond_loopback(cluster: Cluster) -> None:
    listening = [
        (label, c.laddr)
        for label, process in cluster.processes.items()
        for member in cluster.family(process)
        for c in connections(member)
        if c.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 6
    assert [entry for entry in listening if entry[1].ip not in ("127.0.0.1", "::1")] == []


def test_a_worker_and_the_scheduler_are_killed_and_the_ledger_is_that_of_the_plain_run(
    cluster: Cluster, dsn: str
) -> None:
    workers = cluster.labels("worker")
    eventually(lambda: all(_done(cluster, label) for label in workers), "both workers do tasks", PATIENCE)
    _gmail(cluster, "faults", {"kind": "hang", "seconds": 600, "method": "batch", "skip": 3})
    cluster.start("story")
    eventually(lambda: _gmail(cluster, "faults")["holding"] == 1, "a task hangs in its batch", PATIENCE)
    eventually(lambda: len(_at_work(cluster)) == 1, "nobody else asks Gmail", PATIENCE)
    (victim,) = _at_work(cluster)
    (survivor,) = set(workers) - {victim}
    stored = Watch(cluster.dsn).counts().mails

    cluster.kill(victim)
    cluster.kill("scheduler")
    _gmail(cluster, "faults", verb="DELETE")
    assert not cluster.healthy(victim)
    assert not cluster.healthy("scheduler")
    before = {label: _done(cluster, label) for label in workers}
    cluster.restart("scheduler")
    cluster.wait_healthy("scheduler")

    eventually(lambda: len(_delivered(cluster)) >= 4, "the story goes on", PATIENCE)
    assert cluster.stop("story") == 0
    eventually(lambda: not _missing(cluster), "everything is collected", PATIENCE)
    eventually(lambda: Watch(cluster.dsn).counts().settled, "everything is decided and labelled", PATIENCE)

    assert 0 < stored < Watch(cluster.dsn).counts().mails, "the kill came in the middle"
    assert _done(cluster, victim) == before[victim]
    assert _done(cluster, survivor) > before[survivor]
    assert _rows(cluster.dsn, DOUBLE) == []
    assert [(label, stray) for label in cluster.processes for stray in cluster.places.strays(label)] == []
    _same_as_the_plain_run(cluster, dsn, _delivered(cluster))


def _same_as_the_plain_run(cluster: Cluster, dsn: str, delivered: list[str]) -> None:
    """The same deliveries, worked off by the verbs in this process, give the same ledger and the same mailbox."""
    with demo.gmail.serve() as gmail, demo.x.serve() as x:
        gmail.control("quota", {"limit": 0})
        world = World(dsn=dsn, gmail=gmail, x=x, classifier=load_classifier(load().topics, cascade=False))
        world.prepare()
        _deliver_again(world, delivered)
        with db.connect(dsn) as connection:
            world.round(connection)
        plain, here = _rows(dsn, LEDGER)[0], _rows(cluster.dsn, LEDGER)[0]
        assert here == plain
        assert here["collected"] == here["answered"] + here["waiting"] + here["dismissed"]
        assert here["collected"] > 250
        assert here["queue_rows"] == here["waiting"]
        assert _states(cluster.dsn, cluster.url("x")) == _states(dsn, x.url)
        shown = _unanswered(cluster.dsn, cluster.url("gmail"))
        assert shown == _unanswered(dsn, gmail.url)
        assert all(shown.values())


def _deliver_again(world: World, delivered: list[str]) -> None:
    paths = story.files(encore=True)
    steps = story_steps()
    stage.deliver(world.gmail.url, world.x.url, story.MAILBOX, steps)
    for number, step in enumerate(story.steps(paths, datetime.now(UTC))):
        if f"encore-{number}" in delivered:
            now = story.at_moment(step, datetime.now(UTC) - timedelta(seconds=1), paths)
            stage.deliver(world.gmail.url, world.x.url, story.MAILBOX, [now])


def _states(dsn: str, x: str) -> dict[str, str]:
    """The state of every message's conversation; a post by its label, since its id holds its time."""
    labels = {post["id"]: post["label"] for post in call_control(x, "snapshot")["posts"]}
    return {labels.get(row["native_id"], row["native_id"]): row["state"] for row in _rows(dsn, STATES)}


def _unanswered(dsn: str, gmail: str) -> dict[str, bool]:
    """Every thread that Gmail shows with the label, and whether its newest question has it.

    An older open question keeps its label when the next one in its thread gets it too: that depends on the moment.
    """
    newest = {row["native_id"] for row in _rows(dsn, NEWEST)}
    box = call_control(gmail, f"mailboxes/{story.MAILBOX}/snapshot")
    found: dict[str, bool] = {}
    for message in box["messages"]:
        if "Triage/Unanswered" in message["labels"]:
            found[message["thread"]] = found.get(message["thread"], False) or message["id"] in newest
    return found
