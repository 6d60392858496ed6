"""The queue as a file for other programs: CSV that a spreadsheet cannot be tricked by, or Parquet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import IO, Any

from triage.core.errors import ConfigError

COLUMNS = {
    "conversation_id": "int64", "priority": "int16", "severity": "int16", "topic": "string", "intent": "string",
    "kind": "string", "source": "string", "account": "string", "author": "string", "author_name": "string",
    "subject": "string", "excerpt": "string", "lang": "string", "waiting_since": "timestamp",
    "due_at": "timestamp", "messages": "int32", "cluster": "int64", "claimed_by": "string",
    "lease_until": "timestamp", "snoozed_until": "timestamp", "url": "string",
}  # fmt: skip
"""What is exported, in this order, and its type in Parquet (moments in UTC to the microsecond)."""

ROWS_AT_ONCE = 10_000
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def safe_cell(value: Any) -> Any:
    """A cell that a spreadsheet will not take for a formula (= + - @ tab CR LF, and wide forms)."""
    text = value.isoformat() if isinstance(value, datetime) else value
    return "'" + text if isinstance(text, str) and text.startswith(_FORMULA) else text


def csv_lines(rows: Iterable[dict[str, Any]], to: IO[str]) -> None:
    """A header and one line a row."""
    writer = csv.writer(to)
    writer.writerow(COLUMNS)
    writer.writerows([safe_cell(row[name]) for name in COLUMNS] for row in rows)


def parquet(rows: Iterable[dict[str, Any]], path: str) -> int:
    """Write a Parquet file; how many rows. Raises ConfigError when the library is not installed."""
    try:
        from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
        from arro3.io import write_parquet
    except ImportError:
        raise ConfigError(
            "Parquet needs a library; pip install 'inbox-triage[parquet]', or leave out --parquet"
        ) from None
    types = {name: getattr(DataType, name)() for name in ("int16", "int32", "int64", "string")}
    types["timestamp"] = DataType.timestamp("us", tz="UTC")
    schema = Schema([Field(name, types[kind], nullable=True) for name, kind in COLUMNS.items()])
    written = 0

    def batches() -> Iterator[Any]:
        nonlocal written
        source = iter(rows)
        while some := list(islice(source, ROWS_AT_ONCE)):
            written += len(some)
            arrays = [
                Array([_moment(row[name]) for row in some], types["int64"]).cast(types[kind])
                if kind == "timestamp" else Array([row[name] for row in some], types[kind])
                for name, kind in COLUMNS.items()
            ]  # fmt: skip
            yield RecordBatch.from_arrays(arrays, schema=schema)

    write_parquet(RecordBatchReader.from_batches(schema, batches()), path)
    return written


def _moment(value: datetime | None) -> int | None:
    """Microseconds since 1970, as Parquet keeps a moment."""
    return None if value is None else (value - _EPOCH) // timedelta(microseconds=1)
