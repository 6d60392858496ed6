"""`triage debrief`: what happened in an incident, for the committee."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from triage.store import db


def add_parsers(commands: Any) -> None:
    """Add this file's sub-command."""
    one = commands.add_parser(
        "debrief",
        help="what happened in an incident, as one document",
        description="Timeline, volumes, time to alarm, to statement and to answer, who waited longest, what was "
        "mislabelled, what the plan lacked: as Markdown, and as one HTML file to read, print or send.",
        epilog="example: triage debrief 7 --lang fr --to debriefs",
    )
    one.add_argument("incident", type=int, help="its number")
    one.add_argument("--lang", choices=("en", "fr"), default="en", help="in this language (default en)")
    one.add_argument("--to", type=Path, default=Path("debriefs"), help="folder (default debriefs)")
    one.add_argument(
        "--zone", default="UTC", help="times as in this zone, such as Europe/Paris (default UTC)"
    )
    one.add_argument("--dsn", help=f"the database (default: {db.DSN_VARIABLE})")
    one.set_defaults(func=_debrief)


def _debrief(args: argparse.Namespace) -> int:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from triage.core.errors import ConfigError
    from triage.ops import debrief

    try:
        zone = ZoneInfo(args.zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigError(f"--zone {args.zone!r} is no time zone; write one such as Europe/Paris") from None
    with db.connect(args.dsn or db.dsn_from_environment()) as connection:
        found = debrief.gather(connection, args.incident, language=args.lang)
        for path in debrief.write(found, args.to, language=args.lang, zone=zone):
            print(path)
        debrief.note(connection, args.incident)
    return 0
