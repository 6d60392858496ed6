"""`triage hub`: the public page of facts, and the questions that people approve for it."""

from __future__ import annotations

import argparse
import getpass
import json
from typing import Any

from triage.core.errors import TriageError
from triage.store import db


def add_parsers(commands: Any) -> None:
    """Add this file's sub-commands."""
    top = commands.add_parser(
        "hub",
        help="the public page of facts: publish it, approve its questions",
        description="The public page of facts. Only what somebody approved is on it. docs/plans.md says more.",
        epilog="example: triage hub publish",
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    one = _add(verbs, "publish", _publish, "write what changed to hub.target of triage.yaml")
    one.add_argument(
        "--target", default="", help="write to another folder or fsspec address, to look at it first"
    )
    one = _add(verbs, "draft", _draft, "propose the plan's questions and what most people ask")
    one.add_argument("incident", type=int, help="its number, as in `triage incident list`")
    one = _add(verbs, "questions", _questions, "the drafts of an incident, and what is shown")
    one.add_argument("incident", type=int)
    one.add_argument("--json", action="store_true", help="JSON lines in place of text")
    one = _add(verbs, "approve", _approve, "show a question with its answer")
    one.add_argument("incident", type=int)
    one.add_argument("question", type=int, help="its number, as in `triage hub questions`")
    one.add_argument("--answer", default="", help="another answer than the draft's")
    one = _add(verbs, "withdraw", _withdraw, "take a question off the page, or off the drafts")
    one.add_argument("incident", type=int)
    one.add_argument("question", type=int)


def _add(verbs: Any, name: str, func: Any, help_: str) -> Any:
    parser = verbs.add_parser(name, help=help_, description=help_.capitalize())
    parser.add_argument("--dsn", help=f"the database (default: {db.DSN_VARIABLE})")
    parser.add_argument(
        "--as", dest="by", default=getpass.getuser(), help="your name in the log (default: login)"
    )
    parser.set_defaults(func=func)
    return parser


def _dsn(args: argparse.Namespace) -> str:
    return args.dsn or db.dsn_from_environment()


def _publish(args: argparse.Namespace) -> int:
    from triage.config import load
    from triage.ops import hub

    with db.connect(_dsn(args)) as connection:
        done = hub.publish(connection, load(), target=args.target)
    print(f"hub: {len(done.written)} files written, {done.unchanged} unchanged")
    return 0


def _draft(args: argparse.Namespace) -> int:
    from triage.config import load
    from triage.ops import hub

    with db.connect(_dsn(args)) as connection:
        print(f"hub: {hub.draft_questions(connection, load(), args.incident)} new drafts")
    return 0


def _questions(args: argparse.Namespace) -> int:
    for row in _rows(args):
        if args.json:
            print(json.dumps(row, ensure_ascii=False, default=str))
        else:
            state = f"shown, approved by {row['approved_by']}" if row["approved_by"] else "draft"
            print(f"{row['id']} {row['lang']} asked {row['asked']} times, {state}: {row['question']}")
            print(f"    {row['answer'] or '(no answer yet)'}")
    return 0


def _rows(args: argparse.Namespace) -> list[dict[str, Any]]:
    from triage.ops import board

    with db.connect(_dsn(args)) as connection:
        return board.details(connection, args.incident)["questions"]


def _approve(args: argparse.Namespace) -> int:
    from triage.ops import board

    drafted = next((row["answer"] for row in _rows(args) if row["id"] == args.question), "")
    if not (answer := args.answer or drafted):
        raise TriageError(f"question {args.question} has no answer yet; give one by --answer")
    with db.connect(_dsn(args)) as connection:
        board.approve_question(connection, args.incident, args.question, answer=answer, by=args.by)
    print(f"approve: question {args.question} is shown with the next `triage hub publish`")
    return 0


def _withdraw(args: argparse.Namespace) -> int:
    from triage.ops import board

    with db.connect(_dsn(args)) as connection:
        board.withdraw_question(connection, args.incident, args.question, by=args.by)
    print(f"withdraw: question {args.question} goes with the next `triage hub publish`")
    return 0
