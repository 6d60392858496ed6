"""Mails that wait already, from the first read to the last row of the queue: messages a second, and what each costs.

python -m benchmarks throughput [-- --mails 1000 10000] [-- --fast] [-- --profile FOLDER]

The Gmail stand-in, with its quota lifted, is a process of its own; so are the task that collects and the task that
classifies, as in Airflow; PostgreSQL writes to disk. All share this machine's processors. Our own ledger of units is
lifted where everybody would lift it: `quota.gmail` in triage.yaml without `units_per_minute`. Each mail is from
somebody else and made of sentences of the demo's story. `--fast` sets `encoder: false`. What takes seconds alone is
measured several times, and the run of the middle rate counts.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks.kit import database, show
from demo import story
from demo.common.serving import call_control
from demo.postgres import free_port
from tests.builders import ROOT
from triage.store import db

QUOTA_RATE = 5.0
"""Messages a second that Gmail's 6,000 units a minute let one mailbox read."""

GOAL, SPREAD = 40, 0.2
"""At least so many times that rate, and so much more or less for a message at any size."""

TIMES = {1_000: 5, 10_000: 3}
"""How often up to so many mails are measured; once beyond."""

AT_ONCE = 500
STATES = """
SELECT count(*) AS rows, count(*) FILTER (WHERE m.decision_id IS NOT NULL) AS decided
FROM triage.unanswered_queue q JOIN triage.message m USING (conversation_id)
"""


def sentences() -> dict[str, list[str]]:
    """What customers say in the story's mails, by language."""
    found: dict[str, list[str]] = {}
    for conversation in story.conversations(story.files(encore=False)):
        if conversation["channel"] == "gmail":
            texts = [m.get("text", "") for m in conversation["messages"] if m.get("from") != "team"]
            for text in texts:
                parts = re.split(r"(?<=[.!?])\s+", " ".join(text.split()))
                found.setdefault(conversation["lang"], []).extend(p for p in parts if len(p) > 25)
    return {lang: parts for lang, parts in found.items() if len(parts) > 100}


def letters(count: int, seed: int = 7) -> Iterator[bytes]:
    """So many mails of three to eight sentences; the same ones at each run."""
    chance, said = random.Random(seed), sentences()
    for number in range(count):
        lines = said[chance.choice(sorted(said))]
        mail, name = EmailMessage(), f"{number}.{chance.getrandbits(40):x}"
        mail["From"] = f"Sam {number} <sam{name}@post.example>"
        mail["To"] = story.MAILBOX
        mail["Subject"] = chance.choice(lines)[:60]
        mail["Message-ID"] = f"<{name}@post.example>"
        mail.set_content("\n\n".join(chance.sample(lines, chance.randint(3, 8))) + f"\n\nSam {number}\n")
        yield mail.as_bytes()


@contextmanager
def mailbox(mails: int) -> Iterator[tuple[str, psutil.Process]]:
    """The stand-in's address and process; so many mails wait there, and it counts no quota."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    process = subprocess.Popen(
        [sys.executable, "-m", "demo.gmail", "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        _wait(url)
        call_control(url, "mailboxes", {"address": story.MAILBOX})
        call_control(url, "quota", {"limit": 0})
        now, waiting = int(time.time() * 1000), list[dict[str, Any]]()
        for number, raw in enumerate(letters(mails)):
            item = {"raw": base64.urlsafe_b64encode(raw).decode(), "labels": ["INBOX", "UNREAD"]}
            waiting.append({**item, "internalDate": now - (mails - number) * 50})
            if len(waiting) == AT_ONCE or number == mails - 1:
                call_control(url, f"mailboxes/{story.MAILBOX}/deliver", {"messages": waiting})
                waiting = []
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _wait(url: str) -> None:
    for _ in range(100):
        try:
            call_control(url, "health")
            return
        except urllib.error.URLError:
            time.sleep(0.1)
    raise RuntimeError("the stand-in did not start")


@contextmanager
def settings(*, encoder: bool) -> Iterator[Path]:
    """A folder of configuration: the shipped one with one mailbox and no limit of units."""
    folder = Path(tempfile.mkdtemp(prefix="triage-throughput-"))
    try:
        shutil.copy(ROOT / "config" / "topics.yaml", folder)
        made = yaml.safe_load((ROOT / "config" / "triage.yaml").read_text(encoding="utf-8"))
        made["accounts"] = [a for a in made["accounts"] if a["name"] == "care"]
        made["quota"]["gmail"] = {"prices": made["quota"]["gmail"]["prices"]}
        made["encoder"] = encoder
        (folder / "triage.yaml").write_text(yaml.safe_dump(made), encoding="utf-8")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One size, measured."""

    mails: int
    collect: dict[str, Any]
    classify: dict[str, Any]
    server_cpu: float
    standin_cpu: float

    @property
    def queued(self) -> float:
        """Seconds from the first read to the last row of the queue."""
        return float(self.collect["ended"] - self.collect["began"])

    @property
    def decided(self) -> float:
        """Seconds from the first read to the last row decided."""
        return float(self.classify["ended"] - self.collect["began"])

    def row(self) -> dict[str, Any]:
        """Of the table."""
        each = 1000 / self.mails
        return {
            "mails": self.mails, "queued /s": self.mails / self.queued, "decided /s": self.mails / self.decided,
            "times 5/s": self.mails / self.decided / QUOTA_RATE,
            "collect ms": self.collect["cpu"] * each, "classify ms": self.classify["cpu"] * each,
            "server ms": self.server_cpu * each, "stand-in ms": self.standin_cpu * each,
            "collect MB": int(self.collect["peak_mb"]), "classify MB": int(self.classify["peak_mb"]),
        }  # fmt: skip


