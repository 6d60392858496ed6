"""`triage doctor`: is everything as it must be, and if not, what is to mend?"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from triage.core.finding import Finding
from triage.store import db

_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "bad": ("✗", "bold red")}


def add_parsers(commands: Any) -> None:
    """Add this file's sub-command."""
    one = commands.add_parser(
        "doctor",
        help="check configuration, database, accounts and their credentials",
        description="Check everything and say what to mend. Exit status 0: nothing is bad (there may be warnings); "
        "1: something is; 2: bad usage.",
        epilog="example: triage doctor care --json | jq -r 'select(.state == \"bad\") | .mend'",
    )
    one.add_argument("account", nargs="*", help="names in config/triage.yaml; none: all")
    one.add_argument("--json", action="store_true", help="JSON lines in place of the table")
    one.add_argument("--dsn", help=f"the database (default: {db.DSN_VARIABLE})")
    one.set_defaults(func=_doctor)


def _doctor(args: argparse.Namespace) -> int:
    from triage.ops.doctor import doctor

    found: list[Finding] = []
    for finding in doctor(dsn=args.dsn, accounts=args.account):
        found.append(finding)
        if args.json:
            print(json.dumps(asdict(finding), ensure_ascii=False), flush=True)
    if not args.json:
        print_findings(found)
    return int(any(finding.state == "bad" for finding in found))


def print_findings(found: Sequence[Finding], *, file: Any = None) -> None:
    """A table for a person: what was looked at, how it is, and what to do; a summary of the worst below."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    stream = file or sys.stdout
    table = Table(box=None, pad_edge=False, show_header=False)
    for wraps in (False, False, False, True):
        table.add_column(no_wrap=not wraps, overflow="fold")
    before = None
    for finding in found:
        mark, style = _MARKS[finding.state]
        said = Text(_printable(finding.text))
        if finding.mend:
            said.append(f"\n→ {_printable(finding.mend)}", style=style)
        account = finding.account if finding.account != before else ""
        before = finding.account
        table.add_row(Text(account, style="bold"), Text(mark, style=style), Text(finding.name), said)
    console = Console(file=stream, width=None if stream.isatty() else 120, highlight=False)
    console.print(table)
    counts = {state: sum(f.state == state for f in found) for state in _MARKS}
    console.print(f"\n{counts['ok']} good, {counts['warn']} to look at, {counts['bad']} to mend")


def _printable(text: str) -> str:
    """No control characters: names that a service gives must not move the reader's cursor."""
    return "".join(ch if ch.isprintable() or ch == "\n" else " " for ch in text)
