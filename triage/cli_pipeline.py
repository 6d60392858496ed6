"""`triage migrate | collect | label | decide | retain | audit | replay | demo`: the pipeline by hand."""

from __future__ import annotations

import argparse
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from triage import cli_detect
from triage.config import Account, Settings, load
from triage.core.errors import ConfigError
from triage.sources.base import Credentials
from triage.store import db


def add_parsers(commands: Any) -> None:
    """Add this file's sub-commands."""
    _add(commands, "migrate", _migrate, "bring the database to this version's schema", "triage migrate")
    one = _add(commands, "collect", _collect, "pull new messages of the accounts", "triage collect care")
    one.add_argument("account", nargs="*", help="names in config/triage.yaml; none: all")
    _add(commands, "decide", _decide, "classify what was collected, refresh the queue", "triage decide")
    one = _add(
        commands, "label", _label, "bring the mailboxes' labels to the wanted state", "triage label care"
    )
    one.add_argument("account", nargs="*", help="mailboxes in config/triage.yaml; none: all")
    _add(
        commands, "retain", _retain, "empty settled messages that are older than `retention`", "triage retain"
    )
    _add(commands, "audit", _audit, "collected = answered + waiting + dismissed?", "triage audit")
    one = _add(
        commands, "replay", _replay, "decide or refresh again from what is stored", "triage replay --refresh"
    )
    what = one.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--refresh", action="store_true", help="rebuild queue and wanted labels from the messages"
    )
    what.add_argument("--since", metavar="DATE", help="classify messages sent since DATE (ISO) anew")
    what.add_argument(
        "file", nargs="?", help="tell what detection would have said of the past (as triage detect reads it)"
    )
    one.add_argument(
        "--speed",
        type=float,
        default=0.0,
        metavar="TIMES",
        help="of a FILE: so many times as fast as it happened (0: at once)",
    )
    what.add_argument(
        "--resync", metavar="ACCOUNT", help="read the account's window again at the next collect"
    )
    one = _add(
        commands, "demo", _demo, "the whole pipeline with stand-ins for Gmail and X", "triage demo --once"
    )
    one.add_argument("arguments", nargs=argparse.REMAINDER, help="see python -m demo --help")


def _add(commands: Any, name: str, func: Any, help_: str, example: str) -> Any:
    parser = commands.add_parser(
        name, help=help_, description=help_.capitalize(), epilog=f"example: {example}"
    )
    parser.add_argument("--dsn", help=f"the database (default: {db.DSN_VARIABLE})")
    parser.set_defaults(func=func)
    return parser


def dsn(args: argparse.Namespace) -> str:
    """`--dsn`, else the environment's."""
    return args.dsn or db.dsn_from_environment()


def _credentials(account: Account) -> Credentials:
    from triage.ops.connections import find

    return find(account.connection, account.source).credentials


def _chosen(settings: Settings, names: list[str]) -> list[Account]:
    return [settings.triage.account(n) for n in names] if names else list(settings.triage.accounts)


def _migrate(args: argparse.Namespace) -> int:
    from triage.store.migrate import migrate

    with db.connect(dsn(args)) as connection:
        applied = migrate(connection)
    print(f"applied {', '.join(applied)}" if applied else "nothing to apply: the database is up to date")
    return 0


def _collect(args: argparse.Namespace) -> int:
    from triage.ops import spend
    from triage.ops.collect import collect
    from triage.ops.sources import for_account, limits_of

    settings = load()
    with db.connect(dsn(args)) as connection:
        for account in _chosen(settings, args.account):
            source = for_account(connection, account, settings, _credentials(account))
            limits = limits_of(account, settings)
            report = collect(connection, source, account.name, **limits)
            report.notes += spend.count_unread(connection, source, account)
            print(report)
    return 0


def _decide(args: argparse.Namespace) -> int:
    from triage.ops.classify import classify
    from triage.ops.hours import sync_hours
    from triage.ops.inboxes import Inboxes
    from triage.ops.models import load_in_force
    from triage.ops.second_opinion import load_opinions

    settings = load()
    opinions = load_opinions(settings.triage.second_opinion, settings.topics)
    with db.connect(dsn(args)) as connection:
        sync_hours(connection, settings.triage.calendar)
        classifier, triage = load_in_force(connection, settings), settings.triage
        print(
            classify(
                connection, classifier, settings.topics, inboxes=Inboxes(classifier), opinions=opinions,
                copies=triage.copies, flood=triage.flood,
            )
        )  # fmt: skip
    return 0


def _label(args: argparse.Namespace) -> int:
    from triage.ops.label import label, label_names
    from triage.ops.sources import for_account, limits_of

    settings = load()
    with db.connect(dsn(args)) as connection:
        for account in _chosen(settings, args.account):
            source = for_account(connection, account, settings, _credentials(account))
            if not hasattr(source, "apply"):
                continue
            limits = limits_of(account, settings)
            print(label(connection, source, account.name, label_names(settings), **limits))
    return 0


def _audit(args: argparse.Namespace) -> int:
    from triage.ops.care import audit

    with db.connect(dsn(args)) as connection:
        ledger = audit(connection)
    print(
        f"collected {ledger.collected} = answered {ledger.answered} + waiting {ledger.waiting} + "
        f"dismissed {ledger.dismissed}; queue rows {ledger.queue_rows}; quarantined {ledger.quarantined}"
    )
    return 0


def _retain(args: argparse.Namespace) -> int:
    from triage.ops.retain import retain

    kept = load().triage.retention
    if kept is None:
        raise ConfigError("triage.yaml names no `retention`: texts stay for ever; write one such as 400d")
    with db.connect(dsn(args)) as connection:
        print(retain(connection, kept))
    return 0


def _replay(args: argparse.Namespace) -> int:
    from triage.ops import replay
    from triage.ops.collect import rewind
    from triage.ops.sources import for_account

    if args.file:
        return cli_detect.replay(args.file, speed=args.speed)
    with db.connect(dsn(args)) as connection:
        if args.refresh:
            print(f"refreshed {replay.refresh_all(connection)} conversations")
        elif args.since:
            print(
                f"{replay.forget(connection, since=_date(args.since))} messages are decided anew by the next run"
            )
        else:
            settings = load()
            account = settings.triage.account(args.resync)
            rewind(
                connection, for_account(connection, account, settings, _credentials(account)), account.name
            )
            print(f"{account.name} reads its window again at the next collect")
    return 0


def _date(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{text!r} is not a date; write it as 2026-11-22 or 2026-11-22T08:00+01:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _demo(args: argparse.Namespace) -> int:
    """The demo is a program of its own: `triage` does not import it."""
    checkout = Path(__file__).resolve().parent.parent
    if not (checkout / "demo").is_dir():
        raise ConfigError("the demo lives in the checkout; clone the project and run `make demo`")
    return subprocess.run(
        [sys.executable, "-m", "demo", *args.arguments], cwd=checkout, check=False
    ).returncode
