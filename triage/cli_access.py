"""`triage access`: who serves which account."""

from __future__ import annotations

import argparse
from itertools import groupby
from typing import Any

from triage.store import db


def add_parsers(commands: Any) -> None:
    """Add this file's sub-command."""
    top = commands.add_parser(
        "access",
        help="which database roles serve which account",
        description="An account that no role was granted is served by every responder; the first grant shuts the "
        "others out. They see neither its queue nor its messages.",
        epilog="example: triage access grant press_inbox press_team",
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, func, help_ in (
        ("grant", _grant, "let a role serve an account"),
        ("revoke", _revoke, "take an account from a role"),
        ("list", _list, "who serves what; exit status 1 when nobody can see an account"),
    ):
        example = f"triage access {verb}" + (" press_inbox press_team" if verb != "list" else "")
        one = verbs.add_parser(verb, help=help_, description=help_.capitalize(), epilog=f"example: {example}")
        if verb != "list":
            one.add_argument("account", help="an account in config/triage.yaml")
            one.add_argument("role", help="a database role: a login, or a group of logins")
        if verb == "revoke":
            one.add_argument(
                "--yes",
                action="store_true",
                help="also where it is the last role: then every responder serves it",
            )
        one.add_argument("--dsn", help=f"the database (default: {db.DSN_VARIABLE})")
        one.set_defaults(func=func)


def _grant(args: argparse.Namespace) -> int:
    from triage.ops import access

    with db.connect(args.dsn or db.dsn_from_environment()) as connection:
        new = access.grant(connection, args.account, args.role)
    print(f"{args.role} {'serves' if new else 'served already'} {args.account}")
    return 0


def _revoke(args: argparse.Namespace) -> int:
    from triage.ops import access

    with db.connect(args.dsn or db.dsn_from_environment()) as connection:
        had = access.revoke(connection, args.account, args.role, open_to_all=args.yes)
        left = any(row["role"] for row in access.listed(connection) if row["account"] == args.account)
    print(f"{args.role} {'no longer serves' if had else 'did not serve'} {args.account}")
    if had and not left:
        print(f"every responder serves {args.account} now: no role is granted it")
    return int(not had)


def _list(args: argparse.Namespace) -> int:
    from triage.ops import access

    with db.connect(args.dsn or db.dsn_from_environment()) as connection:
        rows = access.listed(connection)
    width = max((len(row["account"]) for row in rows), default=0)
    unseen = False
    for account, roles in groupby(rows, key=lambda row: row["account"]):
        served = list(roles)
        dark = served[0]["role"] is not None and not any(row["logins"] for row in served)
        unseen |= dark
        for row in served:
            print(f"{account:{width}}  {_told(row, dark=dark)}")
    return int(unseen)


def _told(row: dict[str, Any], *, dark: bool) -> str:
    if row["role"] is None:
        return "every responder"
    logins = f"{row['logins']} login{'' if row['logins'] == 1 else 's'}"
    return f"{row['role']} ({logins}{': nobody sees this account' if dark else ''})"
