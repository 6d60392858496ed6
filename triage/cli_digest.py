"""`triage digest`: the morning digest, and the week's, in the terminal."""

from __future__ import annotations

import argparse
from typing import Any

from triage.core.errors import ConfigError, Fatal
from triage.store import db


def add_parsers(commands: Any) -> None:
    """Add this file's sub-command."""
    one = commands.add_parser(
        "digest",
        help="the morning digest: who waits, what was answered yesterday",
        description="Print the digest as it would be sent now. It sends nothing: the DAG `tell` does.",
        epilog="example: triage digest --weekly --to crisis --lang fr",
    )
    one.add_argument(
        "--weekly",
        action="store_true",
        help="what the crisis committee gets: the seven days before today, against the four weeks before",
    )
    one.add_argument("--to", metavar="NAME", help="as this entry of `notify` in triage.yaml would get it")
    one.add_argument("--lang", choices=("en", "fr"), help="in this language")
    one.add_argument("--as", dest="by", metavar="PERSON", help="count what this person holds")
    one.add_argument("--dsn", help=f"the database (default: {db.DSN_VARIABLE})")
    one.set_defaults(func=_digest)


def _digest(args: argparse.Namespace) -> int:
    from psycopg2.errors import InsufficientPrivilege

    from triage.config import load
    from triage.config_notify import Notify
    from triage.ops.notices import digest_of, weekly_of

    settings = load()
    triage = settings.triage
    if args.to is not None and args.to not in triage.notify:
        known = ", ".join(triage.notify) or "nobody"
        raise ConfigError(f"triage.yaml names no {args.to!r} under notify; it names {known}")
    zone = triage.hours.zone if triage.hours else "UTC"
    entry = triage.notify[args.to] if args.to else Notify(kind="apprise", connection="-", zone=zone)
    chosen = {"language": args.lang, "person": args.by}
    entry = entry.model_copy(update={name: value for name, value in chosen.items() if value})
    with db.connect(args.dsn or db.dsn_from_environment()) as connection:
        try:
            told = (
                weekly_of(connection, entry, settings)
                if args.weekly
                else digest_of(connection, entry, triage)
            )
        except InsufficientPrivilege as error:
            raise Fatal(
                f"this login may not read all that a digest tells ({str(error).splitlines()[0]}); use the address of a "
                "member of triage_pipeline"
            ) from None
    print(f"{told.subject}\n\n{told.text}", end="")
    return 0
