"""What responders are told: the morning digest and the notice of what is overdue. Figures in, text out.

Names and addresses of those who wrote are in none of it; of what they wrote only an excerpt that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from triage.core.tongue import Phrases, clock, day, dollars, number, span

CHANNELS = {"gmail": {"en": "mail", "fr": "mail"}, "x": {"en": "X", "fr": "X"}}

_say = Phrases(Path(__file__).with_suffix(".toml"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A notice as text."""

    subject: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """How many wait about a topic, and since when the first of them; `en` and `fr` name it, `held` are of a flood."""

    en: str
    fr: str
    waiting: int
    overdue: int
    snoozed: int
    held: int
    oldest: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Rest:
    """An account that is not read in full, and why."""

    account: str
    since: datetime
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """Dollars of an account."""

    account: str
    today: float
    month: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Crisis:
    """An open incident; no topic: across all of them."""

    en: str = ""
    fr: str = ""
    since: datetime
    observed: int
    expected: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What a digest tells. `topics` are the gravest first; `p50` and `p90` None: nothing was answered yesterday.

    `held` says who holds how many on a lease, `mine` how many the reader does (None: the reader is a team).
    """

    topics: Sequence[Topic] = ()
    held: Sequence[tuple[str, int]] = ()
    mine: int | None = None
    answered: int = 0
    dismissed: int = 0
    p50: timedelta | None = None
    p90: timedelta | None = None
    crises: Sequence[Crisis] = ()
    resting: Sequence[Rest] = ()
    spent: Sequence[Spent] = ()
    troubles: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Late:
    """An overdue conversation, one of `alike` that are news on their topic. `again`: told of before."""

    conversation_id: int
    en: str
    fr: str
    source: str
    due_at: datetime
    again: bool
    alike: int
    excerpt: str = ""


def _label(named: Topic | Crisis | Late, language: str) -> str:
    return named.fr if language == "fr" else named.en


def digest(figures: Figures, *, at: datetime, zone: str, language: str, link: str = "") -> Told:
    """The morning digest as of `at`, told on the clock of `zone`."""
    local = at.astimezone(ZoneInfo(zone))
    waiting = sum(topic.waiting for topic in figures.topics)
    late = sum(topic.overdue for topic in figures.topics)
    subject = _say("digest", language, day=day(local, language), waiting=number(waiting, language),
                   overdue=number(late, language))  # fmt: skip
    parts = [
        " ".join(_head(figures, waiting, late, at, language)),
        "\n".join(_topics(figures, at, language)),
        " ".join(_yesterday(figures, language)),
        "\n".join(_crises(figures, zone, language)),
        "\n".join(_money(figures, zone, language)),
        _say("link", language, link=link) if link else "",
    ]
    return Told(subject=subject, text="\n\n".join(part for part in parts if part) + "\n")


def _head(figures: Figures, waiting: int, late: int, at: datetime, language: str) -> Iterator[str]:
    if not waiting:
        yield _say("nobody", language)
        return
    yield _say("waiting", language, waiting)
    if late:
        yield _say("overdue", language, late)
    first = min(figures.topics, key=lambda topic: topic.oldest)
    yield _say("longest", language, span=span(at - first.oldest, language), topic=_label(first, language))
    if snoozed := sum(topic.snoozed for topic in figures.topics):
        yield _say("snoozed", language, snoozed)
    if held := sum(topic.held for topic in figures.topics):
        yield _say("flood", language, held)
    if figures.mine is not None:
        yield _say("mine", language, figures.mine)
    elif figures.held:
        named = ", ".join(f"{plain(who)} {number(n, language)}" for who, n in figures.held)
        yield _say("held", language, names=named)


def _topics(figures: Figures, at: datetime, language: str) -> Iterator[str]:
    if figures.topics:
        yield _say("topics", language)
    for topic in figures.topics:
        line = _say("topic", language, topic.waiting, topic=_label(topic, language),
                    span=span(at - topic.oldest, language))  # fmt: skip
        yield "- " + line + (_say("topic_late", language, topic.overdue) if topic.overdue else "")


def _yesterday(figures: Figures, language: str) -> Iterator[str]:
    yield _say("yesterday", language, figures.answered) if figures.answered else _say("idle", language)
    if figures.p50 is not None and figures.p90 is not None:
        yield _say("times", language, p50=span(figures.p50, language), p90=span(figures.p90, language))
    if figures.dismissed:
        yield _say("dismissed", language, figures.dismissed)


def _crises(figures: Figures, zone: str, language: str) -> Iterator[str]:
    if figures.crises:
        yield _say("incidents", language)
    for crisis in figures.crises:
        yield "- " + _say(
            "incident", language, crisis.observed, at=_moment(crisis.since, zone, language),
            topic=_label(crisis, language) or _say("everything", language),
            expected=number(round(crisis.expected), language),
        )  # fmt: skip


def _money(figures: Figures, zone: str, language: str) -> Iterator[str]:
    if figures.resting:
        yield _say("resting", language)
    for rest in figures.resting:
        yield "- " + _say(
            "rests",
            language,
            account=rest.account,
            at=_moment(rest.since, zone, language),
            reason=plain(rest.reason),
        )
    for spent in figures.spent:
        yield _say("spend", language, account=spent.account, today=dollars(spent.today, language),
                   month=dollars(spent.month, language))  # fmt: skip
    if figures.troubles:
        yield _say("troubles", language, figures.troubles)


def overdue(late: Sequence[Late], *, at: datetime, language: str, excerpt: int = 0, link: str = "") -> Told:
    """One notice of all that is newly overdue: the first of each topic, and how many more. `late` in queue order.

    `excerpt` is how many letters of a message are shown.
    """
    topics: dict[str, list[Late]] = {}
    for one in late:
        topics.setdefault(_label(one, language), []).append(one)
    total = sum(named[0].alike for named in topics.values())
    lines = []
    for topic, named in topics.items():
        lines.append(_say("late_topic", language, named[0].alike, topic=topic))
        lines += [f"- {_late(one, at, language, excerpt)}" for one in named]
        if more := named[0].alike - len(named):
            lines.append(f"- {_say('late_more', language, more)}")
        lines.append("")
    if link:
        lines.append(_say("link", language, link=link))
    subject = _say("late", language, total, topic=next(iter(topics)))
    return Told(subject=subject, text="\n".join(lines).strip() + "\n")


def _late(one: Late, at: datetime, language: str, excerpt: int) -> str:
    line = _say(
        "late_one",
        language,
        id=str(one.conversation_id),
        channel=channel(one.source, language),
        span=span(at - one.due_at, language),
    )
    line += _say("late_again", language) if one.again else ""
    words = plain(one.excerpt)[:excerpt].strip()
    return line + _say("late_words", language, words=words) if words else line


def channel(source: str, language: str) -> str:
    """What people call a source."""
    return CHANNELS.get(source, {}).get(language, source.capitalize())


def plain(text: str) -> str:
    """One line without control characters: what others wrote must not lay out our notice."""
    return " ".join("".join(ch if ch.isprintable() else " " for ch in text).split())


def _moment(at: datetime, zone: str, language: str) -> str:
    local = at.astimezone(ZoneInfo(zone))
    return f"{day(local, language)} {clock(local, language)}"
