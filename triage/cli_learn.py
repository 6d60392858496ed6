"""`triage correct | learn | model`: what people corrected, and the models that learnt from it."""

from __future__ import annotations

import argparse
import csv
import getpass
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from triage.core.errors import ConfigError
from triage.store import db


def add_parsers(commands: Any) -> None:
    """Add this file's sub-commands."""
    one = _add(
        commands, "correct", _correct, "correct topics from a CSV file", "triage correct queue.csv --as ana",
        "Columns: message_id, or conversation_id, or source, account and native_id; topic; optionally by. A changed "
        "`triage export` will do. Bad rows are named and skipped, exit status 1.",
    )  # fmt: skip
    one.add_argument("file", metavar="FILE.csv", help="the corrections")
    _name(one)
    _as_json(one)
    one = _add(
        commands, "learn", _learn, "teach the model what was corrected", "triage learn",
        "Train on the corrections, measure, and promote the model if it is better; needs the extra `train`.",
    )  # fmt: skip
    _as_json(one)
    model = commands.add_parser(
        "model", help="the models that were taught here", description="The models that were taught here.",
        epilog="example: triage model rollback",
    )  # fmt: skip
    acts = model.add_subparsers(dest="act", required=True, metavar="ACT")
    _as_json(_add(acts, "list", _list, "all of them, with their figures and reasons", "triage model list"))
    one = _add(acts, "promote", _promote, "have one decide, whatever the gate said", "triage model promote 7")
    one.add_argument("model", type=int, help="its id, first column of the list")
    _name(one)
    _name(_add(acts, "rollback", _rollback, "have the one before decide again", "triage model rollback"))


def _add(commands: Any, name: str, func: Any, help_: str, example: str, more: str = "") -> Any:
    about = f"{help_[0].upper()}{help_[1:]}. {more}".strip()
    parser = commands.add_parser(name, help=help_, description=about, epilog=f"example: {example}")
    parser.add_argument("--dsn", help=f"the database (default: {db.DSN_VARIABLE})")
    parser.set_defaults(func=func)
    return parser


def _name(parser: Any) -> None:
    parser.add_argument("--as", dest="by", default=getpass.getuser(), help="your name (default: login)")


def _as_json(parser: Any) -> None:
    parser.add_argument("--json", action="store_true", help="JSON in place of text")


def _dsn(args: argparse.Namespace) -> str:
    return args.dsn or db.dsn_from_environment()


def _correct(args: argparse.Namespace) -> int:
    from triage.ops.correct import correct

    try:
        with open(args.file, encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns, rows = list(reader.fieldnames or ()), list(_rows(args.file, reader))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{args.file}: cannot be read as CSV ({error}); save it as CSV in UTF-8") from None
    with db.connect(_dsn(args)) as connection:
        done = correct(connection, columns, rows, by=args.by)
    if args.json:
        print(json.dumps(done.as_json(), ensure_ascii=False))
    else:
        for place, fault in done.bad:
            print(f"{place}: {fault}; skipped")
        print(f"corrected {done.corrected}, unchanged {done.unchanged}, bad rows {len(done.bad)}")
    return 1 if done.bad else 0


def _rows(name: str, reader: csv.DictReader[str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for row in reader:
        yield f"{name}:{reader.line_num}", row


def _learn(args: argparse.Namespace) -> int:
    from triage.config import load
    from triage.ops.learn import learn, school

    settings = load()
    with db.connect(_dsn(args)) as connection:
        report = learn(connection, school(settings.topics, encoder=settings.triage.encoder))
    print(json.dumps(report.figures() | {"notes": report.notes}) if args.json else report)
    return 0


def _list(args: argparse.Namespace) -> int:
    from triage.ops import models

    with db.connect(_dsn(args)) as connection:
        found = models.listing(connection)
    if args.json:
        print(json.dumps(found, default=_plain, ensure_ascii=False))
        return 0
    for row in found:
        kept = "" if row["kept"] else ", no longer kept"
        print(
            f"{row['id']}  {row['status']}  {row['trained_at']:%Y-%m-%d %H:%M}  {row['corrections']} corrections{kept}"
        )
        for reason in row["reasons"]:
            print(f"    {reason}")
    if not any(row["status"] == "promoted" for row in found):
        print("the shipped model decides")
    return 0


def _promote(args: argparse.Namespace) -> int:
    from triage.ops import models

    with db.connect(_dsn(args)) as connection:
        models.promote(connection, args.model, by=args.by)
    print(f"model {args.model} decides from the next run on; waiting messages are decided anew")
    return 0


def _rollback(args: argparse.Namespace) -> int:
    from triage.ops import models

    with db.connect(_dsn(args)) as connection:
        now = models.rollback(connection, by=args.by)
    print(f"{now} decides from the next run on; waiting messages are decided anew")
    return 0


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
