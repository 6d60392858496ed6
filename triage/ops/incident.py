"""Incidents: what surges do to them, by rule; what people do to them; and the queue that follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg2.errors
from psycopg2.extensions import connection as Connection

from triage.core.incident import Act, Standing, Stream, act_on, harmless, named, renamed
from triage.core.sample import Lead, Reading, pooled
from triage.core.surge import Surge
from triage.core.terms import Background, Term, emerging, from_kept, rule
from triage.core.types import UNSURE
from triage.store import conversations, db, incidents, statements
from triage.store.incidents import Incident

WATCH_DAYS = 14

LONG_OVER = timedelta(hours=72)
"""So long after its surge an incident is closed though some still wait; they wait in the queue as before."""

USUAL = timedelta(days=7)

MOST_READ = 500
"""Messages whose topics are added up, the newest: enough to name a crisis, and no more work in a large one."""

MOST_TEXTS = 1000
"""Messages that are looked through for words."""

LOOK_BACK = timedelta(hours=1)
"""Incidents closed so recently are remembered when an alarm comes."""

TOLD = frozenset({"open", "reopen", "alarm", "escalate", "name"})
"""What others must hear of."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a stream's detector said; `final`: of bins that are closed, not of those that still fill."""

    stream: Stream
    surge: Surge
    final: bool = True


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happened to an incident."""

    incident: int
    verb: str
    topic: str | None


def react(connection: Connection, said: Sequence[Said], over: set[str], *, now: datetime) -> list[Change]:
    """Open, name, escalate and close incidents, in the caller's transaction; what others must hear of.

    `over` are streams on which no surge is on.
    """
    if not said and not incidents.current(connection, now):
        return []
    incidents.lock(connection)
    changes = [change for one in _open(connection, now) for change in _look_again(connection, one, now)]
    changes += [change for one in said for change in _take(connection, one, now)]
    for incident in _open(connection, now):
        _tend(connection, incident, over, now)
    return [change for change in changes if change.verb in TOLD]


def _take(connection: Connection, said: Said, now: datetime) -> list[Change]:
    stream, surge = said.stream, said.surge
    known = [_standing(i) for i in incidents.current(connection, now - LOOK_BACK)]
    read, usual = Reading(), Reading()
    if stream.sampled and surge.kind != "end":
        read, usual = _topics(connection, stream.account, surge.started_at, now)
    act = act_on(stream, surge, known, read, usual)
    if act.verb == "nothing" or (act.verb in ("join", "end") and not said.final):
        return []
    incident = _carry_out(connection, act, stream, surge, now)
    changes = [Change(incident=incident, verb=act.verb, topic=act.topic)]
    if act.topic and any(i.id == incident and i.topic is None for i in known):
        incidents.name(connection, incident, act.topic, now=now, detail={"stream": stream.name})
        changes.append(Change(incident=incident, verb="name", topic=act.topic))
    return changes


def _topics(
    connection: Connection, account: str | None, onset: datetime, now: datetime
) -> tuple[Reading, Reading]:
    """What was read since the onset is about, and what was in the week before."""
    read = incidents.read_topics(connection, account, onset, now, most=MOST_READ)
    usual = incidents.read_topics(connection, account, onset - USUAL, onset, most=MOST_READ)
    return pooled(read), pooled(usual)


def _carry_out(connection: Connection, act: Act, stream: Stream, surge: Surge, now: datetime) -> int:
    if act.incident is None:
        account = None if act.topic else stream.account
        return incidents.open_new(
            connection, surge, stream=stream.name, topic=act.topic, account=account, now=now
        )
    if act.verb == "reopen":
        incidents.reopen(connection, act.incident, surge, stream=stream.name, now=now)
    elif act.verb == "end":
        incidents.end_surge(connection, act.incident, surge, stream=stream.name, now=now)
    elif act.verb == "join":
        incidents.log(connection, act.incident, "join", now, detail={"stream": stream.name})
    else:
        incidents.grow(connection, act.incident, surge, verb=act.verb, stream=stream.name, now=now)
    return act.incident


def _open(connection: Connection, now: datetime) -> list[Incident]:
    return [one for one in incidents.current(connection, now) if one.state == "open"]


def _look_again(connection: Connection, incident: Incident, now: datetime) -> list[Change]:
    """Name what has no name as soon as enough is read, and rename what proves to be about something else."""
    if incident.topic is not None and not _by_sample(incident):
        return []
    read, usual = _topics(connection, incident.account or _where(incident.stream), incident.onset, now)
    lead = renamed(incident.topic, read, usual) if incident.topic else named(read, usual)
    if lead:
        return [_name(connection, incident, lead, now)]
    if incident.topic is None and harmless(read):
        incidents.close(connection, incident.id, reason="what was read of it is no crisis", days=0, now=now)
    return []


def _tend(connection: Connection, incident: Incident, over: set[str], now: datetime) -> None:
    """Close what is over."""
    ended = incident.surge_ended_at
    if ended is None and incident.opened_by == "detect" and incident.stream in over:
        ended = now  # relabelled meanwhile: its messages were about something else
    if ended is None:
        return
    waiting = incidents.waiting(connection, incident)
    if waiting == 0 or now - ended > LONG_OVER:
        still = f"{waiting} still wait" if waiting else "nobody waits"
        reason = f"the surge ended and {still}"
        incidents.close(connection, incident.id, reason=reason, days=WATCH_DAYS, now=now)


def _name(connection: Connection, incident: Incident, lead: Lead, now: datetime) -> Change:
    """Give it its topic; or, where that topic has an incident, what was noticed belongs to that one."""
    topic = lead.topic
    detail = {"read": lead.read, "share": round(lead.share, 2)} | (
        {"was": incident.topic} if incident.topic else {}
    )
    if incident.topic:
        statements.take_back(connection, incident.id, reason=f"it is about {topic}")
    others = [i for i in incidents.current(connection, now) if i.topic == topic and i.state != "closed"]
    if not others:
        incidents.name(
            connection, incident.id, topic, now=now, detail=detail, reason=_how_sure(lead, incident.topic)
        )
        return Change(incident=incident.id, verb="name", topic=topic)
    other = others[0]
    surge = Surge(
        kind="alarm", started_at=incident.onset, alarmed_at=incident.alarmed_at, at=now, observed=0, expected=0.0,
        peak=0, severity=incident.severity,
    )  # fmt: skip
    incidents.close(connection, incident.id, reason=f"it is incident {other.id}", days=0, now=now)
    if other.state == "open":
        incidents.log(connection, other.id, "join", now, detail={"incident": incident.id})
        return Change(incident=other.id, verb="join", topic=topic)
    incidents.reopen(connection, other.id, surge, stream=incident.stream, now=now)
    return Change(incident=other.id, verb="reopen", topic=topic)


def _by_sample(incident: Incident) -> bool:
    """Whether its name was read from a sample, and no topic's own stream has confirmed it; its surge is still on."""
    confirmed = incident.stream.startswith("topic:") and incident.stream != f"topic:{UNSURE}"
    return incident.opened_by == "detect" and not confirmed and incident.surge_ended_at is None


