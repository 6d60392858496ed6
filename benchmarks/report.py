"""Everything that was measured as one table, with its goals; written to docs/benchmarks.md with a picture of growth.

python -m benchmarks report

Reads benchmarks/results: each figure comes with the command that gave it, its date and the machine.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from typing import Any

from benchmarks import kept
from benchmarks.kit import show
from tests.builders import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
PICTURE = ROOT / "docs" / "img" / "growth.svg"


@dataclass(frozen=True, kw_only=True)
class Headline:
    """A figure of the one table: a column of those rows of a bench's table whose first cell begins with `row`.

    `table` is part of the table's title. Rows are named by the columns `named`, or by the first. `most`: only the row
    that has most of it.
    """

    bench: str
    table: str
    column: str
    what: str
    goal: str = ""
    row: str = ""
    named: tuple[str, ...] = ()
    most: bool = False
    beside: str = ""
    """The column that has the peer's figure, in the same run."""


HEADLINES = (
    Headline(bench="throughput", table="From the first read", column="queued /s", what="mails a second into the queue",
             goal="200"),
    Headline(bench="throughput", table="From the first read", column="decided /s", what="mails a second, decided too",
             goal="200"),
    Headline(bench="throughput", table="From the first read", column="collect MB", what="MB of the task that collects"),
    Headline(bench="throughput", table="Goals", column="memory grows by MB", row="in",
             what="MB that memory grows by with a hundred times the mails"),
    Headline(bench="throughput", table="Goals", column="cost apart", what="cost of a mail, apart between sizes",
             goal="0.2"),
    Headline(bench="store", table="Rows stored", column="upsert rows/s", what="rows a second stored, in batches",
             goal="10,000", beside="bare rows/s"),
    Headline(bench="store", table="Rows stored", column="of bare", what="share of bare execute_values, in batches",
             goal="0.9"),
    Headline(bench="store", table="Queue brought", column="p50 ms", named=("what was touched",),
             what="ms for 1,000 touched conversations of 10 million messages"),
    Headline(bench="latency", table="From arrival", column="p95 s", row="event", goal="15",
             what="seconds from arrival to queue row, p95"),
    Headline(bench="latency", table="From arrival", column="p95 s", row="one-minute",
             what="seconds from arrival to queue row, p95"),
    Headline(bench="dags", table="DAG files", column="ms", what="ms to parse a DAG file, the slowest", most=True,
             goal="50"),
    Headline(bench="celery", table="10 mailboxes", column="seconds to one worker's", row="2",
             what="two Celery workers against one, seconds"),
    Headline(bench="cold", table="From an empty folder", column="seconds", named=("command", "what"),
             what="seconds from an empty cache"),
    Headline(bench="claims", table="Claims", column="claims a second", goal="5,000",
             what="claims a second, 50 responders"),
    Headline(bench="claims", table="Claims", column="given twice", what="conversations given out twice", goal="0"),
    Headline(bench="claims", table="Clients killed", column="given out again after the lease",
             what="rows of killed clients given out again", beside="held by them"),
    Headline(bench="queue_page", table="Lists", column="p95 ms", row="all", named=("question", "as"), goal="5",
             what="ms for a page of the queue, p95"),
    Headline(bench="queue_page", table="Lists", column="p95 ms", named=("question", "as"), most=True, goal="5",
             what="ms for a page of the queue, p95, the slowest list"),
    Headline(bench="outage", table="What became", column="figure", what="six hours without network", row="refus",
             goal="0"),
    Headline(bench="units", table="Gmail units", column="units a mail", what="Gmail units for a labelled mail",
             beside="unavoidable"),
    Headline(bench="clusters", table="pairs judged", column="real precision", what="near copies, real: precision"),
    Headline(bench="clusters", table="pairs judged", column="real recall", what="near copies, real: recall"),
    Headline(bench="faults", table="Kinds", column="kinds", what="kinds of faults survived", beside="wanted"),
    Headline(bench="surge", table="NAB", column="NAB score", row="ours", what="surges: NAB's score", goal="75"),
    Headline(bench="surge", table="NAB", column="NAB score", row="EWMA 3 sigma, first bins, tuned",
             what="surges: NAB's score, the best rule"),
)  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Print the table, write the page and the picture."""
    argparse.ArgumentParser(
        prog="python -m benchmarks report", description=__doc__.split("\n")[0]
    ).parse_args(argv)
    found = kept.all_kept()
    rows = list(headlines(found))
    if not rows:
        print("nothing was measured yet; run python -m benchmarks")
        return 1
    show("Everything that was measured", rows)
    write()
    print(f"written to {PAGE.relative_to(ROOT)}")
    return 0


def write() -> None:
    """The page and the picture, from what is kept."""
    found = kept.all_kept()
    PICTURE.write_text(growth(found), encoding="utf-8")
    PAGE.write_text(page(found, list(headlines(found))), encoding="utf-8")


def headlines(found: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows of the one table; a figure that nobody measured is not in it."""
    for line in HEADLINES:
        for table in found.get(line.bench, {}).get("tables", ()):
            if line.table not in table["title"]:
                continue
            rows = [r for r in table["rows"] if line.column in r and _first(r).startswith(line.row)]
            if line.most and rows:
                rows = [max(rows, key=lambda r: float(r[line.column]))]
            for row in rows:
                named = ": ".join(str(row[column]) for column in line.named) or _first(row)
                yield {
                    "what": line.what, "of": named if len(table["rows"]) > 1 else "",
                    "figure": _cell(row[line.column]),
                    "goal": line.goal, "beside": _cell(row[line.beside]) if line.beside in row else "",
                    "by": line.bench,
                }  # fmt: skip