def measure(mails: int, *, encoder: bool, profile: Path | None) -> Run:
    """Fill the stand-in, let both tasks go at the same moment, and see that everybody is in the queue."""
    with mailbox(mails) as (url, standin), settings(encoder=encoder) as config, database(durable=True) as dsn:
        held = {"conn_type": "gmail", "login": story.MAILBOX,
                "extra": {"api_endpoint": url, "token": f"token-{story.MAILBOX}"}}  # fmt: skip
        environment = {
            **os.environ,
            "TRIAGE_CONFIG": str(config),
            "AIRFLOW_CONN_GMAIL_CARE": json.dumps(held),
        }
        with db.connect(dsn) as connection:
            server = psutil.Process(_postmaster(connection))
            tasks = [_started(what, dsn, environment, profile) for what in ("collect", "classify")]
            before = _server_seconds(server), _seconds(standin)
            for task in tasks:
                assert task.stdin is not None
                task.stdin.write("go\n")
                task.stdin.flush()
            told = [_told(task) for task in tasks]
            after = _server_seconds(server), _seconds(standin)
            (state,) = db.rows(connection, STATES)
        if state != {"rows": mails, "decided": mails}:
            raise RuntimeError(f"{mails} mails were delivered, the queue has {state}")
    return Run(
        mails=mails, collect=told[0], classify=told[1],
        server_cpu=after[0] - before[0], standin_cpu=after[1] - before[1],
    )  # fmt: skip


def middle(mails: int, *, encoder: bool, profile: Path | None) -> Run:
    """Of as many measurements as the size needs, the one with the middle rate into the queue."""
    times = next((n for most, n in TIMES.items() if mails <= most), 1)
    runs = [measure(mails, encoder=encoder, profile=profile) for _ in range(times)]
    return sorted(runs, key=lambda run: run.queued)[times // 2]


def _started(what: str, dsn: str, environment: dict[str, str], profile: Path | None) -> subprocess.Popen[str]:
    """A task that is ready to go."""
    command = [sys.executable, "-m", "benchmarks.throughput_task", what, dsn]
    command += [str(profile / f"{what}.prof")] if profile else []
    task = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert task.stdout is not None
    if task.stdout.readline() != "ready\n":
        raise RuntimeError(f"the task {what} did not start")
    return task


def _told(task: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = task.communicate()
    if task.returncode:
        raise RuntimeError(f"a task ended with {task.returncode}")
    return dict(json.loads(out))


def _postmaster(connection: Any) -> int:
    return int(psutil.Process(connection.info.backend_pid).ppid())


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _server_seconds(postmaster: psutil.Process) -> float:
    """Of the postmaster and all its children, those that ended included."""
    times = postmaster.cpu_times()
    return _seconds(postmaster) + times.children_user + times.children_system + sum(
        map(_seconds, postmaster.children())
    )  # fmt: skip


def judged(runs: Sequence[Run]) -> Iterator[dict[str, Any]]:
    """Against the goals, until everybody is in the queue and until everybody is decided.

    The slowest size, and how far what a message costs lies apart between sizes.
    """
    peaks = [run.collect["peak_mb"] for run in runs]
    for what, rates in (
        ("in the queue", [run.mails / run.queued for run in runs]),
        ("decided too", [run.mails / run.decided for run in runs]),
    ):
        apart = max(rates) / min(rates) - 1
        yield {
            "until everybody is": what, "slowest, times 5/s": min(rates) / QUOTA_RATE, "goal": GOAL,
            "cost apart": apart, "at most": SPREAD, "memory grows by MB": int(max(peaks) - min(peaks)),
            "reached": "yes" if min(rates) >= GOAL * QUOTA_RATE and apart <= SPREAD else "NO",
        }  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Print the tables; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks throughput", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--mails", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--fast", action="store_true", help="encoder: false, the fast model alone")
    parser.add_argument("--profile", type=Path, help="profiles of both tasks into this folder")
    args = parser.parse_args(argv)
    runs = [middle(n, encoder=not args.fast, profile=args.profile) for n in args.mails]
    reader = "the fast model alone" if args.fast else "with the encoders"
    show(
        f"From the first read to the last row, {reader}; ms of processor for each mail",
        [r.row() for r in runs],
    )
    verdicts = list(judged(runs))
    show("Goals", verdicts)
    return int(any(verdict["reached"] == "NO" for verdict in verdicts))


if __name__ == "__main__":
    raise SystemExit(main())
