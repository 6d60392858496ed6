"""What a responder sees in a terminal: the queue, a conversation, the times."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from triage.core.marked import Piece, marked, marked_subject

Rows = Sequence[dict[str, Any]]
_COLUMNS = (
    ("id", 0),
    ("!", 0),
    ("topic", 0),
    ("waits", 0),
    ("from", 22),
    ("message", 60),
    ("lang", 0),
    ("with", 0),
)


def lasting(length: timedelta) -> str:
    """`3 min`, `2 h 05`, `1 d 4 h`."""
    minutes = max(0, int(length.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d}"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def printable(text: str, *, keep: str = "") -> str:
    """No control characters: a message must not move the reader's cursor."""
    return "".join(ch if ch.isprintable() or ch in keep else " " for ch in text)


def cells(row: dict[str, Any], now: datetime) -> tuple[str, ...]:
    """A row of the queue as a person reads it."""
    said = " · ".join(part for part in (row["subject"], row["excerpt"]) if part)
    alike = f"(×{row['alike']}) " if row.get("alike", 1) > 1 else ""
    holder = row["claimed_by"] if row["lease_until"] and row["lease_until"] > now else ""
    shown = (
        row["conversation_id"], row["priority"], row["topic"], lasting(now - row["waiting_since"]),
        row["author_name"] or row["author"], alike + said, row["lang"], holder or "",
    )  # fmt: skip
    return tuple(printable(str(cell)) for cell in shown)


def queue_table(rows: Rows, now: datetime) -> Table:
    """The queue; what is overdue is red."""
    table = Table(box=None, pad_edge=False)
    for name, wide in _COLUMNS:
        table.add_column(name, max_width=wide or None, no_wrap=True, overflow="ellipsis")
    for row in rows:
        style = "red" if row["due_at"] < now else ""
        table.add_row(*(Text(cell, style=style) for cell in cells(row, now)))
    return table


def print_queue(rows: Rows) -> None:
    """The queue, or that nobody waits."""
    _console().print(queue_table(rows, datetime.now(UTC)) if rows else "nobody is waiting")


def changes(read: Callable[[], Rows], pause: Callable[[], None]) -> Iterator[tuple[Rows, datetime]]:
    """What is read, whenever a person would see a difference."""
    shown: list[tuple[object, ...]] | None = None
    while True:
        rows, now = read(), datetime.now(UTC)
        seen = [(*cells(row, now), row["due_at"] < now) for row in rows]
        if seen != shown:
            shown = seen
            yield rows, now
        pause()


def watch(read: Callable[[], Rows], *, every: float) -> None:
    """The queue as it changes, until Ctrl-C, which leaves the last state on the screen."""
    console = _console()
    with Live(console=console, auto_refresh=False) as live:
        try:
            for rows, now in changes(read, lambda: time.sleep(every)):
                live.update(queue_table(rows, now) if rows else Text("nobody is waiting"), refresh=True)
        except KeyboardInterrupt:
            pass


def print_conversation(number: int, found: dict[str, Any]) -> None:
    """What was written, oldest first, with what spoke for the topic in bold; then what was done about it."""
    console = _console()
    row, now = found["queue"], datetime.now(UTC)
    state = f"waits for {lasting(now - row['waiting_since'])}" if row else "nobody waits"
    about = f", {row['topic']}, priority {row['priority']}" if row else ""
    console.print(Text(f"conversation {number}: {state}{about}", style="bold"))
    for said in found["history"]:
        who = f"{said['author_name'] or said['author']} ({said['direction']})"
        notes = [said["automatic"] or "", "deleted by its author" if said["deleted"] else ""]
        head = " · ".join(
            p for p in (f"{said['at']:%Y-%m-%d %H:%M} UTC", who, said["topic"] or "", *notes) if p
        )
        console.print(Text("\n" + printable(head, keep="\n"), style="cyan"))
        if said["subject"]:
            console.print(_text(marked_subject(said["subject"], said["evidence"])))
        console.print(_text(marked(said["text"], said["evidence"])))
        if rules := sorted({e["rule"] for e in said["evidence"] if e.get("rule")}):
            console.print(Text(printable(f"by rule: {', '.join(rules)}"), style="dim"))
        if said["url"]:
            console.print(Text(printable(said["url"]), style="dim"))
    console.print()
    for deed in found["deeds"]:
        why = deed["reason"] or ", ".join(f"{k} {v}" for k, v in deed["detail"].items())
        console.print(Text(printable(f"{deed['at']:%Y-%m-%d %H:%M} UTC  {deed['by']}: {deed['verb']} {why}")))


def print_times(times: Rows, backlog: Rows) -> None:
    """First responses of the last 30 days, then who waits now."""
    now = datetime.now(UTC)
    answered = _table(
        "First response, last 30 days (those who wait count with the time so far)",
        ("topic", "channel", "answered", "waiting", "half within", "nine in ten within", "in opening hours"),
        [(r["topic"], r["source"], r["answered"], r["waiting"], lasting(r["p50"]), lasting(r["p90"]),
          f"{lasting(r['open_p50'])} / {lasting(r['open_p90'])}") for r in times],
    )  # fmt: skip
    waiting = _table(
        "Waiting now",
        ("topic", "channel", "waiting", "overdue", "oldest", "nine in ten under"),
        [(r["topic"], r["source"], r["waiting"], r["overdue"], lasting(now - r["oldest"]), lasting(r["p90_age"]))
         for r in backlog],
    )  # fmt: skip
    _console().print(answered, "", waiting)


def print_rows(rows: Rows) -> None:
    """Rows as they are, a column for each key; numbers on the right."""
    table = Table(box=None, pad_edge=False)
    for name, value in rows[0].items() if rows else ():
        table.add_column(name, justify="right" if isinstance(value, int) else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable("" if cell is None else str(cell))) for cell in row.values()))
    _console().print(table)


def _table(title: str, names: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in names:
        table.add_column(name, justify="left" if name in ("topic", "channel") else "right")
    for row in rows:
        table.add_row(*(Text(printable(str(cell))) for cell in row))
    return table


def _text(pieces: Sequence[Piece]) -> Text:
    return Text.assemble(
        *((printable(p.text, keep="\n"), "bold yellow" if p.why else "") for p in pieces), overflow="fold"
    )


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 150, highlight=False)
