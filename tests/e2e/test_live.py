"""`make demo` on a live Airflow, from a newcomer's first start to the second run that has nothing to do."""

from __future__ import annotations

import base64
import re
import shutil
import signal
import tempfile
import time
import urllib.error
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from demo.progress import Watch
from demo.story import MAILBOX
from tests.e2e.live import Demo, connections, demo, eventually
from triage.store import db

pytestmark = pytest.mark.timeout(900)
UNANSWERED = "Triage/Unanswered"


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """A folder that the embedded PostgreSQL's user can reach."""
    made = Path(tempfile.mkdtemp(prefix="triage-live-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def live(state: Path) -> Iterator[Demo]:
    """The demo, its inbox triaged, standing by."""
    with demo(state) as running:
        running.start("--encore", "0")
        running.until("stays up until Ctrl-C", 600)
        yield running


def _dsn(state: Path) -> str:
    return (state / "story" / "dsn").read_text()


def _rows(state: Path, sql: str, *values: Any) -> list[dict[str, Any]]:
    with db.connect(_dsn(state)) as connection:
        return db.rows(connection, sql, values)


def _labels(live: Demo, thread: str) -> set[str]:
    box = live.mail(f"mailboxes/{MAILBOX}/snapshot")
    return {label for m in box["messages"] if m["thread"] == thread for label in m["labels"]}


def _deliver(live: Demo, raw: str, **more: Any) -> dict[str, Any]:
    item = {"raw": base64.urlsafe_b64encode(raw.replace("\n", "\r\n").encode()).decode(), **more}
    item.setdefault("internalDate", int(time.time() * 1000))
    made: dict[str, Any] = live.mail(f"mailboxes/{MAILBOX}/deliver", {"messages": [item]})["delivered"][0]
    return made


def _mail(sender: str, text: str) -> str:
    return f"From: {sender}\nTo: {MAILBOX}\nSubject: My Duo 7\n\n{text}\n"


def test_the_inbox_is_triaged_and_the_promise_holds(live: Demo) -> None:
    found = re.search(r"collected (\d+) = answered (\d+) \+ waiting (\d+) \+ dismissed (\d+)", live.text)
    assert found, live.text
    collected, answered, waiting, dismissed = map(int, found.groups())
    assert collected == answered + waiting + dismissed
    assert collected > 250
    assert waiting > 100
    assert re.search(r"\d+  Triage/Unanswered", live.text)


def test_the_surge_costs_at_most_21_and_a_half_units_a_mail(live: Demo) -> None:
    found = re.search(r"([\d.]+) for each of the (\d+) new messages", live.text)
    assert found, live.text
    assert int(found[2]) > 400
    assert float(found[1]) <= 21.5


def test_nothing_listens_beyond_loopback(live: Demo) -> None:
    listening = [
        (process.pid, connection.laddr)
        for process in live.family()
        for connection in connections(process)
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 4
    assert [entry for entry in listening if entry[1].ip != "127.0.0.1"] == []


def test_task_logs_are_readable_in_the_ui(live: Demo) -> None:
    runs = live.api("dags/collect_care/dagRuns?state=success&order_by=-run_after&limit=1")["dag_runs"]
    tasks = f"dags/collect_care/dagRuns/{urllib.parse.quote(runs[0]['dag_run_id'])}/taskInstances"
    number = live.api(f"{tasks}/pull")["try_number"]
    assert "collect care: read" in str(live.api(f"{tasks}/pull/logs/{number}")["content"])


def test_a_reply_takes_row_and_label_and_a_new_message_brings_both_back(live: Demo, state: Path) -> None:
    queued = "SELECT waiting_since FROM triage.unanswered_queue WHERE conversation = %s"
    question = _mail("Dana Test <dana@post.example>", "My mixer smells of burning, what now?")
    asked = _deliver(live, question, thread="dana")
    thread = asked["threadId"]
    eventually(lambda: UNANSWERED in _labels(live, thread), "the label of a new mail")
    first = _rows(state, queued, thread)
    assert len(first) == 1

    reply = {"action": "reply", "thread": thread, "text": "Please unplug it, we call you now."}
    live.mail(f"mailboxes/{MAILBOX}/person", reply)
    eventually(lambda: UNANSWERED not in _labels(live, thread), "the label goes once a reply is sent")
    assert _rows(state, queued, thread) == []

    time.sleep(1.1)
    more = _mail("Dana Test <dana@post.example>", "Nobody has called. What should I do?")
    assert _deliver(live, more, thread="dana")["threadId"] == thread
    eventually(lambda: UNANSWERED in _labels(live, thread), "the label comes back")
    again = _rows(state, queued, thread)
    assert again[0]["waiting_since"] > first[0]["waiting_since"]


def test_a_task_killed_in_the_middle_is_done_again_by_airflow(live: Demo, state: Path) -> None:
    """kill -9 of the process that is reading mails: nothing is lost, nothing comes twice."""
    live.mail("faults", {"kind": "hang", "seconds": 120, "method": "batch"})
    sent = [
        _deliver(live, _mail(f"P{n} <p{n}@post.example>", f"Is batch number {n} recalled?")) for n in range(5)
    ]
    eventually(lambda: live.mail("faults")["holding"] == 1, "the task hangs in its batch")
    victims = [p for p in live.family()[1:] if _talks_to(p, live.gmail)]
    assert victims, "no process holds a connection to the stand-in"
    for victim in victims:
        victim.send_signal(signal.SIGKILL)
    live.mail("faults", verb="DELETE")
    ids = [item["id"] for item in sent]
    count = "SELECT count(*) AS n FROM triage.message WHERE native_id = ANY (%s)"
    eventually(lambda: _rows(state, count, ids)[0]["n"] == 5, "the mails after the kill", 180)
    eventually(lambda: all(UNANSWERED in _labels(live, m["threadId"]) for m in sent), "their labels", 180)
    ledger = _rows(state, "SELECT * FROM triage.ledger")[0]
    assert ledger["collected"] == ledger["answered"] + ledger["waiting"] + ledger["dismissed"]
    assert ledger["queue_rows"] == ledger["waiting"]


def _talks_to(process: psutil.Process, port: int) -> bool:
    """A client of the port that is not a stand-in itself."""
    return any(
        c.raddr and c.raddr.port == port and c.status == psutil.CONN_ESTABLISHED for c in connections(process)
    )


def test_ctrl_c_ends_everything(live: Demo, state: Path) -> None:
    eventually(lambda: Watch(_dsn(state)).counts().settled, "everything is decided, every label is sent")
    family = live.family()
    assert live.process is not None
    live.process.send_signal(signal.SIGINT)
    assert live.finish(120) == 0, live.text
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


@pytest.mark.slow
def test_a_second_run_adds_nothing(live: Demo, state: Path) -> None:
    """After the one before; its fast sibling is in test_story.py: a second cycle adds nothing."""
    assert live.process is not None
    assert live.process.poll() == 0
    with demo(state) as again:
        again.start("--once")
        assert again.finish(420) == 0, again.text
        assert "0 new messages, 0 new labels, +0 queue rows" in again.text
