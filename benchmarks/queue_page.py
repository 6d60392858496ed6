"""What the page and the terminal ask of a long queue: milliseconds of each question, as the client sees them.

python -m benchmarks queue_page [-- --rows 1000000] [-- --messages 10000000] [-- --times 200]

The database is filled on an embedded PostgreSQL first: minutes and about 8 GB for the full size. Questions are asked
as logins of triage_pipeline (the page) and triage_responder (row-level security in force), each of them with other
values every time: another place in the queue, another topic, another conversation.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from benchmarks.kit import database, show
from triage.ops import queue
from triage.store import db

_SQL = db.queries(__file__)
LIMIT = 5.0
"""Milliseconds that 19 of 20 pages may take."""

AT_ONCE = 100_000
Ask = Callable[[Connection, random.Random, int], object]


def fill(connection: Connection, rows: int, each: int) -> None:
    """So many conversations that wait, each with `each` messages; analysed."""
    with db.transaction(connection):
        for name in ("accounts", "fast", "topics", "logins"):
            db.execute(connection, _SQL[name])
        db.execute(connection, _SQL["conversations"], {"rows": rows})
        indexes = db.rows(connection, _SQL["indexes"])
        for index in indexes:
            db.execute(connection, index["gone"])
    for first in range(1, rows + 1, AT_ONCE):
        part = {"each": each, "first": first, "last": first + AT_ONCE - 1}
        with db.transaction(connection):
            db.execute(connection, _SQL["messages"], part)
    with db.transaction(connection):
        for index in indexes:
            db.execute(connection, index["indexdef"])
        db.execute(connection, _SQL["queue"])
    connection.autocommit = True
    db.execute(connection, "VACUUM ANALYZE")


def _place(rng: random.Random) -> queue.Place:
    due = datetime.now(UTC) + timedelta(hours=rng.uniform(-48, 72))
    return queue.Place(priority=rng.randint(1, 5), due_at=due, conversation_id=0)


def _page(**wanted: Any) -> Ask:
    return lambda connection, _, __: queue.page(connection, queue.Wanted(**wanted))


QUESTIONS: dict[str, Ask] = {
    "first page": _page(),
    "a page further on": lambda c, rng, _: queue.page(c, queue.Wanted(), after=_place(rng)),
    "topic": lambda c, rng, _: queue.page(c, queue.Wanted(topic=f"t{rng.randint(1, 17)}")),
    "topic, further on": lambda c, rng, _: queue.page(
        c, queue.Wanted(topic=f"t{rng.randint(1, 17)}"), after=_place(rng)
    ),
    "language, two in five": _page(lang="fr"),
    "language, one in a thousand": _page(lang="de"),
    "channel": _page(source="x"),
    "account": _page(account="brand"),
    "waiting for a day": _page(older=timedelta(days=1)),
    "overdue": _page(overdue=True),
    "snoozed": _page(snoozed=True),
    "mine": lambda c, rng, _: queue.page(c, queue.Wanted(mine=f"responder{rng.randrange(10) * 5 + 2}")),
    "words, of one person": lambda c, rng, _: queue.page(c, queue.Wanted(words=f"person{rng.randrange(99999)}@")),
    "words, in every row": _page(words="please help"),
    "a conversation and its history": lambda c, rng, rows: queue.look(c, rng.randint(1, rows)),
    "claim(10)": lambda c, _, __: queue.claim(c, count=10, by="bench"),
    "counts and ledger": lambda c, _, __: queue.numbers(c),
}  # fmt: skip
FEW = frozenset({"words, of one person", "words, in every row", "counts and ledger"})
"""They read the whole queue: asked ten times, and held to no limit."""


def ask(dsn: str, login: str, rows: int, times: int) -> list[dict[str, Any]]:
    """A row of the table for each question."""
    found = []
    rng = random.Random(7)
    with db.connect(make_dsn(dsn, user=login, password="bench")) as connection:
        for what, question in QUESTIONS.items():
            taken = []
            for turn in range((10 if what in FEW else times) + 3):
                began = time.perf_counter()
                question(connection, rng, rows)
                if turn >= 3:
                    taken.append((time.perf_counter() - began) * 1000)
            taken.sort()
            p95 = taken[min(len(taken) - 1, int(len(taken) * 0.95))]
            within = "no limit" if what in FEW else f"{LIMIT:g} ms: {'yes' if p95 <= LIMIT else 'NO'}"
            who = login.removeprefix("bench_")
            found.append(
                {"question": what, "as": who, "p50 ms": median(taken), "p95 ms": p95, "within": within}
            )
    return found


def main(argv: list[str] | None = None) -> int:
    """Print the table; 1 when a page takes longer than the limit."""
    parser = argparse.ArgumentParser(description="Questions to a long queue.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--messages", type=int, default=10_000_000)
    parser.add_argument("--times", type=int, default=200)
    args = parser.parse_args(argv)
    began = time.perf_counter()
    with database() as dsn:
        with db.connect(dsn) as connection:
            fill(connection, args.rows, max(1, args.messages // args.rows))
        print(f"filled in {time.perf_counter() - began:,.0f} s", flush=True)
        found = ask(dsn, "bench_pipeline", args.rows, args.times)
        found += ask(dsn, "bench_responder", args.rows, args.times)
    show(f"{args.rows:,} rows waiting, {args.messages:,} messages", found)
    return int(any(row["within"].endswith("NO") for row in found))


if __name__ == "__main__":
    raise SystemExit(main())
