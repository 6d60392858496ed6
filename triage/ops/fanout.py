"""Answer many who ask the same with one approved text: everybody once, whoever is killed in the middle.

A draft is a list to read: who gets what, and who is left to a human, and why. Approved, it goes into the outbox of
replies bit by bit, each conversation in a transaction of its own under a key of its own, and is looked at once more
just before. Quota, spend and the platforms' rules are the outbox's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.config import Settings
from triage.core.errors import ConfigError
from triage.core.fanout import Text, choose, left_to_a_human
from triage.plan import LANGUAGES, facts_of, fill, one
from triage.store import db, fanouts
from triage.store.queue import Refused

ROOM = 100
"""How many replies of one fan-out wait in the outbox at most: a person's own is not behind ten thousand."""


@dataclass(frozen=True, kw_only=True)
class Advanced:
    """What one run did."""

    queued: int = 0
    left_out: int = 0
    later: int = 0
    finished: int = 0

    def __str__(self) -> str:
        return f"queued {self.queued}, left out {self.left_out}, with somebody {self.later}, finished {self.finished}"


def draft(
    connection: Connection, *, texts: Mapping[str, Text], by: str, incident: int | None = None,
    cluster: int | None = None, topic: str | None = None, since: datetime | None = None,
) -> int:  # fmt: skip
    """Write down who would get what; nobody is written to. Its id."""
    if not texts:
        raise ConfigError("a fan-out needs a text; give one for each language, such as en=answer.txt")
    with db.transaction(connection):
        if incident is not None and cluster is None and topic is None:
            topic, since = _about(connection, incident)
        if (cluster is None) == (topic is None):
            raise ConfigError("a fan-out is for a cluster, a topic or an incident; give one of them")
        made = fanouts.make(
            connection, texts=texts, by=by, incident=incident, cluster=cluster, topic=topic, since=since
        )
        fanouts.add(connection, made, choose(fanouts.candidates(connection, made), texts))
    return made


def planned(
    connection: Connection, settings: Settings, incident: int, *, plans: Path | None = None
) -> dict[str, Text]:
    """The plan's own answers for an incident, in each language. Raises ConfigError, Refused."""
    with db.transaction(connection):
        topic, onset = _about(connection, incident)
    filled = fill(one(topic, plans), facts_of(settings.triage, began_at=onset, next_update_at=onset))
    return {lang: Text(long=filled.replies[lang], short=filled.short_replies[lang]) for lang in LANGUAGES}


def _about(connection: Connection, incident: int) -> tuple[str, datetime]:
    found = fanouts.incident(connection, incident)
    if found is None:
        raise Refused(f"there is no incident {incident}; `triage incident list` shows them")
    if found["topic"] is None:
        raise Refused(f"incident {incident} has no topic yet; choose a cluster or a topic")
    return found["topic"], found["onset"]


def approve(connection: Connection, fanout: int, *, by: str) -> None:
    """Let a draft be sent."""
    with db.transaction(connection):
        if not fanouts.approve(connection, fanout, by=by):
            raise Refused(f"fan-out {fanout} is no draft: {_state(connection, fanout)}")


def stop(connection: Connection, fanout: int, *, by: str) -> int:
    """Send no more of it; how many replies were taken back from the outbox."""
    with db.transaction(connection):
        if not fanouts.stop(connection, fanout):
            raise Refused(f"there is nothing to stop: fan-out {fanout} {_state(connection, fanout)}")
        return fanouts.withdraw(connection, fanout, by=by)


def advance(connection: Connection, *, room: int = ROOM) -> Advanced:
    """Put the next of every approved fan-out into the outbox. Safe to run twice at once, and after any crash."""
    total = Advanced()
    with db.transaction(connection):
        approved = fanouts.approved(connection)
    for fanout, texts, by in approved:
        free = room - fanouts.under_way(connection, fanout)
        at: int | None = 0
        while at is not None and free > 0:
            at, done = _one(connection, fanout, texts, by=by, after=at)
            total = _plus(total, done)
            free -= done.queued
        with db.transaction(connection):
            total = _plus(total, Advanced(finished=int(fanouts.finish(connection, fanout))))
    return total


def _one(
    connection: Connection, fanout: int, texts: Mapping[str, Text], *, by: str, after: int
) -> tuple[int | None, Advanced]:
    """The next recipient: queued, left out, or with a colleague just now."""
    with db.transaction(connection):
        at = fanouts.following(connection, fanout, after=after)
        if at is None:
            return None, Advanced()
        (now,) = fanouts.candidates(connection, fanout, one=at)
        if reason := left_to_a_human(now, texts):
            fanouts.exclude(connection, fanout, at, reason)
            return at, Advanced(left_out=1)
        try:
            fanouts.reply(connection, fanout, at, by=by)
        except Refused as refused:
            if refused.code == "TR003":
                connection.rollback()
                return at, Advanced(later=1)
            connection.rollback()
            fanouts.exclude(connection, fanout, at, str(refused))
            return at, Advanced(left_out=1)
        return at, Advanced(queued=1)


def listed(connection: Connection) -> list[dict[str, Any]]:
    """Every fan-out: `state`, `people`, `left_out`, `to_come`, `under_way`, `sent`, `trouble`."""
    with db.transaction(connection):
        return fanouts.listed(connection)


def shown(connection: Connection, fanout: int) -> dict[str, Any]:
    """One fan-out with its `recipients`. Raises Refused when there is none."""
    with db.transaction(connection):
        found = fanouts.listed(connection, fanout)
        if not found:
            raise Refused(f"there is no fan-out {fanout}; `triage fanout list` shows them")
        return {**found[0], "recipients": fanouts.recipients(connection, fanout)}


def _state(connection: Connection, fanout: int) -> str:
    found = fanouts.listed(connection, fanout)
    return f"is {found[0]['state']}" if found else "does not exist"


def _plus(one: Advanced, other: Advanced) -> Advanced:
    return replace(
        one, queued=one.queued + other.queued, left_out=one.left_out + other.left_out,
        later=one.later + other.later, finished=one.finished + other.finished,
    )  # fmt: skip
