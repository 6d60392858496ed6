"""`triage metrics`: the figures of the Prometheus endpoint, for a terminal or node_exporter's textfile collector."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from triage.core.errors import Fatal
from triage.store import db


def add_parsers(commands: Any) -> None:
    """Add this file's sub-command."""
    one = commands.add_parser(
        "metrics",
        help="figures for Prometheus",
        description="Count what the endpoint /triage/metrics gives, in Prometheus' text format. Needs a login that may "
        "read every table (triage_pipeline).",
        epilog="example: triage metrics --output /var/lib/node_exporter/textfile/triage.prom",
    )
    one.add_argument(
        "--output", type=Path, metavar="FILE", help="write FILE at once, so that no reader meets half of it"
    )
    one.add_argument("--dsn", help=f"the database (default: {db.DSN_VARIABLE})")
    one.set_defaults(func=_metrics)


def _metrics(args: argparse.Namespace) -> int:
    from psycopg2.errors import InsufficientPrivilege

    from triage.config import load
    from triage.ops import metrics

    settings = load()
    with db.connect(args.dsn or db.dsn_from_environment()) as connection:
        try:
            text = metrics.exposition(metrics.measure(connection, settings))
        except InsufficientPrivilege:
            login = connection.info.user
            raise Fatal(f"{login} may not read every table; use a member of triage_pipeline") from None
    if args.output:
        _replace(args.output, text)
    else:
        print(text, end="")
    return 0


def _replace(path: Path, text: str) -> None:
    """The file is the old one or the new one at any moment, and everybody may read it."""
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as made:
            made.write(text)
        os.chmod(made.name, 0o644)
        os.replace(made.name, path)
    except OSError as error:
        raise Fatal(f"{path} cannot be written ({error.strerror}); name a folder of your own") from None
