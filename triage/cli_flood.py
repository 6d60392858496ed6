"""`triage flood`: who sent more than allowed, and letting it back into the queue."""

from __future__ import annotations

import argparse
import getpass
import json
from typing import Any

from triage.store import db


def add_parsers(commands: Any) -> None:
    """Add this file's sub-command."""
    top = commands.add_parser(
        "flood",
        help="messages held because one sender sent too many",
        description="What one sender sends beyond `flood:` in triage.yaml is held: set aside, still counted as waiting."
        " Releasing it brings it back into the queue; the same flood is not held again.",
        epilog="example: triage flood release noisy@post.example",
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    one = verbs.add_parser("list", help="who is held, newest first", epilog="example: triage flood list")
    one.add_argument("--all", action="store_true", help="with the ones that were released")
    one.add_argument("--json", action="store_true", help="JSON lines, for other programs")
    one.set_defaults(func=_list)
    two = verbs.add_parser(
        "release",
        help="let an author's messages back",
        epilog="example: triage flood release noisy@post.example",
    )
    two.add_argument("author", help="the address or user id, as `triage flood list` shows it")
    two.add_argument("--account", help="only what came to this account")
    two.add_argument(
        "--as", dest="by", default=getpass.getuser(), help="your name in the audit log (default: login)"
    )
    two.set_defaults(func=_release)
    for each in (one, two):
        each.add_argument("--dsn", help=f"the database (default: {db.DSN_VARIABLE})")


def _list(args: argparse.Namespace) -> int:
    from triage.ops import flood

    with db.connect(args.dsn or db.dsn_from_environment()) as connection:
        found = flood.listed(connection)
    shown = [row for row in found if args.all or row["released_at"] is None]
    for row in shown:
        if args.json:
            print(json.dumps(row, default=lambda value: value.isoformat()))
        else:
            since, until = (f"{row[name]:%Y-%m-%d %H:%M}" for name in ("started_at", "ended_at"))
            ended = f"released by {row['released_by']}" if row["released_by"] else f"{row['held']} held"
            print(f"{row['account']}  {row['author']}  {since} to {until} UTC  {ended}")
    if not shown and not args.json:
        print("nothing is held")
    return 0


def _release(args: argparse.Namespace) -> int:
    from triage.ops import flood

    with db.connect(args.dsn or db.dsn_from_environment()) as connection:
        rows = flood.release(connection, args.author, by=args.by, account=args.account)
    print(f"{args.author}: {rows} conversations are back in the queue")
    return 0
