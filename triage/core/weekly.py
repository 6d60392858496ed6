"""The week as a crisis committee reads it in quiet times: figures in, text out. Nobody's name, address or words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from triage.core.digest import Told, channel
from triage.core.tongue import Phrases, day, dollars, moment, number, span
from triage.core.week import FEW, Brought, Incident, Plans, Response, Review, Spent, Week, compared

SHOWN = 10
"""So many lines of a list; the rest is a count."""

_say = Phrases(Path(__file__).with_suffix(".toml"))


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
    lines = [_topic(topic, language) + word for topic, word in told if topic.messages or word]
    yield from _listed(lines, language)


def _topic(topic: Brought, language: str) -> str:
    if not topic.messages:
        return _say("topic_none", language, topic=_label(topic, language))
    conversations = _say("conversations", language, topic.conversations)
    return _say("topic", language, topic.messages, topic=_label(topic, language), conversations=conversations)


def _compare(count: int, before: int, weeks: int, language: str) -> str:
    key, times = compared(count, before, weeks)
    usual = number(round(before / weeks), language) if weeks else ""
    return _say(key, language, times=str(times), usual=usual) if key else ""


def _listed(lines: Sequence[str], language: str) -> Iterator[str]:
    yield from (f"- {line}" for line in lines[:SHOWN])
    if len(lines) > SHOWN:
        yield "- " + _say("and_more", language, len(lines) - SHOWN)


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
        line = _say(
            "response_few" if one.spells < FEW else "response", language, one.spells, **given, **spans
        )
        lines.append(line + (_say("response_waiting", language, one.waiting) if one.waiting else ""))
    yield from _listed(lines, language)


def _incidents(incidents: Sequence[Incident], zone: str, language: str) -> Iterator[str]:
    real = [one for one in incidents if not one.false_alarm]
    if real:
        yield " ".join((
            _say("opened", language, sum(one.opened for one in real)),
            _say("closed", language, sum(one.closed for one in real)),
            _say("watched", language, sum(one.state == "watched" for one in real)),
        ))  # fmt: skip
    else:
        yield _say("no_incident", language)
    yield from (f"- {_incident(one, zone, language)}" for one in real)
    if false := sum(one.false_alarm and one.closed for one in incidents):
        yield _say("false_alarms", language, false)


def _incident(one: Incident, zone: str, language: str) -> str:
    def told(key: str, **filled: str) -> str:
        return _say(key, language, None, number=str(one.number), **filled)

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
            share = (
                _say("share", language, percent=str(percent)) if percent else _say("share_small", language)
            )
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
