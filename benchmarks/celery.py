"""Ten mailboxes on a cluster of Celery workers: two against one, everything else the same.

    python -m benchmarks celery [-- --mailboxes 10 --latency 0.5]

All services of docker-compose.yml run on this machine (tests/deploy/native.py). The story arrives in every mailbox at
once, and the clock stops when each of its mails is read, decided and labelled. Then it arrives again while each batch
that is asked of Gmail takes `--latency` seconds, as over a network. The quota is lifted on both sides, the sentence
encoder is off.
"""

from __future__ import annotations

import argparse
import base64
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from benchmarks.kit import show
from demo import act, scene, stage, story
from demo.common.serving import call_control
from demo.progress import Watch
from tests.builders import ROOT
from tests.deploy.native import Cluster
from triage.store import db

PATIENCE = 900.0
EVER = datetime(2000, 1, 1, tzinfo=UTC)
NOT_READ = {"SPAM", "TRASH", "DRAFT"}
LEDGER = """
SELECT account, state::text, count(*) AS n FROM triage.conversation GROUP BY account, state ORDER BY account, state"""
UNBALANCED = "SELECT count(*) AS n FROM triage.unbalanced"


def names(count: int) -> list[str]:
    """The accounts."""
    return [f"box{number}" for number in range(count)]


def address(name: str) -> str:
    """The mailbox of an account."""
    return f"{name}@volmera.example"


def write_config(folder: Path, count: int) -> Path:
    """config/ with so many Gmail accounts and nothing else to collect."""
    shutil.copytree(ROOT / "config", folder)
    settings = yaml.safe_load((folder / "triage.yaml").read_text(encoding="utf-8"))
    care = next(a for a in settings["accounts"] if a["source"] == "gmail")
    settings["accounts"] = [
        {
            **care,
            "name": name,
            "connection": f"gmail_{name}",
            "addresses": [address(name), *care["addresses"]],
        }
        for name in names(count)
    ]
    settings["encoder"] = False
    settings["quota"]["gmail"] |= {"units_per_minute": 10**8, "project_units_per_minute": 10**9}
    (folder / "triage.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return folder


@contextmanager
def cluster(workers: int, count: int) -> Iterator[Cluster]:
    """A cluster whose mailboxes are empty, all of it up and well."""
    base = Path(tempfile.mkdtemp(prefix="triage-celery-"))
    base.chmod(0o755)
    made = Cluster(
        base=base, config=write_config(base / "config", count), given={"TRIAGE_WORKERS": str(workers)}
    )
    url = made.url("gmail")
    for name in names(count):
        given = scene.connections("postgresql://a:b@c:1/d", url, url, address(name))["gmail_care"]
        made.connections[f"gmail_{name}"] = given
    try:
        made.start("gmail")
        made.wait_healthy("gmail")
        call_control(url, "quota", {"limit": 0})
        for name in names(count):
            call_control(url, "mailboxes", {"address": address(name), "aliases": list(story.ALIASES)})
        made.up(without=("x", "story", "demo-connections"))
        for name in ("worker", "triggerer", "dag-processor"):
            made.wait_healthy(name)
        _until(lambda: Watch(made.dsn).collected_since(EVER, count), "every mailbox was looked into once")
        yield made
    finally:
        made.down()
        shutil.rmtree(base, ignore_errors=True)


def mails(name: str, number: int) -> list[dict[str, Any]]:
    """The story's mails as the stand-in takes them, under message ids of this mailbox and delivery."""
    (_, steps), *_ = act.Play.story().acts
    given = [stage.mail_json(step) for step in steps if isinstance(step, story.Mail)]
    for item in given:
        raw = re.sub(
            rb"(?im)^(Message-ID|In-Reply-To|References): .*$",
            lambda line: line[0].replace(b"@", b"@%b-%d." % (name.encode(), number)),
            base64.urlsafe_b64decode(item["raw"]),
        )
        item |= {"raw": base64.urlsafe_b64encode(raw).decode(), "thread": f"{number}-{item['thread']}"}
    return given


def storm(running: Cluster, number: int, count: int) -> tuple[int, float]:
    """Deliver the story to every mailbox; messages and seconds until each is read, decided and labelled."""
    given = {name: mails(name, number) for name in names(count)}
    new = sum(not NOT_READ & set(item["labels"]) for items in given.values() for item in items)
    watch = Watch(running.dsn)
    wanted = watch.counts().mails + new
    began = time.monotonic()
    for name, items in given.items():
        call_control(running.url("gmail"), f"mailboxes/{address(name)}/deliver", {"messages": items})

    def done() -> bool:
        counts = watch.counts()
        return counts.mails >= wanted and counts.settled

    _until(done, f"{new} mails are read, decided and labelled")
    return new, time.monotonic() - began


def measure(
    workers: int, count: int, latency: float
) -> tuple[list[dict[str, Any]], list[tuple[str, str, int]]]:
    """Two storms on one cluster, and the ledger of each mailbox at the end."""
    rows = []
    with cluster(workers, count) as running:
        for number, seconds in enumerate((0.0, latency)):
            if seconds:
                slow = {"kind": "hang", "seconds": seconds, "method": "batch", "times": 0}
                call_control(running.url("gmail"), "faults", slow)
            new, passed = storm(running, number, count)
            case = f"{workers} worker{'s'[: workers - 1]}, a batch of 50 in {seconds or 'no'} s"
            print(f"{case}: {new} messages in {passed:.0f} s", flush=True)
            rows.append({"cluster": case, "messages": new, "seconds": passed})
        with db.connect(running.dsn) as connection:
            ledger = [(r["account"], r["state"], r["n"]) for r in db.rows(connection, LEDGER)]
            if db.rows(connection, UNBALANCED)[0]["n"]:
                raise RuntimeError(f"{workers} workers left a ledger that does not balance: {ledger}")
    return rows, ledger


def _until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"not within {PATIENCE:.0f} s: {what}")
        time.sleep(0.5)


def main(argv: list[str] | None = None) -> int:
    """Print the table; 1 when the ledgers differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks celery", description=__doc__.split("\n")[0])
    parser.add_argument("--mailboxes", type=int, default=10)
    parser.add_argument(
        "--latency", type=float, default=0.5, metavar="SECONDS", help="of a batch of 50 mails"
    )
    args = parser.parse_args(argv)
    (one, ledger), (two, other) = (measure(n, args.mailboxes, args.latency) for n in (1, 2))
    boxes = {tuple(row[1:] for row in ledger if row[0] == name) for name in names(args.mailboxes)}
    same = ledger == other and len(boxes) == 1
    rows = [
        {
            **row, "messages/s": row["messages"] / row["seconds"],
            "seconds to one worker's": row["seconds"] / alone["seconds"],
            "ledger": "the same" if same else "DIFFERS",
        }
        for row, alone in zip([*one, *two], [*one, *one], strict=True)
    ]  # fmt: skip
    show(
        f"{args.mailboxes} mailboxes, {os.cpu_count()} cores for everything, four tasks at once a worker",
        rows,
    )
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
