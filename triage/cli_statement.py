"""`triage statement show | draft | edit | approve | reject | publish`: what is said in public about an incident."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg2.extensions import connection as Connection

from triage.core.errors import ConfigError, TriageError
from triage.store import db

if TYPE_CHECKING:
    from triage.ops.report import Report


def add_parsers(commands: Any) -> None:
    """Add this file's sub-commands."""
    statement = commands.add_parser(
        "statement",
        help="what is said in public about an incident",
        description="What is said in public about an incident",
        epilog="example: triage statement show 3",
    )
    verbs = statement.add_subparsers(dest="verb", required=True, metavar="VERB")
    one = _add(verbs, "show", _show, "all texts, and what became of them", "show 3")
    one.add_argument("incident", type=int, help="the incident's number")
    one.add_argument("--json", action="store_true", help="JSON lines, for other programs")
    one = _add(verbs, "draft", _draft, "draft one more statement, to edit and approve", "draft 3 --again")
    one.add_argument("incident", type=int, help="the incident's number")
    one.add_argument(
        "--again",
        action="store_true",
        required=True,
        help="one more: the DAG respond drafts the first by itself",
    )
    one = _add(verbs, "edit", _edit, "write another text in place of a draft", "edit 12 --file text.txt")
    one.add_argument("statement", type=int, help="the text's number, first in `triage statement show`")
    one.add_argument("--file", metavar="PATH", help="a UTF-8 text file; left out: standard input")
    one = _add(verbs, "approve", _approve, "let the texts go out as they are now", "approve 3")
    one.add_argument("incident", type=int, help="the incident's number")
    one = _add(verbs, "reject", _reject, "take the texts back", "reject 3 'not true any more'")
    one.add_argument("incident", type=int, help="the incident's number")
    one.add_argument("reason", help="why")
    one = _add(verbs, "publish", _publish, "publish what is approved, as the DAG respond does", "publish 3")
    one.add_argument("incident", type=int, help="the incident's number")


def _add(verbs: Any, name: str, func: Any, help_: str, example: str) -> Any:
    parser = verbs.add_parser(
        name, help=help_, description=help_.capitalize(), epilog=f"example: triage statement {example}"
    )
    parser.add_argument("--dsn", help=f"the database (default: {db.DSN_VARIABLE})")
    if name in ("draft", "edit", "approve", "reject"):
        parser.add_argument(
            "--as", dest="by", default=getpass.getuser(), help="your name in its history (default: login)"
        )
    parser.set_defaults(func=func)
    return parser


def _dsn(args: argparse.Namespace) -> str:
    return args.dsn or db.dsn_from_environment()


def _show(args: argparse.Namespace) -> int:
    from triage.ops import respond

    with db.connect(_dsn(args)) as connection:
        rows = respond.show(connection, args.incident)
    if args.json:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False, default=str))
    else:
        print("\n\n".join(map(_told, rows)) or f"nothing was drafted for incident {args.incident}")
    return 0


def _told(row: dict[str, Any]) -> str:
    end = " ".join(str(part) for part in (row["url"], row["error"], row["approved_by"]) if part)
    head = (
        f"{row['id']}: statement {row['number']} on {row['channel']} in {row['lang']}, {row['state']} {end}"
    )
    return f"{head.rstrip()}\n{row['text']}"


def _draft(args: argparse.Namespace) -> int:
    from triage.config import load
    from triage.ops import draft

    with db.connect(_dsn(args)) as connection:
        number = draft.again(connection, load(), args.incident, by=args.by)
    print(
        f"draft: statement {number} of incident {args.incident} is drafted from the plan; its texts: "
        f"triage statement show {args.incident}"
    )
    return 0


def _edit(args: argparse.Namespace) -> int:
    from triage.ops import respond

    try:
        text = Path(args.file).read_text(encoding="utf-8") if args.file else sys.stdin.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{args.file} cannot be read as UTF-8 text: {error}") from None
    if not text.strip():
        raise ConfigError("a statement needs words; give --file, or write to standard input")
    with db.connect(_dsn(args)) as connection:
        respond.edit(connection, args.statement, text.strip(), by=args.by)
    print(f"edit: statement {args.statement} done")
    return 0


def _approve(args: argparse.Namespace) -> int:
    from triage.config import load
    from triage.ops import respond

    with db.connect(_dsn(args)) as connection:
        drafts = respond.waiting(connection, args.incident)
        if not drafts:
            raise TriageError(
                f"nothing of incident {args.incident} is to be approved; see `triage statement show`"
            )
        number = drafts[0]["number"]
        digest = respond.digest_of(drafts)
        respond.decide(connection, args.incident, number, by=args.by, digest=digest, approved=True)
        respond.answer_questions(connection, load(), args.incident, by=args.by)
    print(
        f"approve: statement {number} of incident {args.incident} done; publish it: triage statement publish"
    )
    return 0


def _reject(args: argparse.Namespace) -> int:
    from triage.ops import respond

    with db.connect(_dsn(args)) as connection:
        for number in sorted({row["number"] for row in respond.waiting(connection, args.incident)}):
            respond.decide(
                connection, args.incident, number, by=args.by, digest="", approved=False, reason=args.reason
            )
            print(f"reject: statement {number} of incident {args.incident} done")
    return 0


def _publish(args: argparse.Namespace) -> int:
    from triage.ops import respond

    with db.connect(_dsn(args)) as connection:
        rows = respond.publish(connection, args.incident, partial(_sent, connection))
    for row in rows:
        print(f"{row['channel']} {row['lang']}: {row['state']} {row['url'] or row['error'] or ''}".rstrip())
    return 0


def _sent(connection: Connection, account_name: str) -> Report:
    from triage.cli_reply import sent
    from triage.config import load

    settings = load()
    return sent(connection, settings.triage.account(account_name), settings)
