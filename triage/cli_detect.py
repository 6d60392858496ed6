"""`triage detect`: surges in past counts or messages; `triage replay FILE` tells them at the pace they happened."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import IO, Any

from triage.core.errors import ConfigError
from triage.core.surge import Surge

_DESCRIPTION = """\
Read counts or messages, print one JSON line for each surge, in the order of the alarms:

  topic, started_at, alarmed_at, observed, expected, severity (1 is the gravest)

A CSV has a time and a count in equal bins (timestamp,value), and a stream or topic when it holds several
(stream,hour_utc,count). Bins that are missing had no messages. JSON lines have created_at and, if known, topic and
author; they are counted per topic and over all. Each bin is judged when its turn comes, by what came before it.
"""
_EXAMPLES = """\
examples:
  triage detect counts.csv
  triage detect messages.jsonl --bin 60 | jq -r .topic
  triage detect --scores - < counts.csv

exit status: 0 all was read (surges or none), 1 rows were passed over (each is named), 2 bad usage
"""


def add_parsers(commands: Any) -> None:
    """Add this file's sub-command."""
    parser = commands.add_parser(
        "detect",
        help="surges in counts or messages",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", nargs="?", default="-", help="CSV or JSON lines; - or none: standard input")
    parser.add_argument(
        "--bin",
        type=_seconds,
        metavar="SECONDS",
        help="length of a bin (found out from a CSV; messages: 300)",
    )
    parser.add_argument(
        "--scores",
        action="store_true",
        help="also a line for every bin: topic, timestamp, count, expected, score (1 raises an alarm)",
    )
    parser.set_defaults(func=_detect)


def _seconds(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 7 * 24 * 3600:
        raise argparse.ArgumentTypeError("give seconds from 1 to a week")
    return value


def _detect(args: argparse.Namespace) -> int:
    from triage.ops import past

    passed_over = _Passed(args.command, args.file)
    with _opened(args.file) as lines:
        held = past.read(lines, seconds=args.bin, bad=passed_over)
    for told in past.judge(held):
        if args.scores and (told.named or held.people):
            _print(
                topic=told.stream, timestamp=iso(told.bin.started_at), count=told.bin.count,
                expected=round(told.step.expected, 3), score=round(told.step.score, 4),
            )  # fmt: skip
        if told.step.surge and told.step.surge.kind == "alarm":
            _print(**_alarm(told.stream, told.step.surge))
    return passed_over.status


def replay(file: str, *, speed: float, seconds: int | None = None) -> int:
    """Tell what would have been said, `speed` times as fast as it happened (0: at once); the exit status."""
    from triage.ops import past

    passed_over = _Passed("replay", file)
    with _opened(file) as lines:
        held = past.read(lines, seconds=seconds, bad=passed_over)
    began, first = time.monotonic(), None
    for told in past.judge(held):
        first = first or told.ended_at
        if speed and (due := (told.ended_at - first).total_seconds() / speed) > time.monotonic() - began:
            time.sleep(due - (time.monotonic() - began))
        if surge := told.step.surge:
            print(
                f"{told.ended_at:%Y-%m-%d %H:%M} UTC  {told.stream}: {surge.kind}, severity {surge.severity}, "
                f"{surge.observed} messages since {surge.started_at:%Y-%m-%d %H:%M}, {surge.expected:g} expected",
                flush=True,
            )
    return passed_over.status


class _Passed:
    """Names the rows that are passed over."""

    def __init__(self, command: str, file: str) -> None:
        self.command, self.file, self.status = command, file, 0

    def __call__(self, line: int, why: str) -> None:
        self.status = 1
        print(f"triage {self.command}: {self.file}:{line}: passed over: {why}", file=sys.stderr)


def _alarm(stream: str, surge: Surge) -> dict[str, Any]:
    return {
        "topic": stream, "started_at": iso(surge.started_at), "alarmed_at": iso(surge.alarmed_at),
        "observed": surge.observed, "expected": surge.expected, "severity": surge.severity,
    }  # fmt: skip


def iso(when: datetime) -> str:
    """2026-02-28T14:05:00Z."""
    return when.isoformat().replace("+00:00", "Z")


def _print(**values: Any) -> None:
    print(json.dumps(values, ensure_ascii=False))


@contextmanager
def _opened(name: str) -> Iterator[IO[str]]:
    """The named file or standard input. Bytes that are not UTF-8 become replacement signs."""
    try:
        source: int | str = sys.stdin.fileno() if name == "-" else name
        with open(source, encoding="utf-8-sig", errors="replace", closefd=name != "-", newline="") as lines:
            yield lines
    except OSError as error:
        raise ConfigError(
            f"{name}: cannot be read ({error.strerror}); give a CSV, a file of JSON lines or -"
        ) from None
