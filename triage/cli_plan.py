"""`triage plan`: the prepared words for a crisis, checked and shown."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from triage.plan import LANGUAGES, Plan


def add_parsers(commands: Any) -> None:
    """Add this file's sub-command."""
    top = commands.add_parser(
        "plan",
        help="check or show the crisis plans in config/plan",
        description="The prepared statements, replies, questions and answers, one file a topic. docs/plans.md says how "
        "to make them yours.",
        epilog="example: triage plan show product_defect --lang fr",
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    check = verbs.add_parser("check", help="exit status 1 if a plan is broken, missing, incomplete or stale")
    check.add_argument("--json", action="store_true", help="JSON lines in place of the table")
    check.set_defaults(func=_check)
    show = verbs.add_parser("show", help="a topic's plan, filled as if it began now, ready to be copied")
    show.add_argument("topic", help="a topic of config/topics.yaml")
    show.add_argument("--lang", choices=LANGUAGES, help="default: label_language of triage.yaml")
    show.add_argument("--json", action="store_true", help="the whole plan as JSON")
    show.set_defaults(func=_show)


def _check(args: argparse.Namespace) -> int:
    from triage import config, plan
    from triage.cli_doctor import print_findings

    found = list(plan.findings(config.load(), config.config_dir() / "plan", datetime.now(UTC).date()))
    if args.json:
        for finding in found:
            print(json.dumps(asdict(finding), ensure_ascii=False))
    else:
        print_findings(found)
    return int(any(finding.state == "bad" for finding in found))


def _show(args: argparse.Namespace) -> int:
    from triage import config, plan
    from triage.ops.draft import NEXT_UPDATE

    settings, now = config.load().triage, datetime.now(UTC)
    facts = plan.facts_of(settings, began_at=now, next_update_at=now + NEXT_UPDATE)
    shown = plan.fill(plan.one(args.topic), facts)
    if args.json:
        print(json.dumps(asdict(shown), ensure_ascii=False, default=str))
    else:
        print("\n".join(_lines(shown, args.lang or settings.label_language)))
    return 0


def _lines(shown: Plan, lang: str) -> Iterator[str]:
    from triage.plan import signature

    yield f"{shown.topic}, severity {shown.severity}: {shown.scenario}"
    yield f"owner {shown.owner}, approved by {', '.join(shown.approvers)}, spoken by {signature(shown, lang)}"
    yield f"channels {', '.join(shown.channels)}; hub {shown.hub}; reviewed on {shown.reviewed_on}"
    for title, texts in (
        ("Statement", shown.statements),
        ("Post", shown.posts),
        ("Reply", shown.replies),
        ("Short reply", shown.short_replies),
    ):
        yield from ("", f"--- {title} {lang.upper()}", texts[lang])
    for title, points in (
        (f"Help {lang.upper()}", shown.help[lang]),
        ("Do not", shown.avoid),
        ("Must know", shown.duties),
    ):
        yield from ("", f"--- {title}", *(f"- {point}" for point in points))
    yield from ("", f"--- Questions {lang.upper()}")
    for question in shown.questions:
        if question.lang == lang:
            yield from (question.question, f"  {question.answer}")
