"""What the site shows. Times are aware; texts are plain, paragraphs parted by an empty line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

LANGUAGES = ("en", "fr")

Texts = Mapping[str, str]
"""Language to text. A language that is missing shows the other, marked as such."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """Something that was published: a statement with who spoke, or a line on what changed (`by` empty)."""

    at: datetime
    texts: Texts
    by: Texts = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A question that people ask. It is published when it has an answer and somebody approved both.

    `asked` is how many messages ask it, as far as known; `cluster` the biggest cluster it was drafted from.
    """

    lang: str
    question: str
    answer: str = ""
    asked: int = 0
    cluster: int | None = None
    approved_by: str = ""
    approved_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One incident as the public sees it. `slug` is its address below the site: small letters, digits, hyphens."""

    slug: str
    titles: Texts
    began_at: datetime
    happened: Texts = field(default_factory=dict)
    help: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    statements: tuple[Update, ...] = ()
    updates: tuple[Update, ...] = ()
    questions: tuple[Question, ...] = ()
    closed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """The whole site. `address` is where the public finds it and ends with a slash; `zone` names the clock."""

    brand: str
    address: str
    cases: tuple[Case, ...] = ()
    zone: str = "UTC"
