"""`triage incident list | show | detect | open | close | watch | reopen | note`: crises from a terminal."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.core.errors import TriageError
from triage.store import db

ACTS = {
    "close": ("it is over, for a reason; it is watched from then on", "close 3 'everybody is answered'"),
    "watch": ("watch it for so many days from now", "watch 3 --days 30"),
    "reopen": ("it goes on", "reopen 3 'the rumour is back'"),
    "note": ("leave a word in its history", "note 3 'the factory confirms batch 7'"),
}
WORDS = {"close": "reason", "reopen": "reason", "note": "text"}


def add_parsers(commands: Any) -> None:
    """Add this file's sub-commands."""
    incident = commands.add_parser(
        "incident",
        help="crises: look, open, close, watch",
        description="Crises: look, open, close, watch",
        epilog="example: triage incident list",
    )
    verbs = incident.add_subparsers(dest="verb", required=True, metavar="VERB")
    one = _add(verbs, "list", _list, "what is open and what is watched", "list --all")
    one.add_argument("--all", action="store_true", help="what is closed too")
    one.add_argument("--json", action="store_true", help="JSON lines, for other programs")
    one = _add(verbs, "show", _show, "one incident: its figures and what happened", "show 3")
    one.add_argument("incident", type=int, help="its number")
    one.add_argument("--json", action="store_true", help="JSON, with the counts by minute")
    _add(verbs, "detect", _detect, "judge what came, as the DAG triage does", "detect")
    one = _add(verbs, "open", _open, "say that there is a crisis", "open product_defect 'the factory called'")
    one.add_argument("topic", help="a topic of topics.yaml")
    one.add_argument("reason", help="why")
    one.add_argument("--account", help="only at this account")
    for verb, (help_, example) in ACTS.items():
        one = _add(verbs, verb, _act, help_, example)
        one.add_argument("incident", type=int, nargs="+", help="numbers")
        if verb in WORDS:
            one.add_argument("word", metavar=WORDS[verb].upper(), help=WORDS[verb])
        if verb in ("close", "watch"):
            one.add_argument(
                "--days", type=int, default=14, help="watch it so long (default 14; 0: not at all)"
            )


def _add(verbs: Any, name: str, func: Any, help_: str, example: str) -> Any:
    parser = verbs.add_parser(
        name, help=help_, description=help_.capitalize(), epilog=f"example: triage incident {example}"
    )
    parser.add_argument("--dsn", help=f"the database (default: {db.DSN_VARIABLE})")
    parser.add_argument(
        "--as", dest="by", default=getpass.getuser(), help="your name in its history (default: login)"
    )
    parser.set_defaults(func=func)
    return parser


def _dsn(args: argparse.Namespace) -> str:
    return args.dsn or db.dsn_from_environment()


def _list(args: argparse.Namespace) -> int:
    from triage.ops import incident

    with db.connect(_dsn(args)) as connection:
        rows = incident.board(connection, closed=args.all)
    if args.json:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False, default=_plain))
    else:
        from triage.cli_incident_tables import print_board

        print_board(rows)
    return 0


def _show(args: argparse.Namespace) -> int:
    from triage.ops import incident

    with db.connect(_dsn(args)) as connection:
        found = incident.show(connection, args.incident)
    if found is None:
        raise TriageError(
            f"there is no incident {args.incident}; take the number from `triage incident list --all`"
        )
    if args.json:
        print(json.dumps(found, ensure_ascii=False, default=_plain))
    else:
        from triage.cli_incident_tables import print_incident

        print_incident(found)
    return 0


def _detect(args: argparse.Namespace) -> int:
    from triage.config import load
    from triage.ops.detect import detect

    with db.connect(_dsn(args)) as connection:
        print(detect(connection, [account.name for account in load().triage.accounts]).report)
    return 0


def _open(args: argparse.Namespace) -> int:
    from triage.ops import incident

    with db.connect(_dsn(args)) as connection:
        made = incident.declare(connection, args.topic, by=args.by, reason=args.reason, account=args.account)
        _follow(connection)
    print(f"open: incident {made} on {args.topic}")
    return 0


def _act(args: argparse.Namespace) -> int:
    """The same for each of the incidents; one that is refused stops no other."""
    from triage.ops.queue import Refused

    act, refused = _verb(args), 0
    with db.connect(_dsn(args)) as connection:
        for number in args.incident:
            try:
                act(connection, number)
            except Refused as error:
                refused += 1
                print(f"triage incident {args.verb}: {error}", file=sys.stderr)
            else:
                print(f"{args.verb}: incident {number} done")
        _follow(connection)
    return int(refused > 0)


def _verb(args: argparse.Namespace) -> Callable[[Connection, int], None]:
    from triage.ops import incident

    given: dict[str, Any] = {WORDS[args.verb]: args.word} if args.verb in WORDS else {}
    if hasattr(args, "days"):
        given["days"] = args.days
    verb = getattr(incident, args.verb)
    return lambda connection, number: verb(connection, number, by=args.by, **given)


def _follow(connection: Connection) -> None:
    from triage.ops.incident import follow

    if not follow(connection):
        print("the queue follows with the next run of detect", file=sys.stderr)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else str(value)
