"""`triage migrate | collect | label | decide | audit | replay | doctor | demo`: the pipeline by hand."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from triage.config import Account, Settings, load
from triage.core.errors import ConfigError
from triage.sources.base import Credentials
from triage.store import db

CONNECTION_VARIABLE = "AIRFLOW_CONN_{}"
"""Airflow's own way to give a connection by environment variable, in JSON; the terminal reads the same."""


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
        "--resync", metavar="ACCOUNT", help="read the account's window again at the next collect"
    )
    _add(commands, "doctor", _doctor, "check configuration, database and connections", "triage doctor")
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
    variable = CONNECTION_VARIABLE.format(account.connection.upper())
    try:
        given = json.loads(os.environ[variable])
    except KeyError:
        raise ConfigError(
            f"connection {account.connection!r} is not known here; in a terminal set {variable} to the same JSON "
            "that Airflow takes"
        ) from None
    except ValueError as error:
        raise ConfigError(
            f'{variable} is not JSON ({error}); write {{"conn_type": "{account.source}", …}}'
        ) from None
    extra = given.get("extra") or {}
    return Credentials(
        login=given.get("login") or "",
        password=given.get("password") or "",
        extra=json.loads(extra) if isinstance(extra, str) else extra,
    )


def _chosen(settings: Settings, names: list[str]) -> list[Account]:
    return [settings.triage.account(n) for n in names] if names else list(settings.triage.accounts)


def _migrate(args: argparse.Namespace) -> int:
    from triage.store.migrate import migrate

    with db.connect(dsn(args)) as connection:
        applied = migrate(connection)
    print(f"applied {', '.join(applied)}" if applied else "nothing to apply: the database is up to date")
    return 0


def _collect(args: argparse.Namespace) -> int:
    from triage.ops.collect import collect
    from triage.ops.sources import for_account, quota_of

    settings = load()
    with db.connect(dsn(args)) as connection:
        for account in _chosen(settings, args.account):
            source = for_account(connection, account, settings, _credentials(account))
            limit = quota_of(account, settings).units_per_minute
            print(collect(connection, source, account.name, units_per_minute=limit))
    return 0


def _decide(args: argparse.Namespace) -> int:
    from triage.classify import load_classifier
    from triage.ops.classify import classify

    settings = load()
    classifier = load_classifier(settings.topics, cascade=settings.triage.encoder)
    with db.connect(dsn(args)) as connection:
        print(classify(connection, classifier, settings.topics))
    return 0


def _label(args: argparse.Namespace) -> int:
    from triage.ops.label import label, label_names
    from triage.ops.sources import for_account, quota_of

    settings = load()
    with db.connect(dsn(args)) as connection:
        for account in _chosen(settings, args.account):
            source = for_account(connection, account, settings, _credentials(account))
            if not hasattr(source, "apply"):
                continue
            limit = quota_of(account, settings).units_per_minute
            print(label(connection, source, account.name, label_names(settings), units_per_minute=limit))
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


def _replay(args: argparse.Namespace) -> int:
    from triage.ops import replay
    from triage.ops.collect import rewind
    from triage.ops.sources import for_account

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


def _doctor(args: argparse.Namespace) -> int:
    settings = load()
    print(
        f"configuration: {len(settings.triage.accounts)} accounts, {len(settings.topics.topics)} topics: good"
    )
    trouble = 0
    for account in settings.triage.accounts:
        trouble += _check_account(account, settings)
    with db.connect(dsn(args)) as connection:
        version = db.rows(connection, "SHOW server_version")[0]["server_version"]
    print(f"database: PostgreSQL {version}: good")
    return 1 if trouble else 0


def _check_account(account: Account, settings: Settings) -> int:
    from triage.core.errors import TriageError
    from triage.ops.sources import build, quota_of
    from triage.sources.base import SourceSettings

    try:
        asked = SourceSettings(
            account=account.name, addresses=account.addresses, prices=quota_of(account, settings).prices
        )
        print(f"{account.name}: {build(account.source, asked, _credentials(account)).whoami()}: good")
    except TriageError as error:
        print(f"{account.name}: {error}")
        return 1
    return 0


def _demo(args: argparse.Namespace) -> int:
    """The demo is a program of its own: `triage` does not import it."""
    checkout = Path(__file__).resolve().parent.parent
    if not (checkout / "demo").is_dir():
        raise ConfigError("the demo lives in the checkout; clone the project and run `make demo`")
    return subprocess.run(
        [sys.executable, "-m", "demo", *args.arguments], cwd=checkout, check=False
    ).returncode