def _where(stream: str) -> str | None:
    """The account whose volume it counts; None: all of them."""
    kind, _, account = stream.partition(":")
    return account.partition(":")[0] if kind in ("account", "feed") else None


def _how_sure(lead: Lead, was: str | None) -> str:
    """In words, for the history."""
    before = f"not about {was} after all: " if was else ""
    after = f", {lead.second} {lead.second_share:.0%}" if lead.second else ""
    return f"{before}{lead.share:.0%} of {lead.read} that were read{after}"


def _standing(incident: Incident) -> Standing:
    return Standing(
        id=incident.id, topic=incident.topic, account=incident.account, stream=incident.stream, state=incident.state,
        surge_ended_at=incident.surge_ended_at, closed_at=incident.closed_at,
    )  # fmt: skip


def tell_queue(connection: Connection, *, batch: int = 1000) -> int:
    """Bring priorities and due times of the topics whose incidents changed up to date; how many rows.

    In transactions of its own, after the change: so no row is missed, and nobody waits for another in a circle.
    """
    with db.transaction(connection):
        changed = incidents.untold(connection)
        topics = {topic for r in changed for topic in (r["topic"], *r["was"]) if topic}
        ids = incidents.rows_about(connection, sorted(topics))
    for start in range(0, len(ids), batch):
        with db.transaction(connection):
            conversations.refresh(connection, ids[start : start + batch])
    with db.transaction(connection):
        incidents.told(connection, changed)
    return len(ids)


