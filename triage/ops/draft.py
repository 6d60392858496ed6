"""Draft statements from the plan: the first one, one more when the incident has another name now, an update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.config import Settings, Triage
from triage.plan import LANGUAGES, Plan, facts_of, fill, one
from triage.sources.base import Now, utc_now
from triage.store import db, statements
from triage.store.queue import Refused
from triage.store.statements import Draft

NEXT_UPDATE = timedelta(hours=2)
"""What a statement promises."""

HUB = "hub"

UNDECIDED = ("draft", "waiting")


def at_hand(connection: Connection, row: Mapping[str, Any]) -> int:
    """Which statement of an incident of the board is the next to be approved; 1 is the first.

    One that nobody has decided about, else the latest; one more when the incident was renamed since that.
    """
    rows = statements.rows(connection, row["id"])
    if not rows:
        return 1
    undecided = [r["number"] for r in rows if r["state"] in UNDECIDED]
    if undecided:
        return int(undecided[0])
    return int(rows[-1]["number"]) + statements.renamed(connection, row["id"])


def write(
    connection: Connection,
    triage: Triage,
    row: Mapping[str, Any],
    plan: Plan,
    number: int,
    *,
    by: str,
    now: datetime,
) -> None:
    """Draft a statement of an incident of the board from its plan; what is drafted already stays as it is."""
    incident = row["id"]
    if any(r["number"] == number for r in statements.rows(connection, incident)):
        return
    filled = fill(plan, facts_of(triage, began_at=row["onset"], next_update_at=now + NEXT_UPDATE))
    where, langs = statements.began(connection, incident), statements.languages(connection, incident)
    statements.draft(connection, incident, number, texts(filled, triage, where, langs), by=by)


def again(
    connection: Connection,
    settings: Settings,
    incident: int,
    *,
    by: str,
    plans: Path | None = None,
    now: Now = utc_now,
) -> int:
    """Draft one more statement of an open incident, to be edited and then approved like the first; its number.

    The DAG respond asks for the approval at its next run. Raises Refused while another is not decided about.
    """
    with db.transaction(connection):
        statements.hold(connection, incident)
        (row,) = statements.incidents(connection, [incident])
        if row["state"] != "open" or row["topic"] is None:
            raise Refused(
                f"incident {incident} is {'not open' if row['topic'] else 'without a topic'}: there is nothing to say "
                "by a plan; `triage incident reopen`, or wait for its name"
            )
        undecided = [r for r in statements.rows(connection, incident) if r["state"] in UNDECIDED]
        if undecided:
            raise Refused(
                f"statement {undecided[0]['number']} of incident {incident} is not decided about yet; edit that "
                f"one, or take it back: triage statement reject {incident} WHY"
            )
        number = statements.next_number(connection, incident)
        write(connection, settings.triage, row, one(row["topic"], plans), number, by=by, now=now())
        statements.free(connection, incident)
    return number


def texts(plan: Plan, triage: Triage, began: Sequence[str], languages: Sequence[str]) -> list[Draft]:
    """The texts of a filled plan by channel: the hub, then where it began, then in the plan's order.

    In each language, that of most people first. `mail` is no channel of a statement: those who wrote are answered.
    """
    accounts = [a for a in triage.accounts if a.source in plan.channels and a.source != "gmail"]
    rank = {name: place for place, name in enumerate(began[:1])}
    accounts.sort(key=lambda a: (rank.get(a.name, 1), plan.channels.index(a.source)))
    langs = sorted(LANGUAGES, key=lambda lang: list(languages).index(lang) if lang in languages else 9)
    found = [Draft(place=0, channel=HUB, lang=lang, text=plan.statements[lang]) for lang in langs]
    for place, account in enumerate(accounts, 1):
        found += [
            Draft(place=place, channel=account.name, lang=lang, text=plan.posts[lang]) for lang in langs
        ]
    return found
