"""What the page and the terminal ask of a long queue: milliseconds of each question, as the client sees them.

python -m benchmarks queue_page [-- --rows 1000000] [-- --times 200] [-- --rounds 3] [-- --at FOLDER] [-- --rest]

An embedded PostgreSQL with its default settings (128 MB of shared buffers) is filled first: for the full size a
quarter of an hour and 12 GB, which stay in FOLDER for the next time if one is named. Ten messages for each row that
waits. Questions are asked as logins of triage_pipeline (the page) and triage_responder (row-level security in force),
each with other values every time: another place in the queue, another topic, another conversation.

Every list is asked in several rounds, a minute apart. Held to the limit is the p95 of all of them; that of its quietest
round stands beside it, for what is above that is other work on the machine.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from benchmarks.kit import show
from benchmarks.queue_page_fill import filled
from triage.ops import queue
from triage.store import db

_SQL = db.queries(__file__)
LIMIT = 5.0
"""Milliseconds that 19 of 20 pages may take."""

Ask = Callable[[Connection, random.Random, int], object]
TOPICS = (
    "product_defect",
    "delivery",
    "customer_service",
    "not_crisis",
    "boycott",
    "safety_injury",
    "tampering",
    "labour",
)
LANGS = ("en", "fr", "de", "")
SOURCES = ("gmail", "x", "bluesky", "mastodon")
WORDS = (
    "fumée",
    "hospital",
    "remboursement",
    "delivery",
    "burnt",
    "zzzz",
    "Émile Dubois",
    "contrat",
    "the",
    "de",
)


def _place(rng: random.Random) -> queue.Place:
    due = datetime.now(UTC) - timedelta(hours=72 * rng.random() ** 3 - 4)
    return queue.Place(priority=rng.randint(1, 5), due_at=due, conversation_id=0)


def _asked(further: bool, **chosen: Any) -> Ask:
    """A page with these filters; a tuple is chosen from anew each time."""

    def ask(connection: Connection, rng: random.Random, _: int) -> object:
        given = {
            key: rng.choice(value) if isinstance(value, tuple) else value for key, value in chosen.items()
        }
        return queue.page(connection, queue.Wanted(**given), limit=51, after=_place(rng) if further else None)

    return ask


FILTERS: dict[str, dict[str, Any]] = {
    "all": {},
    "topic": {"topic": TOPICS},
    "language": {"lang": LANGS},
    "channel": {"source": SOURCES},
    "account": {"account": ("care", "newsroom", "brand_toot")},
    "overdue": {"overdue": True},
    "older": {"older": tuple(timedelta(hours=h) for h in (1, 4, 24, 72, 168))},
    "topic, language": {"topic": TOPICS, "lang": LANGS},
    "topic, channel": {"topic": TOPICS, "source": SOURCES},
    "language, channel": {"lang": LANGS, "source": SOURCES},
    "topic, language, channel": {"topic": TOPICS, "lang": LANGS, "source": SOURCES},
    "topic, language, overdue": {"topic": TOPICS, "lang": LANGS, "overdue": True},
    "language, channel, overdue": {"lang": LANGS, "source": SOURCES, "overdue": True},
    "topic, older": {"topic": TOPICS, "older": tuple(timedelta(hours=h) for h in (1, 24, 72))},
    "language, older": {"lang": LANGS, "older": tuple(timedelta(hours=h) for h in (1, 24, 72))},
    "language, channel, older": {"lang": LANGS, "source": SOURCES, "older": timedelta(hours=24)},
    "snoozed": {"snoozed": True},
    "snoozed, topic": {"snoozed": True, "topic": TOPICS},
    "held": {"held": True},
    "held, language": {"held": True, "lang": LANGS},
    "mine": {"mine": tuple(f"responder{n}" for n in range(50))},
    "mine, language": {"mine": tuple(f"responder{n}" for n in range(50)), "lang": LANGS},
    "a tenth of all in one cluster": {"cluster": 1},
    "a cluster of ten": {"cluster": tuple(range(2000, 4000))},
}
LISTS = {name: _asked(False, **given) for name, given in FILTERS.items()} | {
    f"{name}: further on": _asked(True, **given) for name, given in FILTERS.items()
}
DEEDS: dict[str, Ask] = {
    "words": _asked(False, words=WORDS),
    "a conversation and its history": lambda c, rng, rows: queue.look(c, 4 * rng.randint(1, rows)),
    "claim(10)": lambda c, _, __: queue.claim(c, count=10, by="bench"),
    "claim(10) of a topic and language": lambda c, rng, _: queue.claim(
        c, count=10, by="bench", topic=rng.choice(TOPICS), lang=rng.choice(LANGS)
    ),
    "take, note, release": lambda c, rng, rows: _handle(c, 4 * rng.randint(1, rows)),
    "take, answer": lambda c, rng, rows: _answer(c, 4 * rng.randint(1, rows)),
}
COUNTS: dict[str, Ask] = {
    "counts": lambda c, _, __: queue.counts(c),
    "ledger": lambda c, _, __: queue.ledger(c),
    "backlog": lambda c, _, __: queue.backlog(c),
    "answered today": lambda c, _, __: db.rows(c, _SQL["answered_today"]),
    "response times": lambda c, _, __: queue.times(c),
}
"""They read whole tables, minutes of it at full size: asked once, when one wants to know, and held to no limit."""


def _handle(connection: Connection, conversation: int) -> None:
    with suppress(queue.Refused):
        queue.take(connection, conversation, by="bench")
        queue.note(connection, conversation, by="bench", text="called")
        queue.release(connection, conversation, by="bench")


def _answer(connection: Connection, conversation: int) -> None:
    with suppress(queue.Refused):
        queue.take(connection, conversation, by="bench")
        queue.answer(connection, conversation, by="bench", where="by phone")


def ask(
    dsn: str,
    login: str,
    rows: int,
    questions: dict[str, Ask],
    times: int,
    rounds: int = 1,
    *,
    limit: float | None = None,
) -> list[dict[str, Any]]:
    """A row of the table for each question; the first answers of a round, which warm the caches, do not count."""
    rng = random.Random(7)
    spent: dict[str, list[list[tuple[float, float]]]] = {what: [] for what in questions}
    with db.connect(make_dsn(dsn, user=login, password="bench")) as connection:
        for _ in range(rounds):
            for what, question in questions.items():
                for _ in range(3 if times > 10 else 0):
                    question(connection, rng, rows)
                spent[what].append([_timed(connection, question, rng, rows) for _ in range(times)])
    return [_row(what, login, spent[what], limit) for what in questions]


def _row(
    what: str, login: str, rounds: Sequence[Sequence[tuple[float, float]]], limit: float | None
) -> dict[str, Any]:
    """Of all rounds; what a list takes when nobody else works is nearest to its quietest one."""
    took, busy = zip(*(one for each in rounds for one in each), strict=True)
    p95 = _p95(took)
    return {
        "question": what, "as": login.removeprefix("bench_"), "p50 ms": median(took), "p95 ms": p95,
        "quietest round": min(_p95([ms for ms, _ in each]) for each in rounds),
        "most ms": max(took), "busy p95 ms": _p95(busy),
        "within": "" if limit is None else f"{limit:g} ms: {'yes' if p95 <= limit else 'NO'}",
    }  # fmt: skip


def _timed(connection: Connection, question: Ask, rng: random.Random, rows: int) -> tuple[float, float]:
    """Milliseconds by the clock, and of a processor: the server's and ours, whoever else is at work on the machine."""
    before, began = _worked(connection), time.perf_counter()
    question(connection, rng, rows)
    return (time.perf_counter() - began) * 1000, _worked(connection) - before