def _first(row: Mapping[str, Any]) -> str:
    return str(next(iter(row.values())))


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    cells = (" | ".join(_cell(row.get(name, "")).replace("|", "\\|") for name in head) for row in rows)
    return "\n".join([*lines, *(f"| {line} |" for line in cells)])


def page(found: Mapping[str, Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> str:
    """docs/benchmarks.md."""
    parts = [
        "# Benchmarks",
        "Written by `python -m benchmarks report` from what each benchmark kept. `make bench` runs them all, "
        "`make bench ARGS=--full` at full size; each says by which command, when and where it was measured.",
        _table(rows),
        "![What a mail costs and how many go through in a second, by how many wait](img/growth.svg)",
    ]
    for name, told in found.items():
        state = "its goals were reached" if told["reached"] else "**a goal was missed**"
        parts += [
            f"## {name}",
            f"`{told['command']}`, {told['date']}, {told['seconds']} s on {told['machine']}; {state}.",
        ]
        parts += [part for table in told["tables"] for part in (f"*{table['title']}*", _table(table["rows"]))]
        parts += [f"```text\n{told['printed'].strip()}\n```"] if told["printed"] else []
    return "\n\n".join(parts) + "\n"


WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 720, 300, 60, 40, 40
SERIES = (("queued /s", "#4a90c8", "in the queue"), ("decided /s", "#d97706", "decided"))


def growth(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Mails a second over how many waited, as an SVG picture; both axes begin at nothing or say what they show."""
    tables = found.get("throughput", {}).get("tables", ())
    rows = [
        row for table in tables if table["title"].startswith("From the first read") for row in table["rows"]
    ]
    if not rows:
        return _svg("Not measured yet", [])
    sizes = sorted(row["mails"] for row in rows)
    top = max(row[name] for row in rows for name, _, _ in SERIES) * 1.1
    low, high = log10(sizes[0]) - 0.1, log10(sizes[-1]) + 0.1

    def x(mails: int) -> float:
        return round(LEFT + (log10(mails) - low) / (high - low) * (WIDTH - LEFT - 20), 1)

    def y(rate: float) -> float:
        return round(TOP + (1 - rate / top) * (HEIGHT - TOP - BOTTOM), 1)

    parts = [
        _line(LEFT, y(200), WIDTH - 20, y(200)),
        _text(WIDTH - 20, y(200) - 5, "goal: 200 a second", "end"),
    ]
    parts += [_text(x(size), HEIGHT - 14, f"{size:,} waiting", "middle") for size in sizes]
    parts += [_text(LEFT - 8, y(level) + 4, f"{level:.0f}", "end") for level in (0, top / 2, top)]
    for number, (name, colour, label) in enumerate(SERIES):
        points = " ".join(
            f"{x(row['mails'])},{y(row[name])}" for row in sorted(rows, key=lambda r: r["mails"])
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="3"/>')
        parts += [
            f'<circle cx="{p.split(",")[0]}" cy="{p.split(",")[1]}" r="4" fill="{colour}"/>'
            for p in points.split()
        ]
        parts.append(f'<rect x="{LEFT + 170 * number}" y="8" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(LEFT + 170 * number + 18, 18, f"mails a second {label}"))
    told = "; ".join(f"{row['mails']:,} waiting: {row['decided /s']:.0f} a second" for row in rows)
    return _svg(told, parts)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1} {y1}L{x2} {y2}" stroke="currentColor" stroke-dasharray="5 3" opacity="0.5"/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(told: str, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12" fill="currentColor">'
    )
    return "\n".join([head, f"<desc>{escape(told)}</desc>", *parts, "</svg>", ""])


if __name__ == "__main__":
    raise SystemExit(main())
