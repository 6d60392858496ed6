"""Act by the plan: draft the first statement, have it approved, publish it first where the crisis began.

A post goes out by the outbox of replies, at most once: it is a reply that answers nobody. The hub shows at once what is
approved, so that the page is there before a post leads to it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.config import Settings, Triage
from triage.core.errors import ConfigError, Fatal, Retry
from triage.ops import draft
from triage.ops.report import Report
from triage.plan import Plan, facts_of, fill, one
from triage.sources.base import Now, utc_now
from triage.store import db, statements
from triage.store.queue import Refused

FIRST_ALONE = timedelta(minutes=10)
"""So long the other channels wait for the one where it began, when that one rests."""

AGAIN = timedelta(minutes=2)

TRIES, PAUSE = 10, 2.0
"""So often it is looked whether another run has sent what is ours, with so many seconds between."""

UNDER_WAY = (None, "wanted", "sending")
"""States of the outbox in which a post may still go out by itself; None: it is not there yet."""

Send = Callable[[str], Report]
"""Send what the outbox holds for an account: triage.ops.reply.send, with what it needs."""


@dataclass(frozen=True, kw_only=True)
class Begun:
    """An incident that a run of respond took, with what its owner is told and its approver is shown.

    `digest` names the texts that were shown; empty: there is nothing to approve, for the reason in `body`. `kind` is
    draft, no plan or no name.
    """

    incident: int
    kind: str
    number: int
    owner: str
    subject: str
    body: str
    digest: str

    def as_json(self) -> dict[str, Any]:
        """For the next task."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def begin(
    connection: Connection, settings: Settings, run: str, *, plans: Path | None = None, now: Now = utc_now
) -> list[Begun]:
    """Take the open incidents that nobody responds to yet, and draft the statement of each that is to be approved.

    A run that is repeated takes the same again. An incident whose plan is missing or broken is still told of.
    """
    with db.transaction(connection):
        taken = statements.claim(connection, run)
        begun = [_nameless(row) for row in statements.nameless(connection, run)]
    for row in taken:
        try:
            plan = one(row["topic"], plans)
        except ConfigError as error:
            begun.append(_without_plan(row, str(error)))
            continue
        with db.transaction(connection):
            shown = _draft(connection, settings.triage, row, plan, now())
        begun += [shown] if shown else []
    return begun


def _draft(
    connection: Connection, triage: Triage, row: Mapping[str, Any], plan: Plan, now: datetime
) -> Begun | None:
    """The statement at hand, for whoever must approve it; None: it is decided about."""
    incident, number = row["id"], draft.at_hand(connection, row)
    draft.write(connection, triage, row, plan, number, by="plan", now=now)
    statements.show(connection, incident, number)
    rows = statements.rows(connection, incident)
    shown = [r for r in rows if r["number"] == number and r["state"] == "waiting"]
    if not shown:
        return None
    return Begun(
        incident=incident, kind="draft", number=number, owner=plan.owner, subject=_subject(row, number),
        body=_body(row, plan, shown), digest=digest_of(shown),
    )  # fmt: skip


def digest_of(shown: Sequence[Mapping[str, Any]]) -> str:
    """What exactly somebody looked at."""
    texts = sorted((r["channel"], r["lang"], r["text"]) for r in shown)
    return hashlib.sha256(repr(texts).encode()).hexdigest()[:16]


def decide(
    connection: Connection,
    incident: int,
    number: int,
    *,
    by: str,
    digest: str,
    approved: bool,
    reason: str = "",
) -> bool:
    """Note what somebody decided about the texts they were shown; whether these are approved.

    Raises Refused when they are no longer the same. Deciding the same again changes nothing.
    """
    with db.transaction(connection):
        statements.hold(connection, incident)
        rows = [r for r in statements.rows(connection, incident) if r["number"] == number]
        open_ = [r for r in rows if r["state"] in draft.UNDECIDED]
        if not open_:
            return any(r["approved_by"] for r in rows)
        if not approved:
            statements.withdraw(connection, incident, number, by=by, reason=reason or "not approved")
            return False
        if digest_of(open_) != digest:
            raise Refused(
                f"statement {number} of incident {incident} was changed after {by} saw it; look again, and approve it "
                f"with `triage statement approve {incident}`"
            )
        statements.approve(connection, incident, number, by=by)
        return True


def answer_questions(connection: Connection, settings: Settings, incident: int, *, by: str) -> int:
    """Show the plan's questions and answers on the hub, as `by` approved them; how many are new."""
    with db.transaction(connection):
        (row,) = statements.incidents(connection, [incident])
        facts = facts_of(settings.triage, began_at=row["onset"], next_update_at=row["onset"])
        asked = [(q.lang, q.question, q.answer) for q in fill(one(row["topic"]), facts).questions]
        return statements.add_questions(connection, incident, asked, by=by)


