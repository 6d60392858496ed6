"""`triage reply | replies | resend | withdraw | send`: answer from the terminal, and see what became of it."""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg2.extensions import connection as Connection

from triage.core.errors import ConfigError, TriageError
from triage.core.length import length, links
from triage.store import db

if TYPE_CHECKING:
    from triage.config import Account, Settings
    from triage.ops.report import Report
    from triage.sources.base import Replier

DECIDED = ("sent", "refused", "unknown", "withdrawn")


def add_parsers(commands: Any) -> None:
    """Add this file's sub-commands."""
    one = _add(commands, "reply", _reply, "answer where the person wrote", 'reply 42 "We are on it."')
    one.add_argument("conversation", type=int, help="its id, first column of the queue")
    one.add_argument(
        "text", nargs="?", help="what to say; left out, it is read from --file or standard input"
    )
    one.add_argument("--file", metavar="PATH", help="a UTF-8 text file")
    one.add_argument("--key", help="8 to 64 letters, digits or dashes: the same key is the same reply")
    one.add_argument(
        "--wait", type=float, metavar="SECONDS", default=0, help="stay so long to see what becomes of it"
    )
    one = _add(commands, "replies", _replies, "what was written from here in a conversation", "replies 42")
    one.add_argument("conversation", type=int, help="its id, first column of the queue")
    for verb, help_ in (
        ("resend", "send refused or unknown replies again; they are looked for first"),
        ("withdraw", "take replies back that have not gone out, or give up unknown ones"),
    ):
        one = _add(commands, verb, _decide, help_, f"{verb} 7")
        one.add_argument("reply", type=int, nargs="+", help="its number, see `triage replies`")
    one = _add(commands, "send", _send, "send what responders wrote, as the DAGs reply_… do", "send care")
    one.add_argument("account", nargs="*", help="names in config/triage.yaml; none: all")


def _add(commands: Any, name: str, func: Any, help_: str, example: str) -> Any:
    parser = commands.add_parser(
        name, help=help_, description=help_.capitalize(), epilog=f"example: triage {example}"
    )
    parser.add_argument("--dsn", help=f"the database (default: {db.DSN_VARIABLE})")
    if name != "send":
        parser.add_argument(
            "--as", dest="by", default=getpass.getuser(), help="your name in the audit log (default: login)"
        )
    parser.set_defaults(func=func)
    return parser


def _dsn(args: argparse.Namespace) -> str:
    return args.dsn or db.dsn_from_environment()


def _reply(args: argparse.Namespace) -> int:
    from triage.ops import queue

    text = _text(args)
    with db.connect(_dsn(args)) as connection:
        found = queue.look(connection, args.conversation)
        if found is None or found["queue"] is None:
            raise TriageError(
                f"nobody waits in conversation {args.conversation}; take the id from `triage queue`"
            )
        _warn(found["queue"]["source"], text)
        number = queue.reply(connection, args.conversation, by=args.by, text=text, key=args.key)
        print(f"reply {number} goes out; `triage replies {args.conversation}` says what became of it")
        return _watch(connection, args.conversation, number, args.wait) if args.wait else 0


def _text(args: argparse.Namespace) -> str:
    """The argument, else the file, else standard input. Raises ConfigError."""
    if args.text is not None and args.file:
        raise ConfigError("give the text or --file, not both")
    try:
        if args.file:
            text = Path(args.file).read_text(encoding="utf-8")
        else:
            text = sys.stdin.read() if args.text is None else args.text
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the text cannot be read ({type(error).__name__}); name a UTF-8 text file"
        ) from None
    if not text.strip():
        raise ConfigError("there is nothing to say; give a text, --file or standard input")
    return text.replace("\r\n", "\n").replace("\x00", "").strip()


def _warn(source: str, text: str) -> None:
    """How long it is where that matters, on standard error; the platform has the last word."""
    measured = length(source, text)
    if measured is not None:
        more = " (some accounts and servers allow more)" if measured.soft and not measured.fits else ""
        word = "" if measured.fits else "too long: "
        print(f"{word}{measured.count} of {measured.most} characters{more}", file=sys.stderr)
    if source == "x" and links(text):
        print("with a link in it X charges $0.20 for it", file=sys.stderr)


def _watch(connection: Connection, conversation: int, number: int, seconds: float) -> int:
    end = time.monotonic() + seconds
    while True:
        row = next(r for r in _rows(connection, conversation) if r["id"] == number)
        if row["state"] in DECIDED or time.monotonic() >= end:
            print(_line(row))
            return int(row["state"] in ("refused", "unknown", "withdrawn"))
        time.sleep(0.2)


def _rows(connection: Connection, conversation: int) -> list[dict[str, Any]]:
    from triage.ops import reply

    return reply.about(connection, conversation)


def _line(row: dict[str, Any]) -> str:
    from triage.cli_tables import printable

    told = ": ".join(part for part in (row["state"], row["url"] or row["error"] or "") if part)
    return printable(f"reply {row['id']} by {row['by']}, {row['changed_at']:%Y-%m-%d %H:%M} UTC, {told}")


def _replies(args: argparse.Namespace) -> int:
    with db.connect(_dsn(args)) as connection:
        rows = _rows(connection, args.conversation)
    if not rows:
        print(f"nothing was written from here in conversation {args.conversation}")
    for row in rows:
        print(_line(row))
    return 0


def _decide(args: argparse.Namespace) -> int:
    """The same for each of the replies; one that is refused stops no other."""
    from triage.ops import queue

    verb, refused = getattr(queue, args.command), 0
    with db.connect(_dsn(args)) as connection:
        for number in args.reply:
            try:
                verb(connection, number, by=args.by)
            except queue.Refused as error:
                refused += 1
                print(f"triage {args.command}: {error}", file=sys.stderr)
            else:
                print(f"{args.command}: reply {number} done")
    return int(refused > 0)


def _send(args: argparse.Namespace) -> int:
    from triage.config import load
    from triage.ops import reply

    settings = load()
    names = args.account or [account.name for account in settings.triage.accounts]
    with db.connect(_dsn(args)) as connection:
        for account in [settings.triage.account(name) for name in names]:
            if args.account or reply.waiting(connection, account.name):
                print(sent(connection, account, settings))
    return 0


def sent(connection: Connection, account: Account, settings: Settings) -> Report:
    """Send what the outbox holds for an account, with the connection that Airflow's variables or database have."""
    from triage.ops import connections, reply
    from triage.ops.sources import quota_of, replier_for

    def replier() -> Replier:
        held = connections.find(account.connection, account.source)
        return replier_for(connection, account, settings, held.credentials)

    quota = quota_of(account, settings)
    return reply.send(
        connection, replier, account.name, units_per_minute=quota.units_per_minute,
        project_units_per_minute=quota.project_units_per_minute, units_per_day=quota.units_per_day,
    )  # fmt: skip