def find_terms(connection: Connection, incident: int) -> list[Term]:
    """Keep the words that distinguish an incident's messages from those of the weeks before, the clearest first."""
    with db.transaction(connection):
        said = incidents.said(connection, incident, most=MOST_TEXTS)
        before = incidents.said_before(connection, incident, most=3 * MOST_TEXTS)
    background = Background()
    background.learn(before)
    found = emerging(said, background)
    with db.transaction(connection):
        terms = [{"term": t.text, "people": t.people, "share": t.share, "usual": t.usual} for t in found]
        incidents.set_terms(connection, incident, terms)
    return found


def offered(row: Mapping[str, Any]) -> str:
    """Lines for topics.yaml made of the terms of an incident of the board; empty: none of them makes a rule."""
    topic, label = row["topic"], ""
    if topic in (None, UNSURE):
        topic, label = "new_topic", "New topic"
    lines = rule(topic, from_kept(row["terms"]), label=label)
    return lines if '["' in lines else ""


def follow(connection: Connection) -> bool:
    """`tell_queue` at once, where the login may; otherwise the next run of detect does it. Whether it was done."""
    try:
        tell_queue(connection)
    except psycopg2.errors.InsufficientPrivilege:
        return False
    return True


def board(connection: Connection, *, closed: bool = False) -> list[dict[str, Any]]:
    """What is open first, then what is watched; with `closed` all there ever was."""
    with db.transaction(connection):
        return incidents.board(connection, closed=closed)


def show(connection: Connection, incident: int) -> dict[str, Any] | None:
    """`incident`, its `history` and its `volume` of the last day; None: there is none for this login."""
    with db.transaction(connection):
        found = incidents.one(connection, incident)
        if found is None:
            return None
        until = found["closed_at"]
        since = min(found["onset"], until or found["onset"]) - timedelta(hours=6)
        return {
            "incident": found,
            "history": incidents.history(connection, incident),
            "volume": incidents.volume(connection, incident, since),
        }


def declare(connection: Connection, topic: str, *, by: str, reason: str, account: str | None = None) -> int:
    """Open an incident by hand; it closes by hand only. Raises Refused."""
    with db.transaction(connection):
        return incidents.open_by_hand(connection, topic, by=by, reason=reason, account=account)


def close(connection: Connection, incident: int, *, by: str, reason: str, days: int = WATCH_DAYS) -> None:
    """Close it, and watch it for so many days; 0: for good. Raises Refused."""
    with db.transaction(connection):
        incidents.close_by_hand(connection, incident, by=by, reason=reason, days=days)


def watch(connection: Connection, incident: int, *, by: str, days: int = WATCH_DAYS) -> None:
    """Watch it for so many days from now; 0 ends it. Raises Refused."""
    with db.transaction(connection):
        incidents.watch_by_hand(connection, incident, by=by, days=days)


def reopen(connection: Connection, incident: int, *, by: str, reason: str) -> None:
    """Open it again. Raises Refused."""
    with db.transaction(connection):
        incidents.reopen_by_hand(connection, incident, by=by, reason=reason)


def note(connection: Connection, incident: int, *, by: str, text: str) -> None:
    """Leave a word in its history. Raises Refused."""
    with db.transaction(connection):
        incidents.note_by_hand(connection, incident, by=by, text=text)
