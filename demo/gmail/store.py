"""The state of the stand-in, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS mailbox (
    address      TEXT PRIMARY KEY,
    aliases      TEXT NOT NULL,              -- JSON list
    history      INTEGER NOT NULL,           -- the newest history id
    kept_from    INTEGER NOT NULL,           -- older start ids are expired
    messages     INTEGER NOT NULL DEFAULT 0, -- ever added: makes message ids
    labels       INTEGER NOT NULL DEFAULT 0, -- ever made: makes label ids
    watch_until  INTEGER                     -- epoch milliseconds
);

CREATE TABLE IF NOT EXISTS access_token (
    token TEXT PRIMARY KEY, mailbox TEXT NOT NULL, scopes TEXT NOT NULL, expires REAL
);

CREATE TABLE IF NOT EXISTS refresh_token (
    token TEXT PRIMARY KEY, mailbox TEXT NOT NULL, scopes TEXT NOT NULL,
    client_id TEXT NOT NULL, client_secret TEXT NOT NULL, lifetime INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS refresh_end (
    token TEXT PRIMARY KEY, expires REAL NOT NULL    -- only refresh tokens of apps in Testing end
);

CREATE TABLE IF NOT EXISTS label (
    mailbox TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,
    message_list TEXT NOT NULL, label_list TEXT NOT NULL, background TEXT, foreground TEXT,
    PRIMARY KEY (mailbox, id)
);

CREATE TABLE IF NOT EXISTS message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    mailbox TEXT NOT NULL, id TEXT NOT NULL, thread TEXT NOT NULL,
    date INTEGER NOT NULL,                   -- epoch milliseconds
    history INTEGER NOT NULL,
    labels TEXT NOT NULL,                    -- ids, separated by spaces
    size INTEGER NOT NULL, snippet TEXT NOT NULL,
    message_id TEXT NOT NULL, subject TEXT NOT NULL, sender TEXT NOT NULL, recipients TEXT NOT NULL,
    attached INTEGER NOT NULL,
    raw BLOB NOT NULL,
    UNIQUE (mailbox, id)
);
CREATE INDEX IF NOT EXISTS message_by_thread ON message (mailbox, thread);
CREATE INDEX IF NOT EXISTS message_by_message_id ON message (mailbox, message_id);
CREATE INDEX IF NOT EXISTS message_by_date ON message (mailbox, date, seq);

CREATE TABLE IF NOT EXISTS said (            -- what a search for words reads
    seq INTEGER PRIMARY KEY, words TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS thread_key (
    mailbox TEXT NOT NULL, key TEXT NOT NULL, thread TEXT NOT NULL, PRIMARY KEY (mailbox, key)
);

CREATE TABLE IF NOT EXISTS history (
    mailbox TEXT NOT NULL, id INTEGER NOT NULL,
    kind TEXT NOT NULL,                      -- added, deleted, labels
    message TEXT NOT NULL, thread TEXT NOT NULL,
    labels TEXT NOT NULL, plus TEXT NOT NULL, minus TEXT NOT NULL,
    PRIMARY KEY (mailbox, id)
);
"""
TABLES = (
    "setting", "mailbox", "access_token", "refresh_token", "refresh_end", "label", "message", "said", "thread_key",
    "history",
)  # fmt: skip


class Store:
    """One SQLite database; changes are grouped by `change`."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        if path != ":memory:":
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(SCHEMA)
        self._depth = 0

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of a query."""
        return self._connection.execute(sql, values).fetchall()

    def each(self, sql: str, *values: Any) -> Iterator[sqlite3.Row]:
        """The rows of a query one by one, as they are asked for."""
        return iter(self._connection.execute(sql, values))

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query."""
        found: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return found

    def run(self, sql: str, *values: Any) -> None:
        """One statement that changes something."""
        self._connection.execute(sql, values)

    @contextmanager
    def change(self) -> Iterator[None]:
        """All or nothing; may be nested."""
        if self._depth == 0:
            self._connection.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            if self._depth == 1:
                self._connection.execute("ROLLBACK")
            raise
        else:
            if self._depth == 1:
                self._connection.execute("COMMIT")
        finally:
            self._depth -= 1

    def setting(self, name: str, default: str) -> str:
        """A remembered setting."""
        found = self.row("SELECT value FROM setting WHERE name = ?", name)
        return default if found is None else str(found["value"])

    def remember(self, name: str, value: str) -> None:
        """Keep a setting for the next start."""
        self.run("INSERT OR REPLACE INTO setting VALUES (?, ?)", name, value)

    def wipe(self) -> None:
        """Forget everything."""
        with self.change():
            for table in TABLES:
                self.run(f"DELETE FROM {table}")

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
