"""Fifty responders take ten thousand conversations, a hundred at a time, and nobody meets anybody.

python -m benchmarks claims [-- --responders 50] [-- --rows 10000]

Each has a session at work: it has claimed one before the start, and let it go. Beside it the same on a bare table with
SKIP LOCKED, without audit, leases, rights or the queue's columns.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any

from benchmarks.kit import database, show
from triage.store import db

_SQL = db.queries(__file__)
HUNDRED = 100
_CLIENT = """
import sys, time
from triage.store import db
with db.connect(sys.argv[1]) as connection, db.transaction(connection):
    db.rows(connection, "SELECT conversation_id FROM triage.claim(100)")
    connection.commit()
    print("claimed", flush=True)
    time.sleep(600)
"""


def race(dsn: str, responders: int, query: str) -> tuple[Counter[int], float]:
    """How often each conversation was given out, and the seconds from the common start to the last claim."""
    given: Counter[int] = Counter()
    guard, start = threading.Lock(), threading.Barrier(responders + 1)

    def work() -> None:
        with db.connect(dsn) as connection:
            db.rows(connection, query, (1,))
            connection.rollback()
            start.wait()
            while True:
                with db.transaction(connection):
                    rows = db.rows(connection, query, (HUNDRED,))
                if not rows:
                    return
                with guard:
                    given.update(row["conversation_id"] for row in rows)

    people = [threading.Thread(target=work) for _ in range(responders)]
    for person in people:
        person.start()
    start.wait()
    began = time.perf_counter()
    for person in people:
        person.join()
    return given, time.perf_counter() - began


def killed(dsn: str, clients: int) -> dict[str, Any]:
    """Clients that claim and are killed: what they held comes back once the lease is over."""
    started = [
        subprocess.Popen([sys.executable, "-c", _CLIENT, dsn], stdout=subprocess.PIPE) for _ in range(clients)
    ]
    for client in started:
        assert client.stdout is not None
        client.stdout.readline()
        os.kill(client.pid, signal.SIGKILL)
        client.wait()
    with db.connect(dsn) as connection:
        with db.transaction(connection):
            held = {row["conversation_id"] for row in db.rows(connection, _SQL["held"])}
            db.execute(connection, _SQL["age"])
        with db.transaction(connection):
            again = {r["conversation_id"] for r in db.rows(connection, _SQL["claim"], (500,))}
    return {
        "clients killed": clients,
        "held by them": len(held),
        "given out again after the lease": len(held & again),
    }


def measure(responders: int, rows: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Both tables."""
    found = []
    with database() as dsn:
        with db.connect(dsn) as connection, db.transaction(connection):
            db.execute(connection, _SQL["account"])
            db.execute(connection, _SQL["waiting"], {"rows": rows})
            for name in ("bare_table", "bare_index"):
                db.execute(connection, _SQL[name])
            db.execute(connection, "ANALYZE")
        for what, name in (("triage.claim", "claim"), ("bare SKIP LOCKED", "bare_claim")):
            given, seconds = race(dsn, responders, _SQL[name])
            found.append(
                {"what": what, "responders": responders, "rows": rows, "claimed": given.total(),
                 "given twice": sum(count > 1 for count in given.values()), "claims a second": int(rows / seconds)}
            )  # fmt: skip
        with db.connect(dsn) as connection, db.transaction(connection):
            db.execute(connection, _SQL["age"])
        lost = killed(dsn, 4)
    return found, lost


def main(argv: list[str] | None = None) -> int:
    """Print the tables; 1 when anybody met anybody or anything was lost."""
    parser = argparse.ArgumentParser(description="Concurrent claims on the queue.")
    parser.add_argument("--responders", type=int, default=50)
    parser.add_argument("--rows", type=int, default=10_000)
    args = parser.parse_args(argv)
    found, lost = measure(args.responders, args.rows)
    show("Claims", found)
    show("Clients killed in the middle", [lost])
    return int(any(row["given twice"] or row["claimed"] != row["rows"] for row in found))


if __name__ == "__main__":
    raise SystemExit(main())
