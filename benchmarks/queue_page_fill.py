"""A long queue to ask questions of: made by the server itself, in steps, and kept where one says."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg2.extensions import connection as Connection

from demo.postgres import running
from tests.builders import ROOT, shipped_topics
from triage.ops.classify import sync_topics
from triage.store import db
from triage.store.migrate import migrate

_SQL = db.queries(str(Path(__file__).with_name("queue_page.py")))
AT_ONCE = 200_000
SENTENCES = 4096
DONE = "filled"


@contextmanager
def filled(waiting: int, *, at: Path | None = None) -> Iterator[str]:
    """The address of a migrated database in which so many wait, of ten times as many messages, analysed.

    `at`: a folder in which it stays; there it is filled once.
    """
    base = at or Path(tempfile.mkdtemp(prefix="triage-bench-"))
    try:
        with running(base, durable=False) as server:
            with db.connect(server.dsn()) as connection:
                migrate(connection)
                if (base / DONE).exists():
                    _tidy(connection, "VACUUM ANALYZE triage.unanswered_queue")
                else:
                    fill(connection, waiting, say=True)
                    (base / DONE).touch()
            yield server.dsn()
    finally:
        if at is None:
            shutil.rmtree(base, ignore_errors=True)


def fill(connection: Connection, waiting: int, *, say: bool = False) -> None:
    """Four times as many conversations, of which a quarter waits, and their messages; indexes last."""
    began = time.perf_counter()
    sync_topics(connection, shipped_topics())
    with db.transaction(connection):
        for name in ("fast", "accounts", "sentences"):
            db.execute(connection, _SQL[name])
        db.values(connection, _SQL["add_sentences"], _sentences())
        indexes = db.rows(connection, _SQL["indexes"])
        for index in indexes:
            db.execute(connection, index["gone"])
    for first in range(1, waiting * 4 + 1, AT_ONCE):
        part = {"first": first, "last": min(first + AT_ONCE - 1, waiting * 4)}
        with db.transaction(connection):
            for name in ("conversations", "messages", "decisions", "deeds", "queue"):
                db.execute(connection, _SQL[name], part)
        if say:
            print(f"{part['last']:,} conversations after {time.perf_counter() - began:,.0f} s", flush=True)
    with db.transaction(connection):
        db.execute(connection, _SQL["heads"])
        db.execute(connection, _SQL["sequences"])
    for index in indexes:
        with db.transaction(connection):
            db.execute(connection, index["indexdef"])
    _tidy(connection, "VACUUM ANALYZE")
    if say:
        print(f"filled in {time.perf_counter() - began:,.0f} s", flush=True)


def _tidy(connection: Connection, statement: str) -> None:
    """As autovacuum would: whoever was here before, and rolled back, left dead rows."""
    connection.autocommit = True
    db.execute(connection, statement)
    connection.autocommit = False


def _sentences() -> list[tuple[str, str, str]]:
    """Lines of the classifier's corpus, shuffled: the words that a search finds are as frequent as in life."""
    files = sorted((ROOT / "triage" / "classify" / "corpus").glob("*/*.txt"))
    lines = [
        (path.parent.name, path.stem, line)
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    return random.Random(7).sample(lines, SENTENCES)
