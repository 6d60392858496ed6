"""From a mail's arrival to its queue row, on a live Airflow: the event trigger beside a one-minute timetable.

    python -m benchmarks.latency [--messages 30] [--window 240]

PostgreSQL, the stand-ins and Airflow's four processes are started in a temporary folder, with the project's own
settings and `schedule: "* * * * *"`. Mails arrive one at a time at independent random moments of a window; then the
triggerer is ended, so that the timetable collects alone, and as many arrive again.
"""

from __future__ import annotations

import argparse
import base64
import json
import math
import random
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psycopg2.extensions

from benchmarks import kit
from demo import scene, stage, story
from demo.common.serving import call_control
from demo.postgres import free_port
from triage.store import db

ACCOUNT = "care"
EVERY_MINUTE = "* * * * *"
MOST_SECONDS = 15.0
MOST_SHARE = 0.3
"""The goals: p95 with the event trigger, in seconds and as a share of the timetable's."""

PATIENCE = 180.0
"""Seconds after the last arrival at which a mail that is not decided is called lost."""

TEXTS = (
    "My mixer caught fire this morning and burned my hand. What am I to do?",
    "Mon robot fume et sent le brûlé, dois-je le renvoyer ?",
    "I was charged twice for order 4471, please give the money back.",
    "Ma commande devait arriver lundi, je n'ai toujours rien reçu.",
    "Is the Duo 7 I bought in May part of the recall?",
)

SEEN = """
SELECT m.native_id, m.decision_id IS NOT NULL AS decided, q.conversation_id IS NOT NULL AS queued,
       m.decision_id IS NOT NULL
           AND (SELECT bool_and(b.wanted = b.applied) FROM triage.label_outbox b WHERE b.message_id = m.id) AS labelled
FROM triage.message m LEFT JOIN triage.unanswered_queue q USING (conversation_id)
WHERE m.native_id = ANY (%s)
"""


@dataclass
class Mail:
    """One mail and the moments (seconds since 1970) at which something was seen of it; 0: not yet."""

    native_id: str
    arrived: float
    queued: float = 0.0
    decided: float = 0.0
    labelled: float = 0.0


@dataclass(frozen=True)
class Started:
    """A task of a run: what woke its DAG and when, and when it ran (seconds since 1970)."""

    kind: str
    woken: float
    began: float
    ended: float


def arrivals(running: scene.Scene, count: int, window: float, chance: random.Random) -> list[Mail]:
    """Deliver so many mails at random moments of the window, and watch each until it is decided and labelled."""
    began = time.time()
    moments = sorted(began + chance.uniform(0, window) for _ in range(count))
    mails: dict[str, Mail] = {}
    with db.connect(running.dsn, name="bench") as connection:
        while moments or any(not (m.decided and m.labelled) for m in mails.values()):
            while moments and moments[0] <= time.time():
                moments.pop(0)
                mail = deliver(running.gmail, len(mails), chance)
                mails[mail.native_id] = mail
            look(connection, mails)
            if time.time() > began + window + PATIENCE:
                raise RuntimeError(f"not decided after {PATIENCE:.0f} s: {mails}")
            time.sleep(0.1)
    return list(mails.values())


def deliver(gmail: str, number: int, chance: random.Random) -> Mail:
    """Put one mail into the mailbox now."""
    mail, name = EmailMessage(), f"s{number}-{chance.getrandbits(40):x}"
    mail["From"], mail["To"], mail["Subject"] = f"Sam <{name}@post.example>", story.MAILBOX, "My Duo 7"
    mail["Message-ID"] = f"<{name}@post.example>"
    mail.set_content(f"{chance.choice(TEXTS)}\n\n{name}")
    arrived = time.time()
    item = {"raw": base64.urlsafe_b64encode(mail.as_bytes()).decode(), "internalDate": int(arrived * 1000)}
    (made,) = call_control(gmail, f"mailboxes/{story.MAILBOX}/deliver", {"messages": [item]})["delivered"]
    return Mail(native_id=made["id"], arrived=arrived)


def look(connection: psycopg2.extensions.connection, mails: dict[str, Mail]) -> None:
    """Note what is seen for the first time."""
    with db.transaction(connection):
        found = db.rows(
            connection, SEEN, ([m.native_id for m in mails.values() if not (m.decided and m.labelled)],)
        )
    now = time.time()
    for row in found:
        mail = mails[row["native_id"]]
        for what in ("queued", "decided", "labelled"):
            if row[what] and not getattr(mail, what):
                setattr(mail, what, now)


