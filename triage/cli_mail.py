"""`triage parse`: mails to JSON lines."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

_DESCRIPTION = """\
Read raw mails (RFC 5322), print one JSON line each, in the order of the files:

  file, message_id, in_reply_to, references, from, to, subject
  sent_at           what the Date header claims, else when the last server received it; UTC, or null
  text              what was written now: quotes and signature cut; of a mere forward, the forwarded words
  full_text         all of it
  automatic         whether a machine wrote it; automatic_reason names the header that shows it
  attachments       name, type, bytes; measured, never opened
  defects           what was not as it should be, and what was cut because it was too much
"""
_EXAMPLES = """\
examples:
  triage parse inbox/*.eml | jq -r .text
  triage parse complaint.eml | triage classify

exit status: 0 all were read, 1 a file could not be opened (the others were read), 2 bad usage
"""


def add_parsers(commands: Any) -> None:
    """Add this file's sub-command."""
    parser = commands.add_parser(
        "parse",
        help="mails to JSON lines",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", nargs="+", type=Path, help="a raw mail")
    parser.set_defaults(func=_parse)


def _parse(args: argparse.Namespace) -> int:
    from triage.core.errors import ConfigError
    from triage.ops.parse import parse_file

    trouble = 0
    for path in args.file:
        try:
            line = json.dumps(parse_file(path), ensure_ascii=False)
        except ConfigError as error:
            trouble = 1
            print(f"triage parse: {error}", file=sys.stderr)
        else:
            sys.stdout.buffer.write(line.encode() + b"\n")
            sys.stdout.flush()
    return trouble
