"""Migrating while the pipeline writes: nobody waits long, nothing is lost, whoever is in the way is let through."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from tests.builders import message, one, prepare, table
from triage.store import conversations, db, messages
from triage.store.migrate import PATIENCE, migrate

NEW = sorted(p for p in (db.sql_root() / "migrations").glob("*.sql") if p.name > "0012")
BEFORE = """
DROP TABLE triage.retention, triage.retention_left;
DELETE FROM triage.migration WHERE name = '0012_retention.sql';
UPDATE triage.replaced SET digest = 'of the version before'
"""
FILL = """
SET LOCAL session_replication_role = replica;
INSERT INTO triage.conversation (source, account, key)
SELECT 'gmail', 'care', 'old' || n FROM generate_series(1, %(rows)s) n;
INSERT INTO triage.message (source, account, native_id, conversation_id, direction, author, sent_at, fetched_at, text)
SELECT 'gmail', 'care', 'old' || c.id, c.id, 'automatic', 'robot@example.org', now(), now(), 'I am out of office.'
FROM triage.conversation c
"""
LONGEST_WAIT = "5s"
"""For a lock, of whoever writes; a wait that is longer is an error, and fails the test."""

HEAVY = (
    r"CREATE (UNIQUE )?INDEX", r"ALTER COLUMN \w+ (SET DATA )?TYPE", r"SET NOT NULL", r"ADD CONSTRAINT(?!.*NOT VALID)",
    r"ADD FOREIGN KEY(?!.*NOT VALID)", r"\bUPDATE triage\.message\b", r"VACUUM|CLUSTER triage|REINDEX",
)  # fmt: skip
GROWN = r"triage\.(message|conversation|classification|audit|label_outbox|quota_use|cluster_band)\b"


@contextmanager
def writers(dsn: str, *, threads: int = 2) -> Iterator[list[str]]:
    """People write all the time, and get into the queue; what they wrote. Their errors are raised at the end."""
    stop, written, failed, numbers = threading.Event(), list[str](), list[Exception](), count(1)

    def write() -> None:
        try:
            with db.connect(dsn) as connection:
                while not stop.is_set():
                    number = next(numbers)
                    with db.transaction(connection):
                        db.execute(connection, "SELECT set_config('lock_timeout', %s, true)", (LONGEST_WAIT,))
                        _, touched = messages.upsert(connection, [message(f"live{number}", f"live{number}")])
                        conversations.refresh(connection, touched)
                    written.append(f"live{number}")
        except Exception as error:
            failed.append(error)

    started = [threading.Thread(target=write) for _ in range(threads)]
    for one_thread in started:
        one_thread.start()
    try:
        yield written
    finally:
        stop.set()
        for one_thread in started:
            one_thread.join()
    assert failed == []


def wait_for(written: list[str], more: int) -> None:
    """Until so many more were written; a writer that ended in an error is told by `writers`."""
    wanted, idle = len(written) + more, threading.Event()
    for _ in range(600):
        if len(written) >= wanted:
            return
        idle.wait(0.05)


def check(dsn: str, rows: int) -> None:
    with db.connect(dsn) as connection:
        migrate(connection)
        prepare(connection)
        with db.transaction(connection):
            db.execute(connection, FILL, {"rows": rows})
            db.execute(connection, BEFORE)
        kept = one(connection, "SELECT count(*) AS rows FROM triage.message")
        with writers(dsn) as written, db.connect(dsn) as slow:
            wait_for(written, 20)
            # Somebody reads the queue in a transaction that stays open: its lock is in the way of ours.
            db.rows(slow, "SELECT count(*) FROM triage.unanswered_queue")
            tried: list[float] = []

            def sleep(seconds: float) -> None:
                tried.append(seconds)
                wait_for(written, 5)
                if len(tried) == 3:
                    slow.rollback()

            assert migrate(connection, sleep=sleep) == ["0012_retention.sql"]
            wait_for(written, 20)
        assert len(tried) >= 3
        assert set(tried) == {PATIENCE.total_seconds()}
        assert one(connection, "SELECT count(*) AS rows FROM triage.message") == kept + len(written)
        (ledger,) = table(connection, "SELECT collected, waiting, queue_rows FROM triage.ledger")
        assert set(ledger.values()) == {len(written)}
        assert migrate(connection) == []


def test_migrating_under_live_writes(empty_dsn: str) -> None:
    check(empty_dsn, 2_000)


@pytest.mark.slow
def test_migrating_a_million_rows_under_live_writes(empty_dsn: str) -> None:
    check(empty_dsn, 1_000_000)


def heavy(sql: str) -> list[str]:
    """Statements that hold a table that has grown for as long as reading or rewriting it takes."""
    statements = re.sub(r"--.*", "", sql).split(";")
    return [s.strip() for s in statements if re.search(GROWN, s) and any(re.search(h, s) for h in HEAVY)]


def test_no_new_migration_holds_a_table_that_has_grown() -> None:
    found = {path.name: heavy(path.read_text(encoding="utf-8")) for path in NEW}
    assert {name: statements for name, statements in found.items() if statements} == {}


def test_the_check_would_notice() -> None:
    assert heavy("-- why\nCREATE INDEX a ON triage.message (sent_at);\nCREATE TABLE triage.small (id bigint)")
    assert heavy("ALTER TABLE triage.conversation ALTER COLUMN kind SET NOT NULL")
    assert not heavy("ALTER TABLE triage.message ADD seen boolean")