def tasks(running: scene.Scene, dag_id: str, task_id: str) -> list[Started]:
    """Every run's task, oldest first. An asset's event is what woke a run; a timetable wakes when it is due."""
    events = {
        run["run_id"]: _seconds(event["timestamp"])
        for event in _pages(running, "assets/events?order_by=-timestamp", "asset_events")
        for run in event["created_dagruns"]
        if run["dag_id"] == dag_id
    }
    runs = {
        r["dag_run_id"]: r for r in _pages(running, f"dags/{dag_id}/dagRuns?order_by=-run_after", "dag_runs")
    }
    found = _pages(running, f"dags/{dag_id}/dagRuns/~/taskInstances?order_by=-start_date", "task_instances")
    done = [
        Started(
            kind=str(runs[t["dag_run_id"]]["run_type"]),
            woken=events.get(t["dag_run_id"], _seconds(runs[t["dag_run_id"]]["run_after"])),
            began=_seconds(t["start_date"]),
            ended=_seconds(t["end_date"]),
        )
        for t in found
        if t["task_id"] == task_id and t["state"] == "success" and t["dag_run_id"] in runs
    ]
    return sorted(done, key=lambda t: t.began)


def _pages(running: scene.Scene, path: str, key: str) -> list[dict[str, Any]]:
    """The newest few hundred of a listing of Airflow's REST API."""
    found: list[dict[str, Any]] = []
    for offset in (0, 100, 200, 300):
        page = _ask(f"{running.airflow.url}/api/v2/{path}&limit=100&offset={offset}")[key]
        found += page
        if len(page) < 100:
            break
    return found


def _ask(url: str) -> Any:
    """A page; Airflow 3.3 answers 500 for events while a run that they created has not started."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(20):
        try:
            with opener.open(url, timeout=30) as body:
                return json.load(body)
        except urllib.error.HTTPError as error:
            refused = error
            time.sleep(1.0)
    raise refused


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


STEPS = (
    "arrival -> found, DAG woken", "DAG woken -> collect starts", "collect starts -> queue row",
    "queue row -> classify starts", "classify starts -> decided", "decided -> label in Gmail",
)  # fmt: skip


def steps(mail: Mail, collects: Sequence[Started], classifies: Sequence[Started]) -> tuple[float, ...] | None:
    """Where the seconds of one mail went; None when its runs cannot be told."""
    pull = max((c for c in collects if c.began <= mail.queued), key=lambda c: c.began, default=None)
    judge = max((c for c in classifies if c.began <= mail.decided), key=lambda c: c.began, default=None)
    if pull is None or judge is None:
        return None
    moments = (
        mail.arrived,
        max(pull.woken, mail.arrived),
        pull.began,
        mail.queued,
        judge.began,
        mail.decided,
    )
    return tuple(b - a for a, b in zip(moments, (*moments[1:], mail.labelled), strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True)
class Result:
    """One way of collecting, measured."""

    name: str
    mails: list[Mail]
    woken_by: dict[str, int]
    budget: list[tuple[float, ...]]

    def waits(self, what: str) -> list[float]:
        """Seconds from arrival to what."""
        return [getattr(mail, what) - mail.arrived for mail in self.mails]


def measure(running: scene.Scene, name: str, args: argparse.Namespace) -> Result:
    """Let mails arrive and find out what became of each."""
    mails = arrivals(running, args.messages, args.window, random.Random(args.seed))
    collects = tasks(running, f"collect_{ACCOUNT}", "pull")
    classifies = tasks(running, "triage", "classify")
    woken: dict[str, int] = {}
    for mail in mails:
        pull = max((c for c in collects if c.began <= mail.queued), key=lambda c: c.began, default=None)
        kind = pull.kind if pull else "unknown"
        woken[kind] = woken.get(kind, 0) + 1
    found = (steps(mail, collects, classifies) for mail in mails)
    return Result(name=name, mails=mails, woken_by=woken, budget=[one for one in found if one])


def warm_up(running: scene.Scene) -> None:
    """Return once a mail was brought by the event trigger: Airflow has read the DAG files, and it looks."""
    end = time.monotonic() + PATIENCE
    while True:
        arrivals(running, 1, 0.0, random.Random())
        if any(c.kind == "asset_triggered" for c in tasks(running, f"collect_{ACCOUNT}", "pull")):
            return
        if time.monotonic() > end:
            raise RuntimeError(f"no run of collect_{ACCOUNT} was started by its event trigger")


def end_triggerer(running: scene.Scene) -> None:
    """From here on the timetable collects alone."""
    process = running.airflow.running.pop("triggerer")
    process.terminate()
    process.wait(60)


@contextmanager
def stage_set() -> Iterator[scene.Scene]:
    """Everything started in a temporary folder, and gone at the end."""
    state = Path(tempfile.mkdtemp(prefix="triage-latency-"))
    state.chmod(0o755)
    ports = scene.Ports(ui=free_port(), gmail=free_port(), x=free_port())
    addresses = (story.MAILBOX, *story.ALIASES)
    try:
        with scene.running(
            state, ports, addresses=addresses, first_sync=timedelta(), schedule=EVERY_MINUTE
        ) as running:
            stage.prepare(running.gmail, running.x, addresses)
            running.airflow.wait_healthy()
            yield running
    finally:
        shutil.rmtree(state, ignore_errors=True)


def main(argv: list[str] | None = None) -> int:
    """Measure, print the tables; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks latency", description=__doc__.split("\n")[0])
    parser.add_argument("--messages", type=int, default=30, help="mails for each way (default 30)")
    parser.add_argument(
        "--window", type=float, default=240.0, help="seconds in which they arrive (default 240)"
    )
    parser.add_argument("--seed", type=int, default=3, help="of the moments of arrival")
    args = parser.parse_args(argv)
    with stage_set() as running:
        warm_up(running)
        with_trigger = measure(running, "event trigger", args)
        show(with_trigger)
        end_triggerer(running)
        timetable = measure(running, "one-minute timetable", args)
        show(timetable)
        units = call_control(running.gmail, "stats")["methods"]
    spent = {name.removeprefix("gmail.users."): m["units"] for name, m in units.items() if m["units"]}
    print("Gmail units of the whole run: " + ", ".join(f"{name} {n}" for name, n in sorted(spent.items())))
    return verdict(with_trigger, timetable)