def publish(
    connection: Connection,
    incident: int,
    send: Send,
    *,
    now: Now = utc_now,
    sleep: Callable[[float], None] = time.sleep,
) -> list[dict[str, Any]]:
    """Publish what is approved, place by place; what became of each text.

    A channel that refuses holds up no other. The first is waited for a while. What rests in the end is left in the
    outbox, which goes on by itself: raises Retry, and a later call tells how it ended; or Fatal, where somebody has to
    mend a connection first.
    """
    with db.transaction(connection):
        places = sorted({row["place"] for row in statements.due(connection, incident)})
    faults: dict[str, str] = {}
    for place in places:
        with db.transaction(connection):
            rows = [r for r in statements.due(connection, incident) if r["place"] == place]
            for row in rows:
                statements.put_out(connection, row["id"])
        for account in sorted({row["account"] for row in rows if row["state"] in UNDER_WAY}):
            faults |= _send(connection, incident, account, send, sleep)
        young = any(now() - row["approved_at"] < FIRST_ALONE for row in rows)
        rests = _under_way(connection, incident) & {row["account"] for row in rows} - faults.keys()
        if place == places[0] and young and rests:
            raise Retry(f"incident {incident}: {', '.join(rests)} rests, and it began there", after=AGAIN)
    if faults:
        raise Fatal(f"incident {incident}: {'; '.join(faults.values())}")
    if resting := _under_way(connection, incident):
        raise Retry(f"incident {incident}: not published yet on {', '.join(sorted(resting))}", after=AGAIN)
    with db.transaction(connection):
        return [r for r in statements.rows(connection, incident) if r["state"] not in draft.UNDECIDED]


def _send(
    connection: Connection, incident: int, account: str, send: Send, sleep: Callable[[float], None]
) -> dict[str, str]:
    """Have an account's outbox sent; another run may be at it already. The fault that a person has to mend, if any."""
    for _ in range(TRIES):
        try:
            send(account)
        except (Fatal, ConfigError) as error:
            return {account: str(error)}
        if account not in _under_way(connection, incident):
            break
        sleep(PAUSE)
    return {}


def _under_way(connection: Connection, incident: int) -> set[str]:
    """Accounts whose posts were given to the outbox and may still go out."""
    with db.transaction(connection):
        rows = statements.due(connection, incident)
    return {row["account"] for row in rows if row["state"] in ("wanted", "sending")}


def without_statement(connection: Connection, run: str) -> list[dict[str, Any]]:
    """Incidents (`id`, `topic`, `onset`, `owner`) of a run of respond that we have said nothing about in public."""
    with db.transaction(connection):
        rows = statements.unsaid(connection, run)
    return [{**row, "owner": _owner(row["topic"])} for row in rows]


def _owner(topic: str) -> str:
    try:
        return one(topic).owner
    except ConfigError:
        return ""


def show(connection: Connection, incident: int) -> list[dict[str, Any]]:
    """All that was drafted and said, with what became of it."""
    with db.transaction(connection):
        return statements.rows(connection, incident)


def waiting(connection: Connection, incident: int) -> list[dict[str, Any]]:
    """The texts of the oldest statement that is still to be decided about."""
    rows = [row for row in show(connection, incident) if row["state"] in draft.UNDECIDED]
    return [row for row in rows if row["number"] == rows[0]["number"]]


def edit(connection: Connection, statement: int, text: str, *, by: str) -> None:
    """Write another text in place of a draft. Raises Refused once it is approved."""
    with db.transaction(connection):
        statements.edit(connection, statement, text, by=by)


def _subject(row: Mapping[str, Any], number: int = 1) -> str:
    what = f"Incident {row['id']}: {row['label_en'] or row['topic']}, {row['messages']} messages"
    return what if number == 1 else f"{what}, statement {number}"


def _body(row: Mapping[str, Any], plan: Plan, shown: Sequence[Mapping[str, Any]]) -> str:
    """Markdown for whoever approves: what happens, who must approve, each text with its channels."""
    texts: dict[tuple[str, str], list[str]] = {}
    for one_ in shown:
        texts.setdefault((one_["lang"], one_["text"]), []).append(one_["channel"])
    parts = [
        f"Since {row['onset']:%Y-%m-%d %H:%M} UTC {row['people']} people wrote {row['messages']} messages "
        f"({row['waiting']} wait). {plan.scenario}",
        f"To be approved by: {', '.join(plan.approvers)}. Never: {' '.join(plan.avoid)}",
    ]
    if plan.duties:
        parts.append(f"The law may ask: {' '.join(plan.duties)}")
    for (lang, text), channels in texts.items():
        quoted = "\n".join(f"> {line}" for line in text.splitlines())
        parts.append(f"**{lang.upper()} on {', '.join(channels)}**\n\n{quoted}")
    parts.append(
        f"To change a text first: `triage statement show {row['id']}`, then `triage statement edit`."
    )
    return "\n\n".join(parts)


def _without_plan(row: Mapping[str, Any], fault: str) -> Begun:
    body = f"{fault}\n\nThere is no text to approve: write to people by hand, and mend the plan."
    return Begun(
        incident=row["id"], kind="no plan", number=1, owner="", subject=_subject(row), body=body, digest=""
    )


def _nameless(row: Mapping[str, Any]) -> Begun:
    where = row["account"] or "all accounts"
    body = (
        f"Since {row['onset']:%Y-%m-%d %H:%M} UTC far more arrives at {where} than usual ({row['observed']} instead of "
        f"{row['expected']:.0f}). A sample is read first; what it is about is told as soon as it is known."
    )
    subject = f"Incident {row['id']}: more messages than usual at {where}"
    return Begun(
        incident=row["id"], kind="no name", number=1, owner="", subject=subject, body=body, digest=""
    )
