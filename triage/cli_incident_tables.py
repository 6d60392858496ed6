"""What a person sees of incidents in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from triage.cli_tables import lasting, printable
from triage.ops.incident import offered

BARS = " ▁▂▃▄▅▆▇█"
WIDE = 72


def print_board(rows: Sequence[dict[str, Any]]) -> None:
    """A line an incident; what is open is red."""
    if not rows:
        Console().print("there is no incident, open or watched")
        return
    now = datetime.now(UTC)
    table = Table(box=None, pad_edge=False)
    for name in ("id", "state", "!", "topic", "since", "wrote", "wait", "overdue", "statement"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        cells = (
            row["id"], row["state"], row["severity"], about(row), lasting(now - row["onset"]), row["messages"],
            row["waiting"], row["overdue"], row["statement_state"] or "",
        )  # fmt: skip
        style = "red" if row["state"] == "open" else ""
        table.add_row(*(Text(printable(str(cell)), style=style) for cell in cells))
    Console().print(table)


def about(row: dict[str, Any]) -> str:
    """What an incident is about, and where if not everywhere."""
    topic = row["topic"] or "nobody knows yet"
    return f"{topic} at {row['account']}" if row["account"] else topic


def print_incident(found: dict[str, Any]) -> None:
    """Figures, a picture of the volume, and what happened."""
    console = Console(soft_wrap=True)
    row = found["incident"]
    console.print(
        Text(f"incident {row['id']}: {about(row)}, {row['state']}, severity {row['severity']}", style="bold")
    )
    figures = [
        f"since {row['onset']:%Y-%m-%d %H:%M} UTC, alarmed after {lasting(row['to_alarm'])}",
        f"{row['messages']} messages of {row['people']} people, {row['peak']} in a minute",
        f"{row['waiting']} wait, {row['overdue']} of them too long",
    ]
    if row["to_statement"] is not None:
        figures.append(f"first statement after {lasting(row['to_statement'])}")
    if row["closed_at"]:
        figures.append(f"closed by {row['closed_by']}: {row['closed_reason']}")
    if row["terms"]:
        figures.append("what they say that others do not: " + ", ".join(t["term"] for t in row["terms"]))
    if lines := offered(row):
        figures += ["as a rule for topics.yaml, once somebody has read it:", *lines.splitlines()]
    for line in figures:
        console.print(Text(printable(line)))
    if found["volume"]:
        console.print(Text(picture([v["count"] for v in found["volume"]])))
    for entry in found["history"]:
        said = " · ".join(str(part) for part in (entry["verb"], entry["by"], entry["reason"] or "") if part)
        console.print(Text(printable(f"{entry['at']:%Y-%m-%d %H:%M} UTC · {said}"), style="cyan"))


def picture(counts: Sequence[int], wide: int = WIDE) -> str:
    """Counts as one line of bars, neighbours added up until they fit."""
    size = -(-len(counts) // wide)
    sums = [sum(counts[at : at + size]) for at in range(0, len(counts), size)]
    most = max(sums) or 1
    return "".join(BARS[-(-count * (len(BARS) - 1) // most)] for count in sums)
