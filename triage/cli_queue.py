"""The responder's terminal: `triage queue | show | claim | … | note | export | times`."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.core.errors import ConfigError, TriageError
from triage.store import db

VERBS = {
    "take": ("lease conversations that you chose yourself", "", ""),
    "renew": ("keep what you claimed for another quarter of an hour", "", ""),
    "release": ("give claimed conversations back", "", ""),
    "answer": ("note that you answered where the tool cannot see it", "where", "'by phone'"),
    "dismiss": ("take conversations out of the queue", "reason", "spam"),
    "relabel": ("correct the topic", "topic", "delivery"),
    "snooze": ("put conversations aside for a while; they still wait", "until", "2h"),
    "note": ("leave a word for whoever looks next", "text", "'called, no reply'"),
}
"""What it does, the word it needs, and one such word."""


def add_parsers(commands: Any) -> None:
    """Add this file's sub-commands."""
    one = _add(commands, "queue", _queue, "who is still waiting, gravest and longest first", "queue --mine")
    one.add_argument("-n", type=int, default=20, help="rows (default 20)")
    for name, help_ in (
        ("topic", "this topic"), ("lang", "this language, such as fr"), ("source", "this channel, such as x"),
        ("account", "this account"), ("words", "rows with these words in author, subject or excerpt"),
    ):  # fmt: skip
        one.add_argument(f"--{name}", help=f"only {help_}")
    for name, help_ in (
        ("mine", "what you hold"),
        ("overdue", "what is overdue"),
        ("snoozed", "what is put aside"),
        ("held", "what is held from a flood"),
    ):
        one.add_argument(f"--{name}", action="store_true", help=f"only {help_}")
    one.add_argument(
        "--watch", nargs="?", type=float, const=2.0, metavar="SECONDS",
        help="stay, look again every 2 seconds, and show what changed; Ctrl-C ends it",
    )  # fmt: skip
    one = _add(
        commands,
        "show",
        _show,
        "a conversation: what was written, and what was done",
        "show 42",
    )
    one.add_argument("conversation", type=int, help="its id, first column of the queue")
    one = _add(commands, "claim", _claim, "lease the next conversations for yourself", "claim 5")
    one.add_argument("n", type=int, nargs="?", default=1, help="how many (default 1)")
    one.add_argument("--topic", help="only this topic")
    one.add_argument("--lang", help="only this language, such as fr")
    one.add_argument("--held", action="store_true", help="what is held from a flood, and nothing else")
    for verb, (help_, word, example) in VERBS.items():
        one = _add(commands, verb, _act, help_, f"{verb} 42 43 {example}".strip(), as_json=False)
        one.add_argument("conversation", type=int, nargs="+", help="ids, first column of the queue")
        if word:
            hint = " (2h, 3d, or 2026-11-24T09:00)" if word == "until" else ""
            one.add_argument("word", metavar=word.upper(), help=f"{word}{hint}")
    one = _add(
        commands, "export", _export, "the whole queue: CSV, JSON lines or Parquet", "export > queue.csv"
    )
    one.add_argument(
        "--parquet", metavar="FILE", help="write a Parquet file (pip install 'inbox-triage[parquet]')"
    )
    _add(commands, "times", _times, "how long people wait for an answer, and the backlog", "times")


def _add(commands: Any, name: str, func: Any, help_: str, example: str, *, as_json: bool = True) -> Any:
    parser = commands.add_parser(
        name, help=help_, description=help_.capitalize(), epilog=f"example: triage {example}"
    )
    parser.add_argument("--dsn", help=f"the database (default: {db.DSN_VARIABLE})")
    parser.add_argument(
        "--as", dest="by", default=getpass.getuser(), help="your name in the audit log (default: login)"
    )
    if as_json:
        parser.add_argument("--json", action="store_true", help="JSON lines, for other programs")
    parser.set_defaults(func=func)
    return parser


def _dsn(args: argparse.Namespace) -> str:
    return args.dsn or db.dsn_from_environment()


