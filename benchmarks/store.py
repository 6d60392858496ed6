"""Our batched upsert beside bare execute_values, and what bringing the queue up to date costs in a large database.

python -m benchmarks store [-- --messages 20000] [-- --rows 20000] [-- --at FOLDER]

The writers fill the same table with its keys and indexes, by turns, in batches of one page and of ten. The bare one is
given conversations that exist and ids that are new, and so is our upsert of that one table. "The whole page" is what
`collect` does: it finds or makes the conversations too, in a table of their own, locks them, looks for copies in other
mailboxes and clears the quarantine. FOLDER is that of the benchmark queue_page:
a database of ten messages for each of `--rows` that wait. Every change to it is rolled back.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json, execute_values

from benchmarks.kit import database, show
from benchmarks.queue_page_fill import filled
from triage.core.types import Direction, Message, MessageKey
from triage.store import conversations, db, messages, shape

_SQL = db.queries(__file__)
LEAST_SHARE, LEAST_ROWS = 0.9, 10_000
"""The goals: our rate as a share of the bare one, and rows a second."""

TOUCHED = 1_000
TEXT = "My mixer smokes and smells of burnt plastic since this morning, what am I to do? " * 6
BATCHES = (100, 1_000)


def mails(first: int, count: int) -> list[Message]:
    """So many mails of about 600 bytes, each from somebody else and in a thread of its own."""
    now = datetime.now(UTC)
    return [
        Message(
            key=MessageKey(source="gmail", account="bench", native_id=f"m{n:012}"),
            conversation=f"t{n:012}",
            direction=Direction.INBOUND,
            author=f"customer{n}@post.example",
            author_name=f"Customer {n}",
            sent_at=now - timedelta(seconds=n % 86_400),
            fetched_at=now,
            subject=f"Order {n}",
            text=f"{TEXT}{n}",
            url=f"https://mail.google.com/mail/u/?authuser=bench#all/m{n:012}",
            labels=("INBOX", "UNREAD"),
            global_id=f"<{n}@post.example>",
            extra={
                "message_id": f"<{n}@post.example>",
                "references": [],
                "to": ["care@volmera.example"],
                "attachments": [],
            },
        )
        for n in range(first, first + count)
    ]


def upsert(connection: Connection, batch: Sequence[Message], ids: dict[shape.Head, int]) -> int:
    """Our statement for the same table and the same rows."""
    return len(messages.insert(connection, batch, ids))


def page(connection: Connection, batch: Sequence[Message]) -> int:
    """As `triage.ops.collect` stores a page: its conversations, its locks and its messages."""
    return len(messages.upsert(connection, batch)[0])


def bare(connection: Connection, batch: Sequence[Message], ids: dict[shape.Head, int]) -> int:
    """What psycopg2 does of itself."""
    rows = [tuple(Json(v) if k == "extra" else v for k, v in shape.row(m, ids).items()) for m in batch]
    with connection.cursor() as cursor:
        execute_values(cursor, _SQL["bare_messages"], rows, page_size=1000)
        return int(cursor.rowcount)


def made(connection: Connection, batch: Sequence[Message]) -> dict[shape.Head, int]:
    """The conversations of a batch, for the bare writer."""
    with db.transaction(connection):
        found = db.values(connection, _SQL["conversations"], [shape.head(m) for m in batch])
    return {("gmail", "bench", r["key"]): r["id"] for r in found}


def timed(connection: Connection, write: Callable[[], int]) -> float:
    """Rows a second of one batch, its commit included."""
    began = time.perf_counter()
    with db.transaction(connection):
        count = write()
    return count / (time.perf_counter() - began)


def upserts(connection: Connection, total: int) -> Iterator[dict[str, Any]]:
    """A row of the table for each size of a batch: the middle of all rounds, each of one batch of every writer."""
    first = 1
    for size in BATCHES:
        rates: dict[str, list[float]] = {"bare": [], "upsert": [], "page": [], "again": []}
        for _ in range(max(5, total // size)):
            theirs, own, whole = (mails(first + n * size, size) for n in range(3))
            first += 3 * size
            ids = made(connection, [*theirs, *own])
            rates["bare"].append(timed(connection, lambda t=theirs, i=ids: bare(connection, t, i)))
            rates["upsert"].append(timed(connection, lambda o=own, i=ids: upsert(connection, o, i)))
            rates["page"].append(timed(connection, lambda w=whole: page(connection, w)))
            began = time.perf_counter()
            with db.transaction(connection):
                page(connection, whole)
            rates["again"].append(size / (time.perf_counter() - began))
        middle = {name: int(median(found)) for name, found in rates.items()}
        share = _share(rates["upsert"], rates["bare"])
        yield {
            "batch": size, "bare rows/s": middle["bare"], "upsert rows/s": middle["upsert"], "of bare": share,
            "the whole page rows/s": middle["page"], "its share": _share(rates["page"], rates["bare"]),
            "a page known rows/s": middle["again"],
            "reached": "yes" if share >= LEAST_SHARE and middle["upsert"] >= LEAST_ROWS else "NO",
        }  # fmt: skip


def _share(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The middle of the rounds' ratios."""
    return median(o / t for o, t in zip(ours, theirs, strict=True))


CASES = (
    ("nothing changed", "waiting", None),
    ("one more question", "waiting", "inbound"),
    ("our reply", "waiting", "outbound"),
    ("a question after our answer", "answered", "inbound"),
)  # fmt: skip


def refreshes(connection: Connection, times: int) -> Iterator[dict[str, Any]]:
    """Milliseconds of bringing a thousand conversations up to date, others each time."""
    (size,) = db.rows(connection, _SQL["size"])
    connection.rollback()
    for what, state, direction in CASES:
        took = [_refreshed(connection, state, direction) for _ in range(times + 1)][1:]
        yield {
            "messages there": size["messages"], "what was touched": what, "conversations": TOUCHED,
            "p50 ms": median(took), "most ms": max(took), "ms for each": median(took) / TOUCHED,
        }  # fmt: skip


def _refreshed(connection: Connection, state: str, direction: str | None) -> float:
    ids = [r["id"] for r in db.rows(connection, _SQL["some"], {"many": TOUCHED, "state": state})]
    if len(ids) < TOUCHED:
        raise RuntimeError(f"only {len(ids)} conversations are {state}; fill with --rows 20000 or more")
    if direction:
        db.execute(connection, _SQL["said"], {"ids": ids, "direction": direction})
    began = time.perf_counter()
    conversations.refresh(connection, ids)
    took = (time.perf_counter() - began) * 1000
    connection.rollback()
    return took


def main(argv: list[str] | None = None) -> int:
    """Print the tables; 1 when the upsert misses its goal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks store", description=__doc__.split("\n")[0])
    parser.add_argument("--messages", type=int, default=20_000, help="of each writer and size of batch")
    parser.add_argument(
        "--rows", type=int, default=20_000, help="how many wait, of ten times as many messages"
    )
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--at", type=Path, help="keep the filled server in this folder, and use it again")
    args = parser.parse_args(argv)
    with database(durable=True) as dsn, db.connect(dsn) as connection:
        with db.transaction(connection):
            db.execute(connection, _SQL["account"])
        upserted = list(upserts(connection, args.messages))
    show("Rows stored", upserted)
    with filled(args.rows, at=args.at) as dsn, db.connect(dsn) as connection:
        show("Queue brought up to date", list(refreshes(connection, args.times)))
    return int(any(row["reached"] == "NO" for row in upserted))


if __name__ == "__main__":
    raise SystemExit(main())
