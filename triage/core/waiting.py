"""The one definition of *waiting*.

A conversation waits from its earliest inbound message that no later human outbound message answers and
that nobody dismissed. Machines (autoresponders on either side, bounces, lists) neither open nor close
anything. A new inbound message after our reply opens a new spell with its own clock; if it is a bare
thank-you, the spell is a *check*, not a reply that somebody misses. A message that its author or the
mailbox owner deleted no longer waits; if nothing else answered it, it counts as dismissed.

`sql/functions/refresh.sql` is the same rule over sets; `tests/store/test_waiting_sql.py` holds them equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from triage.core.types import Direction, State


class SpellKind(StrEnum):
    """REPLY: somebody misses an answer. CHECK: only thanks since our last reply, look and close."""

    REPLY = "reply"
    CHECK = "check"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What waiting needs to know of one message.

    `covered_as`: what a responder said (answered, dismissed) who settled the conversation when this message
    was in it already; None when nobody did.
    """

    id: int
    direction: Direction
    sent_at: datetime
    bare_thanks: bool = False
    deleted: bool = False
    covered_as: State | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The state of a conversation. `since`, `kind` and `open` (ids that wait) only while it waits."""

    state: State
    since: datetime | None = None
    kind: SpellKind | None = None
    open: tuple[int, ...] = ()


def judge(events: Iterable[Event]) -> Verdict:
    """The state of one conversation from all its messages, in any order."""
    ordered = sorted(events, key=lambda e: (e.sent_at, e.id))
    asked = [e for e in ordered if e.direction is Direction.INBOUND]
    if not asked:
        return Verdict(state=State.NOBODY)
    last_reply = max((e.sent_at for e in ordered if e.direction is Direction.OUTBOUND), default=None)
    unanswered = [e for e in asked if last_reply is None or e.sent_at >= last_reply]
    open_ = [e for e in unanswered if not e.deleted and e.covered_as is None]
    if open_:
        return Verdict(
            state=State.WAITING,
            since=open_[0].sent_at,
            kind=_kind(open_, asked_before=len(asked) > len(open_)),
            open=tuple(e.id for e in open_),
        )
    return Verdict(state=_closed_state(unanswered))


def _kind(open_: Sequence[Event], *, asked_before: bool) -> SpellKind:
    """Thanks are a check only when something had been asked and settled before."""
    return SpellKind.CHECK if asked_before and all(e.bare_thanks for e in open_) else SpellKind.REPLY


def _closed_state(unanswered: Sequence[Event]) -> State:
    """Nobody waits: the last inbound message that no reply answers says how it ended."""
    if not unanswered or unanswered[-1].covered_as is State.ANSWERED:
        return State.ANSWERED
    return State.DISMISSED