def _queue(args: argparse.Namespace) -> int:
    from triage.ops import queue

    if args.watch is not None and (args.json or not sys.stdout.isatty()):
        raise ConfigError(
            "--watch needs a terminal; leave it out, or call `triage queue --json` again and again"
        )
    with db.connect(_dsn(args)) as connection:
        wanted = queue.Wanted(
            topic=args.topic, lang=args.lang, source=args.source, account=args.account, words=args.words,
            mine=queue.actor(connection, by=args.by) if args.mine else None,
            overdue=args.overdue, snoozed=args.snoozed, held=args.held,
        )  # fmt: skip

        def read() -> list[dict[str, Any]]:
            return queue.page(connection, wanted, limit=args.n)

        if args.watch is not None:
            from triage.cli_tables import watch

            watch(read, every=max(args.watch, 0.2))
        else:
            _print(read(), as_json=args.json)
    return 0


def _claim(args: argparse.Namespace) -> int:
    from triage.ops import queue

    with db.connect(_dsn(args)) as connection:
        rows = queue.claim(
            connection, count=args.n, by=args.by, topic=args.topic, lang=args.lang, held=args.held
        )
    _print(rows, as_json=args.json)
    return 0


def _show(args: argparse.Namespace) -> int:
    from triage.ops import queue

    with db.connect(_dsn(args)) as connection:
        found = queue.look(connection, args.conversation)
    if found is None:
        raise TriageError(f"there is no conversation {args.conversation}; take the id from `triage queue`")
    if args.json:
        _lines([found])
    else:
        from triage.cli_tables import print_conversation

        print_conversation(args.conversation, found)
    return 0


def _act(args: argparse.Namespace) -> int:
    """The same for each of the conversations; one that is refused stops no other."""
    from triage.ops import queue

    act = _verb(args)
    refused = 0
    with db.connect(_dsn(args)) as connection:
        for number in args.conversation:
            try:
                act(connection, number)
            except queue.Refused as error:
                refused += 1
                print(f"triage {args.command}: {error}", file=sys.stderr)
            else:
                print(f"{args.command}: conversation {number} done")
    return int(refused > 0)


def _verb(args: argparse.Namespace) -> Callable[[Connection, int], None]:
    from triage.ops import queue

    needed = VERBS[args.command][1]
    word: Any = moment(args.word) if needed == "until" else getattr(args, "word", None)
    given = {needed: word} if needed else {}
    verb = getattr(queue, args.command)
    return lambda connection, number: verb(connection, number, by=args.by, **given)


def moment(text: str) -> datetime:
    """`2h`, `3d` from now, or a date and time; without a zone it is this machine's. Raises ConfigError."""
    from triage.config_values import parse_duration

    try:
        return datetime.now(UTC) + parse_duration(text)  # type: ignore[no-any-return]
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise ConfigError(f"{text!r} is no time; write 2h, 3d or 2026-11-24T09:00") from None


def _export(args: argparse.Namespace) -> int:
    from triage.ops import export, queue

    with db.connect(_dsn(args)) as connection:
        rows = queue.every(connection)
        if args.parquet:
            print(f"{export.parquet(rows, args.parquet)} rows in {args.parquet}")
        elif args.json:
            _lines(rows)
        else:
            export.csv_lines(rows, sys.stdout)
    return 0


def _times(args: argparse.Namespace) -> int:
    from triage.ops import queue

    with db.connect(_dsn(args)) as connection:
        times, backlog = queue.times(connection), queue.backlog(connection)
    if args.json:
        _lines(
            [{"what": name, **row} for name, rows in (("times", times), ("backlog", backlog)) for row in rows]
        )
    else:
        from triage.cli_tables import print_times

        print_times(times, backlog)
    return 0


def _print(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        _lines(rows)
    else:
        from triage.cli_tables import print_queue

        print_queue(rows)


def _lines(rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        print(json.dumps(row, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.total_seconds() if hasattr(value, "total_seconds") else str(value)