def show(result: Result) -> None:
    """Print what was measured of one way, and where its seconds went."""
    print(
        f"\n{result.name + ', ' + str(len(result.mails)) + ' mails, seconds':44}"
        + _line("p50", "p95", "max", "mean")
    )
    for what, name in (("queued", "queue row"), ("decided", "decided"), ("labelled", "label in Gmail")):
        print(f"{'arrival -> ' + name:44}" + _spread(result.waits(what)))
    print("of which")
    for number, name in enumerate(STEPS):
        print(f"  {name:42}" + _spread([one[number] for one in result.budget]))
    woken = ", ".join(f"{n} {kind}" for kind, n in sorted(result.woken_by.items()))
    print(f"brought by runs of type: {woken}", flush=True)


def verdict(with_trigger: Result, timetable: Result) -> int:
    """Print the goals; 1 when one is missed."""
    p95 = percentile(with_trigger.waits("queued"), 0.95)
    share = p95 / percentile(timetable.waits("queued"), 0.95)
    middle = percentile(with_trigger.waits("queued"), 0.5) / percentile(timetable.waits("queued"), 0.5)
    good = p95 <= MOST_SECONDS and share <= MOST_SHARE
    print(
        f"arrival -> queue row: p95 {p95:.1f} s (goal {MOST_SECONDS:.0f}), {share:.2f} of the one-minute timetable's "
        f"(goal {MOST_SHARE}), p50 {middle:.2f}: {'reached' if good else 'MISSED'}"
    )
    kit.show("From arrival to queue row, live Airflow", [_row(way) for way in (with_trigger, timetable)])
    kit.show(
        "Where the seconds go, event trigger",
        [{"step": name, "p50 s": percentile(took, 0.5), "p95 s": percentile(took, 0.95)}
         for name, took in zip(STEPS, zip(*with_trigger.budget, strict=True), strict=True)],
    )  # fmt: skip
    return 0 if good else 1


def _row(result: Result) -> dict[str, Any]:
    """One way of collecting, as a row."""
    waits = result.waits("queued")
    return {"way": result.name, "mails": len(waits), "p50 s": percentile(waits, 0.5), "p95 s": percentile(waits, 0.95),
            "most s": max(waits)}  # fmt: skip


def _line(*words: str) -> str:
    return "".join(f"{word:>8}" for word in words)


def _spread(values: Sequence[float]) -> str:
    """p50, p95, the most and the mean."""
    mean = sum(values) / len(values)
    return _line(
        *(f"{v:.1f}" for v in (percentile(values, 0.5), percentile(values, 0.95), max(values), mean))
    )


if __name__ == "__main__":
    sys.exit(main())
