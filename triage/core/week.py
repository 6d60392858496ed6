"""The figures of a week, and whether it brought more or less than usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import sqrt

FEW = 5
"""Fewer than that are counted and nothing more: no comparison, no percentile."""

CLEAR = 2.0
"""A difference of so many standard deviations is none by chance."""

SAME = (0.8, 1.25)
"""A ratio in between is the same, however sure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Brought:
    """What the week brought about a topic; `before`: messages of the weeks before, together."""

    en: str
    fr: str
    messages: int
    conversations: int
    before: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """Conversations in which a person asked, counted from messages (`collected`), and what became of them."""

    collected: int = 0
    answered: int = 0
    waiting: int = 0
    dismissed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """First responses of a topic on a channel; those who still wait count with their time so far."""

    en: str
    fr: str
    source: str
    spells: int
    waiting: int
    p50: timedelta
    p90: timedelta
    longest: timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Incident:
    """An incident that is open or watched, or was opened or closed in the week; no topic: across all of them.

    `opened` and `closed` say whether in the week. `state` is open, watched or closed.
    """

    number: int
    en: str = ""
    fr: str = ""
    state: str
    onset: datetime
    alarmed_at: datetime
    statement_at: datetime | None = None
    closed_at: datetime | None = None
    watched_until: datetime | None = None
    opened: bool = False
    closed: bool = False
    false_alarm: bool = False
    debriefed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """Messages that people took from one topic and put to another; no label: not said, or read by nobody."""

    from_en: str
    from_fr: str
    to_en: str
    to_fr: str
    messages: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """A plan that is to be read again by that day."""

    en: str
    fr: str
    by: date


@dataclass(frozen=True, kw_only=True, slots=True)
class Plans:
    """What the plans need: reviews that are late or due soon, how many are broken, how many have no named person."""

    reviews: Sequence[Review] = ()
    broken: int = 0
    nameless: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """Dollars of an account in the week, and in the one before."""

    account: str
    week: float
    before: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Week:
    """From `since` until before `until`; `weeks` of record before it are compared with, four at most.

    `read` messages of the week have a topic in force, of which `unsure` none that anybody is sure of.
    """

    since: datetime
    until: datetime
    weeks: int = 0
    topics: Sequence[Brought] = ()
    became: Ledger = Ledger()
    ledger: Ledger = Ledger()
    responses: Sequence[Response] = ()
    incidents: Sequence[Incident] = ()
    moved: Sequence[Moved] = ()
    read: int = 0
    unsure: int = 0
    plans: Plans = Plans()
    spent: Sequence[Spent] = ()


def compared(count: int, before: int, weeks: int) -> tuple[str, int]:
    """`more`, `times` (with how many), `less`, `half`, `new`, `same`, or nothing said; a word for count against usual.

    Counts as Poisson's, made of equal variance by Anscombe's 2 * sqrt(n + 3/8); the usual is the mean of `weeks`.
    """
    usual = before / weeks if weeks else 0.0
    if not weeks or max(count, usual) < FEW:
        return "", 0
    z = 2 * (sqrt(count + 0.375) - sqrt(usual + 0.375)) / sqrt(1 + 1 / weeks)
    if abs(z) < CLEAR:
        return "same", 0
    if not before:
        return "new", 0
    ratio = count / usual
    if SAME[0] <= ratio <= SAME[1]:
        return "same", 0
    if ratio > 1:
        return ("times", round(ratio)) if ratio >= 1.75 and usual >= FEW else ("more", 0)
    return ("half", 0) if ratio <= 0.6 else ("less", 0)
