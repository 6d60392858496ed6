"""`triage fanout`: one approved text for everybody who asks the same."""

from __future__ import annotations

import argparse
import getpass
import json
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.cli_queue import moment
from triage.core.errors import ConfigError
from triage.core.fanout import Text
from triage.store import db


def add_parsers(commands: Any) -> None:
    """Add this file's sub-command."""
    top = commands.add_parser(
        "fanout",
        help="answer many who ask the same with one approved text",
        description="A draft is a list to read: who gets the text in their language, and who is left to a human "
        "(press, legal, somebody hurt, answered before). Nobody gets two, whatever is killed in the middle.",
        epilog="example: triage fanout draft --cluster 12 --long en=answer.txt --short en=post.txt",
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    made = _add(verbs, "draft", _draft, "write down who would get what; nobody is written to",
                "draft --incident 7 --long en=answer.txt --long fr=reponse.txt")  # fmt: skip
    group = made.add_mutually_exclusive_group()
    group.add_argument("--cluster", type=int, help="everybody who says nearly the same")
    group.add_argument("--topic", help="everybody who waits on this topic")
    made.add_argument(
        "--since", help="with --topic: only who began to wait after this, such as 2026-11-23T08:00"
    )
    made.add_argument(
        "--incident", type=int, help="alone: everybody who waits in it; nobody gets two texts of one"
    )
    for size, where in (("long", "mail"), ("short", "posts")):
        help_ = f"the text for {where}; {{name}} becomes the person's name (default: the plan's)"
        made.add_argument(f"--{size}", action="append", default=[], metavar="LANG=FILE", help=help_)
    _add(verbs, "list", _list, "every fan-out and how far it is", "list")
    for verb, func, help_ in (
        ("show", _show, "who gets what, who is left to a human and why, and where each stands"),
        ("approve", _approve, "let a draft be sent, as quota, spend and the platforms allow"),
        ("stop", _stop, "send no more of it; what waits in the outbox is taken back"),
    ):
        _add(verbs, verb, func, help_, f"{verb} 3").add_argument("fanout", type=int, help="its number")


def _add(verbs: Any, name: str, func: Any, help_: str, example: str) -> argparse.ArgumentParser:
    one: argparse.ArgumentParser = verbs.add_parser(
        name, help=help_, description=help_.capitalize(), epilog=f"example: triage fanout {example}"
    )
    one.add_argument(
        "--as", dest="by", default=getpass.getuser(), help="your name in the audit log (default: login)"
    )
    one.add_argument("--dsn", help=f"the database (default: {db.DSN_VARIABLE})")
    one.add_argument("--json", action="store_true", help="JSON in place of a table")
    one.set_defaults(func=lambda args: _with(args, func))
    return one


def _with(args: argparse.Namespace, func: Any) -> int:
    with db.connect(args.dsn or db.dsn_from_environment()) as connection:
        return int(func(args, connection) or 0)


def texts(longs: list[str], shorts: list[str]) -> dict[str, Text]:
    """The texts from `LANG=FILE` arguments. Raises ConfigError for a wrong one or an empty file."""
    found: dict[str, dict[str, str]] = {}
    for size, arguments in (("long", longs), ("short", shorts)):
        for argument in arguments:
            lang, _, name = argument.partition("=")
            if not name:
                raise ConfigError(f"{argument!r} is not LANG=FILE; write --{size} en=answer.txt")
            try:
                text = Path(name).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"{name} cannot be read: {error}") from None
            if not text:
                raise ConfigError(f"{name} is empty; write the answer into it")
            found.setdefault(lang, {})[size] = text
    return {lang: Text(**sizes) for lang, sizes in found.items()}


def _draft(args: argparse.Namespace, connection: Connection) -> None:
    from triage.config import load
    from triage.ops import fanout

    since = moment(args.since) if args.since else None
    given = texts(args.long, args.short)
    if not given and args.incident is not None:
        given = fanout.planned(connection, load(), args.incident)
    made = fanout.draft(
        connection, texts=given, by=args.by, incident=args.incident,
        cluster=args.cluster, topic=args.topic, since=since,
    )  # fmt: skip
    args.fanout = made
    _show(args, connection)
    if not args.json:
        print(f"Nobody has been written to. To send: triage fanout approve {made}")


def _list(args: argparse.Namespace, connection: Connection) -> None:
    from triage.ops import fanout

    rows = fanout.listed(connection)
    names = (
        "id",
        "state",
        "topic",
        "cluster_id",
        "people",
        "left_out",
        "to_come",
        "under_way",
        "sent",
        "trouble",
    )
    _give(args, [{name: row[name] for name in names} for row in rows])


def _show(args: argparse.Namespace, connection: Connection) -> None:
    from triage.ops import fanout

    found = fanout.shown(connection, args.fanout)
    _give(args, found["recipients"])
    if not args.json:
        print(f"fan-out {found['id']} ({found['state']}): {found['people']} conversations, {found['left_out']} left to "
              f"a human, {found['to_come']} to come, {found['under_way']} under way, {found['sent']} sent, "
              f"{found['trouble']} in trouble")  # fmt: skip


def _approve(args: argparse.Namespace, connection: Connection) -> None:
    from triage.ops import fanout

    fanout.approve(connection, args.fanout, by=args.by)
    fanout.advance(connection)  # the first of them wake the senders
    print(f"fan-out {args.fanout} is being sent; triage fanout show {args.fanout} says how far it is")


def _stop(args: argparse.Namespace, connection: Connection) -> None:
    from triage.ops import fanout

    taken = fanout.stop(connection, args.fanout, by=args.by)
    print(f"fan-out {args.fanout} is stopped; {taken} replies were taken back before they went out")


def _give(args: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    if args.json:
        for row in rows:
            print(json.dumps(row, default=str, ensure_ascii=False))
    else:
        from triage.cli_tables import print_rows

        print_rows(rows)
