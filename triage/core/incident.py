"""What an alarm means for the incidents there are: the rules, without a database.

A topic's surge belongs to that topic's incident. A volume's surge (an account, a counted term, everything) belongs to
whatever what was read of it is about, and to an incident without a name while too little was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from triage.core.sample import Lead, Reading, leading
from triage.core.surge import Surge
from triage.core.types import NOT_CRISIS, UNSURE

Verb = Literal["open", "reopen", "alarm", "escalate", "join", "end", "nothing"]

SETTLED = timedelta(minutes=5)
"""An alarm so soon after a closing is the one that was closed: counts are a little late."""

MANY, HARMLESS, HALF = 20, 0.8, 0.5
"""So many read, and so much of it no crisis: there is none; half of it on a topic, and it is about that."""

LEFT = 0.5
"""A name is taken back for one that leads, when so little of that one's lead is left to it."""

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

    @property
    def sampled(self) -> bool:
        """Whether what was read says what it is about: nobody knows by the stream itself."""
        return self.topic in (None, UNSURE)


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
    read: Reading,
    usual: Reading,
) -> Act:
    """What a surge's word asks for.

    `known` are the incidents not closed for long, `read` what its messages are about, `usual` those of the days before.
    """
    if surge.kind == "end":
        on = next((i for i in known if i.state == "open" and i.stream == stream.name), None)
        return Act(verb="end", incident=on.id) if on and on.surge_ended_at is None else NOTHING
    topic = _topic(stream, known, read, usual)
    if topic is None and harmless(read):
        return NOTHING
    same = [i for i in known if i.topic == topic and (topic or _covers(i, stream))]
    if topic and all(i.state == "closed" for i in same):
        # What had no name yet is this.
        nameless = [i for i in known if i.topic is None and i.state == "open"]
        same += [i for i in nameless if stream.topic or _covers(i, stream)]
    on = next((i for i in same if i.state == "open"), None)
    if on is not None:
        return _go_on(on, stream, surge, topic)
    if any(i.closed_at is not None and surge.at <= i.closed_at + SETTLED for i in same):
        return NOTHING
    watched = next((i for i in same if i.state == "watched"), None)
    return Act(verb="reopen" if watched else "open", incident=watched.id if watched else None, topic=topic)


def _topic(stream: Stream, known: Sequence[Standing], read: Reading, usual: Reading) -> str | None:
    """What a surge is about. Many messages that nobody is sure of are about what they lean to, as any volume is."""
    if not stream.sampled:
        return stream.topic
    if lead := named(read, usual):
        return lead.topic
    found = _explained(known, read)
    if found or stream.topic is None or harmless(read):
        return found
    return None if any(i.topic is None and i.state == "open" for i in known) else stream.topic


def named(read: Reading, usual: Reading) -> Lead | None:
    """What messages are about, if enough of them were read to say so. `usual`: what those of the days before are."""
    if lead := leading(read, usual):
        return lead
    topic = max(read.chances, key=lambda one: (read.chances[one], one), default="")
    if topic not in (NOT_CRISIS, UNSURE) and read.chances.get(topic, 0.0) >= max(MANY, HALF * read.messages):
        return Lead(
            topic=topic, read=read.messages, share=read.share(topic)
        )  # as always there, and much more of it
    unsure = read.decided.get(UNSURE, 0)
    leans = topic != UNSURE and read.share(topic) >= SHARE
    if leans or read.messages < UNSURE_AFTER or unsure < SHARE * read.messages:
        return None
    return Lead(topic=UNSURE, read=read.messages, share=unsure / read.messages)


def renamed(topic: str, read: Reading, usual: Reading) -> Lead | None:
    """What messages are about after all, when that is not the topic they were said to be about."""
    lead = leading(read, usual)
    if lead is None or lead.topic == topic:
        return None
    left = read.share(topic) - usual.share(topic)
    return lead if left <= LEFT * (lead.share - usual.share(lead.topic)) else None


def harmless(read: Reading) -> bool:
    """Whether enough was read to say that it is no crisis."""
    most = max(read.decided.get(NOT_CRISIS, 0), read.chances.get(NOT_CRISIS, 0.0))
    return read.messages >= MANY and most >= HARMLESS * read.messages


def _explained(known: Sequence[Standing], read: Reading) -> str | None:
    """The topic of an open incident that enough of the messages are about."""
    least = max(FEW, SHARE * read.messages)
    return next(
        (i.topic for i in known if i.state == "open" and i.topic and read.chances.get(i.topic, 0) >= least),
        None,
    )


def _covers(incident: Standing, stream: Stream) -> bool:
    return incident.account is None or stream.account is None or incident.account == stream.account


def _go_on(on: Standing, stream: Stream, surge: Surge, topic: str | None) -> Act:
    if on.stream == stream.name:
        if surge.kind == "escalation":
            return Act(verb="escalate", incident=on.id, topic=topic)
        return Act(verb="alarm", incident=on.id, topic=topic) if on.surge_ended_at else NOTHING
    if stream.topic and stream.topic == topic:
        # A topic's own stream knows best when it is over.
        return Act(verb="alarm", incident=on.id, topic=topic)
    return Act(verb="join", incident=on.id, topic=topic) if surge.kind == "alarm" else NOTHING
