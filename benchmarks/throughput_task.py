"""One task of the benchmark throughput as a process of its own: what plugins/triage_airflow/tasks.py does, timed.

It gets ready as a task does (imports, connections, the model and the encoders), says so, waits for a line, works, and
prints as JSON when it began and ended, the seconds of processor between, and its memory in MB when it was ready and at
its peak.
"""

from __future__ import annotations

import cProfile
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from psycopg2.extensions import connection as Connection

from benchmarks.kit import peak_mb
from triage.config import load
from triage.ops.connections import find
from triage.store import db

UNCERTAIN = [("", "It came on Tuesday and since then nothing is as it was, what do you say to that?", "")]
"""What the fast model leaves open: the encoders load when they are first asked."""
Work = Callable[[], dict[str, Any]]
ACCOUNT = "care"
STILL_COMING = """
SELECT NOT EXISTS (SELECT FROM triage.cursor WHERE complete_at IS NOT NULL)
    OR EXISTS (SELECT FROM triage.message WHERE decision_id IS NULL AND direction = 'inbound') AS more
"""


def collect(connection: Connection) -> Work:
    """The task `pull` of collect_care, once."""
    from triage.ops.collect import collect as pull
    from triage.ops.sources import for_account, limits_of

    settings = load()
    account = settings.triage.account(ACCOUNT)
    credentials = find(account.connection, account.source).credentials
    source = for_account(connection, account, settings, credentials)
    return lambda: pull(
        connection, source, account.name, max_pages=10_000, **limits_of(account, settings)
    ).figures()


def classify(connection: Connection) -> Work:
    """The task `classify` of the DAG triage, again and again until everything is collected and decided."""
    from triage.ops.classify import classify as decide
    from triage.ops.inboxes import Inboxes
    from triage.ops.models import load_in_force

    settings = load()
    classifier, storm = load_in_force(connection, settings), settings.triage
    classifier.classify(UNCERTAIN)

    def work() -> dict[str, Any]:
        read = runs = 0
        while True:
            with db.transaction(connection):
                (row,) = db.rows(connection, STILL_COMING)
            if not row["more"]:
                return {"read": read, "runs": runs}
            report = decide(
                connection,
                classifier,
                settings.topics,
                inboxes=Inboxes(classifier),
                copies=storm.copies,
                flood=storm.flood,
            )
            read, runs = read + report.read, runs + bool(report.read)
            time.sleep(0 if report.read else 0.2)

    return work


def run(what: str, dsn: str, profile: str) -> None:
    """Get ready, wait for the start, work, tell."""
    with db.connect(dsn, name=f"bench {what}") as connection:
        work = {"collect": collect, "classify": classify}[what](connection)
        ready = peak_mb()
        print("ready", flush=True)
        sys.stdin.readline()
        began, cpu = time.time(), time.process_time()
        if profile:
            with cProfile.Profile() as watched:
                figures = work()
            watched.dump_stats(profile)
        else:
            figures = work()
        told = {"began": began, "ended": time.time(), "cpu": time.process_time() - cpu}
        print(json.dumps({**told, "ready_mb": ready, "peak_mb": peak_mb(), **figures}))


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "")
