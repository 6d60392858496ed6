"""What an alarm means for the incidents there are: the rules, without a database.

A topic's surge belongs to that topic's incident. A volume's surge (an account, a counted term, everything) belongs to
whatever what was read of it is about, and to an incident without a name while too little was read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from triage.core.sample import leading
from triage.core.surge import Surge
from triage.core.types import NOT_CRISIS, UNSURE

Verb = Literal["open", "reopen", "alarm", "escalate", "join", "end", "nothing"]

SETTLED = timedelta(minutes=5)
"""An alarm so soon after a closing is the one that was closed: counts are a little late."""

MANY, HARMLESS, HALF = 20, 0.8, 0.5
"""So many read, and so much of it no crisis: there is none; half of it on a topic, and it is about that."""

FEW, SHARE = 5, 1 / 3
"""So many read about what is an incident already, and such a share of all: the volume is its."""

UNSURE_AFTER = 30
"""So many read, and a third of it what nobody has a topic for yet: it is about that."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """A stream of counts: a topic over all accounts, or the volume of an account or a term; neither: everything."""

    name: str
    topic: str | None = None
    account: str | None = None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """An incident as the rules need to know it."""

    id: int
    topic: str | None
    account: str | None
    stream: str
    state: str
    surge_ended_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Act:
    """What is to be done, to which incident (None: a new one, or none), and the topic it has from then on."""

    verb: Verb
    incident: int | None = None
    topic: str | None = None


NOTHING = Act(verb="nothing")


def act_on(
    stream: Stream,
    surge: Surge,
    known: Sequence[Standing],
    read: Mapping[str, int],
    usual: Mapping[str, float],
) -> Act:
    """What a surge's word asks for.

    `known` are the incidents not closed for long, `read` topics of its messages, `usual` their shares of all messages.
    """
    if surge.kind == "end":
        on = next((i for i in known if i.state == "open" and i.stream == stream.name), None)
        return Act(verb="end", incident=on.id) if on and on.surge_ended_at is None else NOTHING
    topic = stream.topic or named(read, usual) or _explained(known, read)
    if topic is None and harmless(read):
        return NOTHING
    same = [i for i in known if i.topic == topic and (topic or _covers(i, stream))]
    if stream.topic and all(i.state == "closed" for i in same):
        # What had no name yet is this.
        same += [i for i in known if i.topic is None and i.state == "open"]
    on = next((i for i in same if i.state == "open"), None)
    if on is not None:
        return _go_on(on, stream, surge, topic)
    if any(i.closed_at is not None and surge.at <= i.closed_at + SETTLED for i in same):
        return NOTHING
    watched = next((i for i in same if i.state == "watched"), None)
    return Act(verb="reopen" if watched else "open", incident=watched.id if watched else None, topic=topic)


def named(read: Mapping[str, int], usual: Mapping[str, float]) -> str | None:
    """What messages are about, if enough of them were read to say so. `usual`: each topic's share of all messages."""
    if topic := leading(Counter(read).elements(), usual):
        return topic
    topic, count = max(read.items(), key=lambda item: item[1], default=("", 0))
    if topic not in (NOT_CRISIS, UNSURE) and count >= max(MANY, HALF * sum(read.values())):
        return topic  # as always there, and much more of it
    total = sum(read.values())
    return UNSURE if total >= UNSURE_AFTER and read.get(UNSURE, 0) >= SHARE * total else None


def harmless(read: Mapping[str, int]) -> bool:
    """Whether enough was read to say that it is no crisis."""
    total = sum(read.values())
    return total >= MANY and read.get(NOT_CRISIS, 0) >= HARMLESS * total


def _explained(known: Sequence[Standing], read: Mapping[str, int]) -> str | None:
    """The topic of an open incident that enough of the messages are about."""
    least = max(FEW, SHARE * sum(read.values()))
    return next(
        (i.topic for i in known if i.state == "open" and i.topic and read.get(i.topic, 0) >= least), None
    )


def _covers(incident: Standing, stream: Stream) -> bool:
    return incident.account is None or stream.account is None or incident.account == stream.account


def _go_on(on: Standing, stream: Stream, surge: Surge, topic: str | None) -> Act:
    if on.stream == stream.name:
        if surge.kind == "escalation":
            return Act(verb="escalate", incident=on.id, topic=topic)
        return Act(verb="alarm", incident=on.id, topic=topic) if on.surge_ended_at else NOTHING
    if stream.topic:
        # A topic's own stream knows best when it is over.
        return Act(verb="alarm", incident=on.id, topic=topic)
    return Act(verb="join", incident=on.id, topic=topic) if surge.kind == "alarm" else NOTHING
