"""`triage parse`: mails to JSON lines."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def add_parsers(commands: Any) -> None:
    """Add this file's sub-command."""
    parser = commands.add_parser(
        "parse",
        help="mails to JSON lines",
        description="Read raw mails (RFC 5322), print one JSON line each: the new text, quotes and signature cut.",
        epilog="example: triage parse inbox/*.eml | jq -r .text",
    )
    parser.add_argument("file", nargs="+", type=Path, help="raw mails")
    parser.set_defaults(func=_parse)


def _parse(args: argparse.Namespace) -> int:
    from triage.ops.parse import parse_file

    trouble = 0
    for path in args.file:
        try:
            line = parse_file(path)
        except OSError as error:
            trouble = 1
            line = {"file": str(path), "error": f"cannot be read: {error.strerror}"}
        print(json.dumps(line, ensure_ascii=False, default=str), flush=True)
    return trouble
