"""A small SQLite database: grouped changes, and settings that outlive a restart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

SETTINGS = "CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);"


class Database:
    """One SQLite database; changes are grouped by `change`."""

    def __init__(self, path: str, schema: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        if path != ":memory:":
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(SETTINGS + schema)
        self._depth = 0

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of a query."""
        return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query."""
        found: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return found

    def run(self, sql: str, *values: Any) -> int:
        """One statement that changes something; returns how many rows it changed."""
        return self._connection.execute(sql, values).rowcount

    def run_many(self, sql: str, values: Iterable[tuple[Any, ...]]) -> None:
        """One statement for many rows."""
        self._connection.executemany(sql, values)

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
        """Forget everything, settings included."""
        tables = self.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        with self.change():
            for table in tables:
                self.run(f"DELETE FROM {table['name']}")

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
