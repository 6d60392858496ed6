"""The week as a crisis committee reads it in quiet times: figures in, text out. Nobody's name, address or words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import sqrt
from pathlib import Path
from zoneinfo import ZoneInfo

from triage.core.digest import Told, channel
from triage.core.tongue import Phrases, day, dollars, moment, number, span

FEW = 5
"""Fewer than that are counted and nothing more: no comparison, no percentile."""

CLEAR = 2.0
"""A difference of so many standard deviations is none by chance."""

SAME = (0.8, 1.25)
"""A ratio in between is the same, however sure."""

SHOWN = 10
"""So many lines of a list; the rest is a count."""

_say = Phrases(Path(__file__).with_suffix(".toml"))


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


def _label(named: Brought | Response | Incident | Review, language: str) -> str:
    return (named.fr if language == "fr" else named.en) or _say("everything", language)


def digest(week: Week, *, at: datetime, zone: str, language: str) -> Told:
    """The week as of `at`, on the clock of `zone`. An open incident comes before all else."""
    opened = [one for one in week.incidents if one.state == "open"]
    first, last = (
        day(edge.astimezone(ZoneInfo(zone)), language)
        for edge in (week.since, week.until - timedelta(microseconds=1))
    )
    messages = sum(topic.messages for topic in week.topics)
    subject = _say("week", language, first=first, last=last, messages=number(messages, language),
                   waiting=number(week.ledger.waiting, language))  # fmt: skip
    parts = [
        "\n".join(_open(opened, at, zone, language)),
        "\n".join(_topics(week, messages, language)),
        " ".join(_ledger(week, language)),
        "\n".join(_responses(week.responses, language)),
        "\n".join(_incidents(week.incidents, zone, language)),
        "\n".join(_reading(week, language)),
        "\n".join(_plans(week.plans, at.astimezone(ZoneInfo(zone)).date(), language)),
        "\n".join(_spent(week.spent, language)),
    ]
    if opened:
        subject = _say("crisis", language, len(opened), topic=_label(opened[0], language)) + " " + subject
    return Told(subject=subject, text="\n\n".join(part for part in parts if part) + "\n")


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


def _open(opened: Sequence[Incident], at: datetime, zone: str, language: str) -> Iterator[str]:
    for one in opened:
        said = _say("stated", language) if one.statement_at else _say("unstated", language)
        yield _say("open", language, topic=_label(one, language), at=moment(one.onset, language, zone),
                   span=span(at - one.onset, language)) + " " + said  # fmt: skip


def _topics(week: Week, messages: int, language: str) -> Iterator[str]:
    if not messages:
        yield _say("silence", language)
    else:
        word = _compare(messages, sum(topic.before for topic in week.topics), week.weeks, language)
        yield _say("brought", language, messages) + word + "."
    if messages and week.weeks < 4:
        yield _say("young", language, week.weeks) if week.weeks else _say("first", language)
    told = [(topic, _compare(topic.messages, topic.before, week.weeks, language)) for topic in week.topics]
    lines = [
        _say("topic", language, topic.messages, topic=_label(topic, language),
             conversations=_say("conversations", language, topic.conversations)) + word
        for topic, word in told if topic.messages or word
    ]  # fmt: skip
    yield from _listed(lines, language)


def _compare(count: int, before: int, weeks: int, language: str) -> str:
    key, times = compared(count, before, weeks)
    usual = number(round(before / weeks), language) if weeks else ""
    return _say(key, language, times=str(times), usual=usual) if key else ""


def _listed(lines: Sequence[str], language: str) -> Iterator[str]:
    yield from (f"- {line}" for line in lines[:SHOWN])
    if more := len(lines) - SHOWN:
        if more > 0:
            yield "- " + _say("and_more", language, more)


def _ledger(week: Week, language: str) -> Iterator[str]:
    for key, one in (("became", week.became), ("ledger", week.ledger)):
        if one.collected:
            yield _say(key, language, one.collected, answered=number(one.answered, language),
                       waiting=number(one.waiting, language), dismissed=number(one.dismissed, language))  # fmt: skip
    books = week.ledger
    if astray := books.collected - books.answered - books.waiting - books.dismissed:
        yield _say("astray", language, abs(astray))


def _responses(responses: Sequence[Response], language: str) -> Iterator[str]:
    if not responses:
        return
    yield _say("responses", language)
    lines = []
    for one in responses:
        given = {"topic": _label(one, language), "channel": channel(one.source, language)}
        spans = {name: span(getattr(one, name), language) for name in ("p50", "p90", "longest")}
        line = _say("response_few" if one.spells < FEW else "response", language, one.spells, **given, **spans)
        lines.append(line + (_say("response_waiting", language, one.waiting) if one.waiting else ""))
    yield from _listed(lines, language)


def _incidents(incidents: Sequence[Incident], zone: str, language: str) -> Iterator[str]:
    if not incidents:
        yield _say("no_incident", language)
        return
    real = [one for one in incidents if not one.false_alarm]
    yield " ".join((
        _say("opened", language, sum(one.opened for one in real)),
        _say("closed", language, sum(one.closed for one in real)),
        _say("watched", language, sum(one.state == "watched" for one in real)),
    ))  # fmt: skip
    yield from (f"- {_incident(one, zone, language)}" for one in real)
    if false := len(incidents) - len(real):
        yield _say("false_alarms", language, false)


def _incident(one: Incident, zone: str, language: str) -> str:
    def told(key: str, **filled: str) -> str:
        return _say(key, language, number=str(one.number), **filled)

    parts = [told("incident", topic=_label(one, language), at=moment(one.onset, language, zone))]
    parts.append(told("to_alarm", span=span(one.alarmed_at - one.onset, language)))
    if one.statement_at:
        parts.append(told("to_statement", span=span(one.statement_at - one.onset, language)))
    else:
        parts.append(told("no_statement"))
    if one.closed_at:
        parts.append(told("closed_on", at=moment(one.closed_at, language, zone)))
    if one.state == "watched" and one.watched_until:
        parts.append(told("until", day=day(one.watched_until.astimezone(ZoneInfo(zone)), language)))
    if one.closed_at:
        parts.append(told("debriefed" if one.debriefed else "not_debriefed"))
    return ", ".join(parts)


def _reading(week: Week, language: str) -> Iterator[str]:
    if week.read:
        share = ""
        if week.unsure and week.read >= 100:  # of fewer, the two numbers say it
            percent = round(100 * week.unsure / week.read)
            share = _say("share", language, percent=str(percent)) if percent else _say("share_small", language)
        yield _say("unsure", language, week.unsure, read=number(week.read, language)) + share + "."
    if not week.moved:
        yield _say("no_correction", language)
        return
    yield _say("corrected", language, sum(one.messages for one in week.moved))
    side = "fr" if language == "fr" else "en"
    nobody = _say("unsaid", language)
    yield from _listed(
        [
            _say("moved", language, one.messages, taken=getattr(one, f"from_{side}") or nobody,
                 put=getattr(one, f"to_{side}") or nobody)
            for one in week.moved
        ],
        language,
    )  # fmt: skip


def _plans(plans: Plans, today: date, language: str) -> Iterator[str]:
    if plans.reviews:
        yield _say("reviews", language, len(plans.reviews))
    lines = []
    for one in plans.reviews:
        key = "review_late" if one.by < today else "review"
        by = day(datetime.combine(one.by, datetime.min.time()), language)
        lines.append(_say(key, language, topic=_label(one, language), day=by))
    yield from _listed(lines, language)
    if plans.broken:
        yield _say("broken", language, plans.broken)
    if plans.nameless:
        yield _say("nameless", language, plans.nameless)
    if not (plans.reviews or plans.broken or plans.nameless):
        yield _say("plans_good", language)


def _spent(spent: Sequence[Spent], language: str) -> Iterator[str]:
    for one in spent:
        yield _say("spend", language, account=one.account, week=dollars(one.week, language),
                   before=dollars(one.before, language))  # fmt: skip
