"""`triage queue | claim | release | answer | dismiss | relabel | export`: the responder's terminal."""

from __future__ import annotations

import argparse
import csv
import getpass
import json
import sys
from datetime import UTC, datetime
from typing import Any

from triage.store import db

COLUMNS = (
    "conversation_id", "priority", "severity", "topic", "intent", "kind", "source", "account", "author",
    "author_name", "subject", "excerpt", "lang", "waiting_since", "due_at", "messages", "claimed_by", "lease_until",
    "url",
)  # fmt: skip


def add_parsers(commands: Any) -> None:
    """Add this file's sub-commands."""
    one = _add(
        commands, "queue", _queue, "who is still waiting, gravest and longest first", "triage queue -n 10"
    )
    one.add_argument("-n", type=int, default=20, help="rows (default 20)")
    one.add_argument("--topic", help="only this topic")
    one.add_argument("--json", action="store_true", help="JSON lines instead of a table")
    one = _add(commands, "claim", _claim, "lease the next conversations for yourself", "triage claim 5")
    one.add_argument("n", type=int, nargs="?", default=1, help="how many (default 1)")
    one.add_argument("--topic", help="only this topic")
    one.add_argument("--lang", help="only this language, such as fr")
    one.add_argument("--json", action="store_true", help="JSON lines instead of a table")
    for verb, help_, argument in (
        ("release", "give a claimed conversation back", None),
        ("answer", "note that you answered where the tool cannot see it", "where"),
        ("dismiss", "take a conversation out of the queue", "reason"),
        ("relabel", "correct the topic", "topic"),
    ):
        one = _add(
            commands,
            verb,
            _settle,
            help_,
            f"triage {verb} 42" + (f" '{_EXAMPLES[argument]}'" if argument else ""),
        )
        one.add_argument("conversation", type=int, help="the conversation's id, first column of the queue")
        if argument:
            one.add_argument("detail", metavar=argument.upper())
    one = _add(
        commands, "export", _export, "the whole queue as CSV or JSON lines", "triage export > queue.csv"
    )
    one.add_argument("--json", action="store_true", help="JSON lines instead of CSV")


_EXAMPLES = {"where": "by phone", "reason": "spam", "topic": "delivery"}


def _add(commands: Any, name: str, func: Any, help_: str, example: str) -> Any:
    parser = commands.add_parser(
        name, help=help_, description=help_.capitalize(), epilog=f"example: {example}"
    )
    parser.add_argument("--dsn", help=f"the database (default: {db.DSN_VARIABLE})")
    parser.add_argument(
        "--as", dest="by", default=getpass.getuser(), help="your name in the audit log (default: login)"
    )
    parser.set_defaults(func=func)
    return parser


def _dsn(args: argparse.Namespace) -> str:
    return args.dsn or db.dsn_from_environment()


def _queue(args: argparse.Namespace) -> int:
    from triage.ops import queue

    with db.connect(_dsn(args)) as connection:
        _print(queue.show(connection, limit=args.n, topic=args.topic), as_json=args.json)
    return 0


def _claim(args: argparse.Namespace) -> int:
    from triage.ops import queue

    with db.connect(_dsn(args)) as connection:
        rows = queue.claim(connection, count=args.n, by=args.by, topic=args.topic, lang=args.lang)
    _print(rows, as_json=args.json)
    return 0


def _settle(args: argparse.Namespace) -> int:
    from triage.ops import queue

    with db.connect(_dsn(args)) as connection:
        if args.command == "release":
            queue.release(connection, args.conversation, by=args.by)
        elif args.command == "answer":
            queue.answer(connection, args.conversation, by=args.by, where=args.detail)
        elif args.command == "dismiss":
            queue.dismiss(connection, args.conversation, by=args.by, reason=args.detail)
        else:
            queue.relabel(connection, args.conversation, by=args.by, topic=args.detail)
    print(f"{args.command}: conversation {args.conversation} done")
    return 0


def safe_cell(value: Any) -> Any:
    """A cell that a spreadsheet will not take for a formula (CSV injection: = + - @ tab CR)."""
    text = value.isoformat() if isinstance(value, datetime) else value
    return "'" + text if isinstance(text, str) and text[:1] in "=+-@\t\r" and text else text


def _export(args: argparse.Namespace) -> int:
    from triage.ops import queue

    with db.connect(_dsn(args)) as connection:
        rows = queue.show(connection, limit=10_000_000)
    if args.json:
        _print(rows, as_json=True)
        return 0
    writer = csv.writer(sys.stdout)
    writer.writerow(COLUMNS)
    writer.writerows([safe_cell(row[c]) for c in COLUMNS] for row in rows)
    return 0


def _print(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False, default=_plain))
    else:
        print_table(rows)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def waited(since: datetime) -> str:
    """`3 min`, `2 h 05`, `1 d 4 h`: how long ago."""
    minutes = max(0, int((datetime.now(UTC) - since).total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d}"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def print_table(rows: list[dict[str, Any]]) -> None:
    """The queue for a person."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name, wide in (
        ("id", 0),
        ("!", 0),
        ("topic", 0),
        ("waits", 0),
        ("from", 22),
        ("message", 60),
        ("lang", 0),
        ("with", 0),
    ):
        table.add_column(name, max_width=wide or None, no_wrap=True, overflow="ellipsis")
    for row in rows:
        said = " · ".join(part for part in (row["subject"], row["excerpt"]) if part)
        cells = (
            row["conversation_id"], row["priority"], row["topic"], waited(row["waiting_since"]),
            row["author_name"] or row["author"], said, row["lang"], row["claimed_by"] or "",
        )  # fmt: skip
        table.add_row(*(Text(_printable(str(cell))) for cell in cells))
    Console(width=None if sys.stdout.isatty() else 150).print(table)


def _printable(text: str) -> str:
    """No control characters: a message must not move the reader's cursor."""
    return "".join(ch if ch.isprintable() else " " for ch in text)
