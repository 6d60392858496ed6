"""`triage erase`: forget a person."""

from __future__ import annotations

import argparse
import getpass
from typing import Any

from triage.store import db


def add_parsers(commands: Any) -> None:
    """Add this file's sub-command."""
    one = commands.add_parser(
        "erase",
        help="take a person's text, names and addresses out of every table",
        description="Says how much there is of a person; with --yes it is erased, for good, and written down in the "
        "audit log. What still waited is dismissed, and the ledger counts as before. Needs a login that migrates "
        "(triage_owner). The mailbox, the network and your backups keep what they have: see docs/runbooks.md.",
        epilog='example: triage erase jane@example.org --reason "request 2026-117" --yes',
    )
    one.add_argument(
        "person", help="the address they write from, or the network's user id, as triage show has it"
    )
    one.add_argument("--source", help="only at this one: gmail, x, bluesky, mastodon (default: all)")
    one.add_argument("--reason", default="asked to be erased", help="for the audit log; name no person in it")
    one.add_argument(
        "--as", dest="by", default=getpass.getuser(), help="your name in the audit log (default: login)"
    )
    one.add_argument("--yes", action="store_true", help="erase")
    one.add_argument("--dsn", help=f"the database (default: {db.DSN_VARIABLE})")
    one.set_defaults(func=_erase)


def _erase(args: argparse.Namespace) -> int:
    from triage.config import load
    from triage.core.errors import ConfigError
    from triage.ops import erase

    triage = load().triage
    ours = {address.lower() for account in triage.accounts for address in account.addresses} | set(
        triage.groups
    )
    if args.person.lower() in ours:
        raise ConfigError(f"{args.person} is ours by triage.yaml; name a person who wrote to us")
    with db.connect(args.dsn or db.dsn_from_environment()) as connection:
        if not args.yes:
            there = erase.look(connection, args.person, source=args.source)
            print(f"{_told(there)}; nothing was erased: add --yes")
            return 0
        done = erase.run(connection, args.person, by=args.by, reason=args.reason, source=args.source)
    print(f"erased {_told(done)}; {done.dismissed} still waited and are dismissed")
    return 0


def _told(found: Any) -> str:
    return (
        f"{found.messages} messages in {found.conversations} conversations, {found.quarantined} in quarantine"
    )
