"""What one more message costs when so many are stored: queries, rows and milliseconds, ours and the peers'."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from triage.classify import near
from triage.ops import cluster
from triage.store import conversations, db

_SQL = db.queries(str(Path(__file__).with_name("clusters.py")))
BATCH = 500
ROUNDS = 5
ASKED = 10
"""Messages that each peer is asked about."""

WORDS = 25
HOT = "From today I buy nothing of this brand until every owner gets a refund and the test reports are published."


class Counting(Connection):
    """Counts what it is asked."""

    asked = 0

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        self.asked += 1
        return super().cursor(*args, **kwargs)


def texts(rng: random.Random, vocabulary: Sequence[str], count: int) -> list[str]:
    """Messages of words as often as people write them; one in ten is a copy of one text with another name below it."""
    return [
        f"{HOT} {rng.choice(vocabulary)}" if n % 10 == 0 else " ".join(rng.choices(vocabulary, k=WORDS))
        for n in range(count)
    ]


def vocabulary() -> list[str]:
    """The words of our own training texts, each as often as it is there."""
    folder = Path(near.__file__).parent / "corpus" / "en"
    return [
        word
        for path in sorted(folder.glob("*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines()
        for word in near.words(line)
    ]


def decide(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """What classify does with a batch for storm control, and the refresh of the queue that it needs anyway."""
    touched = cluster.place(connection, rows, cluster.drafts(rows), flood=None)
    conversations.refresh(connection, sorted(touched))


def costs(dsn: str, sizes: Sequence[int], simhash: Callable[[str], int]) -> list[dict[str, Any]]:
    """One row for each number of stored messages."""
    rng, found = random.Random(3), []
    words = vocabulary()
    connection = psycopg2.connect(dsn, connection_factory=Counting)
    try:
        with db.transaction(connection):
            db.execute(connection, _SQL["account"])
        stored = 0
        for size in sizes:
            while stored < size:
                part = texts(rng, words, min(BATCH, size - stored))
                stored += _store(connection, stored, part, simhash)
            with db.transaction(connection):
                db.execute(connection, _SQL["upkeep"])
            row, stored = _measure(connection, stored, rng, words, simhash)
            first = found[0] if found else row
            found.append(row | {"ours, times": row["ours ms"] / first["ours ms"]})
    finally:
        connection.close()
    return found


def _store(connection: Counting, stored: int, part: list[str], simhash: Callable[[str], int]) -> int:
    with db.transaction(connection):
        decide(connection, db.rows(connection, _SQL["store"], {"first": stored, "texts": part}))
        _peers(connection, part, simhash)
    return len(part)


def _peers(connection: Counting, part: list[str], simhash: Callable[[str], int]) -> None:
    db.execute(connection, _SQL["store_peers"], (part, [f"{simhash(text):064b}" for text in part]))


def _measure(
    connection: Counting, stored: int, rng: random.Random, words: list[str], simhash: Callable[[str], int]
) -> tuple[dict[str, Any], int]:
    """Some batches more."""
    took, touched, asked = [], [], []
    size = stored
    for _ in range(ROUNDS):
        part = texts(rng, words, BATCH)
        with db.transaction(connection):
            rows = db.rows(connection, _SQL["store"], {"first": stored, "texts": part})
            before, count = _rows(connection), connection.asked
            drafts = cluster.drafts(rows)
            began = perf_counter()
            places = cluster.place(connection, rows, drafts, flood=None)
            took.append((perf_counter() - began) * 1000 / BATCH)
            asked.append(connection.asked - count)
            touched.append((_rows(connection) - before) / BATCH)
            conversations.refresh(connection, sorted(places))
        stored += BATCH
    sample = texts(rng, words, ASKED)
    return {
        "stored": size,
        "queries a batch of 500": median(asked),
        "rows touched a message": float(median(touched)),
        "ours ms": float(median(took)),
        "trigram ms": _timed(connection, "ask_trigram", [(text, text) for text in sample]),
        "SimHash ms": _timed(connection, "ask_simhash", [(f"{simhash(text):064b}", 12) for text in sample]),
    }, stored


def _rows(connection: Counting) -> int:
    return int(db.rows(connection, _SQL["rows"])[0]["rows"])


def _timed(connection: Counting, name: str, asked: Sequence[tuple[Any, ...]]) -> float:
    """Milliseconds of one, the median."""
    took = []
    with db.transaction(connection):
        db.execute(connection, _SQL["threshold"])
        for parameters in asked:
            began = perf_counter()
            db.rows(connection, _SQL[name], parameters)
            took.append((perf_counter() - began) * 1000)
    return float(median(took))