def _worked(connection: Connection) -> float:
    """Milliseconds that this thread and its backend have computed; NaN where the system does not tell."""
    try:
        server = int(Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text().split()[0])
    except OSError:
        return float("nan")
    return (server + time.thread_time_ns()) / 1e6


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))]


def main(argv: list[str] | None = None) -> int:
    """Print the tables; 1 when a list takes longer than the limit."""
    parser = argparse.ArgumentParser(description="Questions to a long queue.")
    parser.add_argument(
        "--rows", type=int, default=1_000_000, help="how many wait, of ten times as many messages"
    )
    parser.add_argument("--times", type=int, default=200, help="of each question in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--at", type=Path, help="keep the filled server in this folder, and use it again")
    parser.add_argument(
        "--rest",
        action="store_true",
        help="after the lists: a search for words, deeds, counts over whole tables",
    )
    args = parser.parse_args(argv)
    with filled(args.rows, at=args.at) as dsn:
        found = measured(dsn, args.rows, args.times, args.rounds, rest=args.rest)
    return int(any(row["within"].endswith("NO") for row in found))


def measured(dsn: str, rows: int, times: int, rounds: int, *, rest: bool) -> list[dict[str, Any]]:
    """Ask everything, print it, and give the lists' rows."""
    with db.connect(dsn) as connection, db.transaction(connection):
        if not db.rows(connection, _SQL["has_logins"]):
            db.execute(connection, _SQL["logins"])
    # A queue in use is in memory: the first round does not count.
    ask(dsn, "bench_pipeline", rows, LISTS, times)
    lists = ask(dsn, "bench_pipeline", rows, LISTS, times, rounds, limit=LIMIT)
    lists += ask(dsn, "bench_responder", rows, LISTS, times, rounds, limit=LIMIT)
    show(f"Lists of 51 rows; {rows:,} wait, {rows * 10:,} messages", lists)
    if rest:
        told = ask(dsn, "bench_pipeline", rows, DEEDS, times)
        told += ask(dsn, "bench_pipeline", rows, COUNTS, 1)
        show("The rest", told)
    return lists


if __name__ == "__main__":
    raise SystemExit(main())
