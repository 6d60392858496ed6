"""What the benchmarks share: a database of their own, and tables."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from demo.postgres import running
from triage.store import db
from triage.store.migrate import migrate


@contextmanager
def database(*, durable: bool = False) -> Iterator[str]:
    """The address of a migrated database on an embedded PostgreSQL, gone at the end.

    `durable`: commits reach the disk, as in production.
    """
    base = Path(tempfile.mkdtemp(prefix="triage-bench-"))
    try:
        with running(base, durable=durable) as server:
            with db.connect(server.dsn()) as connection:
                migrate(connection)
            yield server.dsn()
    finally:
        shutil.rmtree(base, ignore_errors=True)


def peak_mb() -> float:
    """The most memory that this program has had; `ru_maxrss` would count those of the process that started it."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def forget_peak() -> None:
    """From now on the peak counts from what is in memory now (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


SHOWN: list[tuple[str, list[dict[str, Any]]]] = []
"""Tables that were shown, for whoever keeps them (kept.py)."""


def show(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows as a table; numbers to the right, floats with three digits."""
    SHOWN.append((title, [dict(row) for row in rows]))
    made = Table(title=title, title_justify="left")
    for name, value in rows[0].items():
        made.add_column(name, justify="left" if isinstance(value, str) else "right")
    for row in rows:
        made.add_row(*(_cell(value) for value in row.values()))
    Console(width=140).print(made)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
