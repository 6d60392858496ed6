"""What a debrief says, and how it is written down. Pure: figures in, text out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt

from triage.core.chart import Count, Mark, volume

LANGUAGES = ("en", "fr")
PICTURE = "volume.svg"
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$])")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of the timeline."""

    at: datetime
    text: str


@dataclass(frozen=True, kw_only=True)
class Answers:
    """First responses on one topic and channel: how many, how soon (seconds), and how many still wait."""

    topic: str
    channel: str
    answered: int
    p50: float | None
    p90: float | None
    waiting: int


@dataclass(frozen=True, kw_only=True)
class Longest:
    """A conversation that waited long; `answered` is whether it ended by an answer."""

    conversation: int
    topic: str
    channel: str
    waited: timedelta
    url: str | None
    answered: bool


@dataclass(frozen=True, kw_only=True)
class Moved:
    """How many messages of the incident a person moved from one topic to another."""

    taken_from: str
    put_to: str
    messages: int


@dataclass(frozen=True, kw_only=True)
class Debrief:
    """Everything the committee is told about one incident."""

    number: int
    topic: str
    onset: datetime
    alarmed_at: datetime
    ended_at: datetime | None
    first_statement_at: datetime | None
    statement_due_at: datetime | None
    messages: int
    authors: int
    answered: int
    waiting: int
    dismissed: int
    peak: int
    expected: float
    bin_length: timedelta
    counts: Sequence[Count]
    timeline: Sequence[Event]
    answers: Sequence[Answers] = ()
    longest: Sequence[Longest] = ()
    moved: Sequence[Moved] = ()
    lacking: Sequence[str] = field(default=())

    @property
    def collected(self) -> int:
        """Conversations of the incident: each is answered, waiting or dismissed."""
        return self.answered + self.waiting + self.dismissed


def markdown(found: Debrief, *, language: str, zone: tzinfo = UTC) -> str:
    """The document as Markdown; its picture is the file PICTURE beside it."""
    return (
        _environment(zone, language)
        .get_template(f"debrief.{language}.md.j2")
        .render(d=found, picture=PICTURE)
    )


def picture(found: Debrief, *, language: str, zone: tzinfo = UTC) -> str:
    """Volume against what is usual, with onset, alarm, statement and end."""
    names = {
        "en": ("onset", "alarm", "statement", "end", "messages", "usual"),
        "fr": ("début", "alarme", "déclaration", "fin", "messages", "habituel"),
    }[language]
    moments = (found.onset, found.alarmed_at, found.first_statement_at, found.ended_at)
    marks = [Mark(at=at, text=name) for at, name in zip(moments, names, strict=False) if at]
    return volume(found.counts, found.bin_length, title=found.topic, marks=marks, observed=names[4],
                  usual=names[5], zone=zone)  # fmt: skip


def html(found: Debrief, *, language: str, zone: tzinfo = UTC) -> str:
    """The same document as one HTML file that needs no other, to read, print or send."""
    body = (
        MarkdownIt("commonmark", {"html": False})
        .enable("table")
        .render(markdown(found, language=language, zone=zone))
    )
    drawn = f"<figure>{picture(found, language=language, zone=zone)}</figure>"
    body = re.sub(rf'<p><img src="{re.escape(PICTURE)}"[^>]*></p>', lambda _: drawn, body)
    page = _environment(zone, language).get_template("page.html.j2")
    return page.render(
        body=body, title=f"{found.topic} {found.onset.astimezone(zone):%Y-%m-%d}", language=language
    )


def duration(value: timedelta | float | None, language: str = "en") -> str:
    """A span in words that a tired reader takes in: minutes below two hours, then hours, then days."""
    if value is None:
        return "–"
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d}"
    return f"{minutes / 1440:.1f} {'j' if language == 'fr' else 'd'}"


def plain(text: Any) -> str:
    """Text of others as text: one line, nothing in it means anything to Markdown."""
    return _MARKUP.sub(r"\\\1", _SPACE.sub(" ", str(text)).strip())


def _environment(zone: tzinfo, language: str) -> Environment:
    made = Environment(
        loader=PackageLoader("triage.debrief"), trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined,
        autoescape=lambda name: bool(name and ".html" in name),
    )  # fmt: skip
    made.filters |= {
        "plain": plain,
        "span": lambda value: duration(value, language),
        "clock": lambda at: at.astimezone(zone).strftime("%Y-%m-%d %H:%M") if at else "–",
    }
    return made
