"""What a plan holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NamedTuple, get_args

LANGUAGES = ("en", "fr")

Channel = Literal["x", "bluesky", "mastodon", "mail", "hub"]
CHANNELS: tuple[str, ...] = get_args(Channel)
"""Where a statement can be published: the social networks, mail to those who wrote, and the page of current facts."""

Texts = Mapping[str, str]
"""Language to text."""


class Question(NamedTuple):
    """A question that people ask, in their words, and our answer."""

    lang: str
    question: str
    answer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The plan for one topic. Texts are plain, paragraphs parted by an empty line, with {placeholders} until `fill`.

    `owner` is an entry of `notify:` in triage.yaml; `name` and `function` are the named source's, `name` empty until
    somebody fills it. `statements` go on the hub, `posts` (short) on social networks; `replies` by mail and
    `short_replies` on social networks answer one person. `help` is where help is, `avoid` what nobody says or does,
    `duties` what the law may ask. `what` names the matter as a noun phrase for {what}.
    """

    topic: str
    scenario: str
    severity: int
    owner: str
    name: str
    function: Texts
    approvers: tuple[str, ...]
    channels: tuple[str, ...]
    hub: str
    reviewed_on: date
    what: Texts
    statements: Texts
    posts: Texts
    replies: Texts
    short_replies: Texts
    help: Mapping[str, tuple[str, ...]]
    questions: tuple[Question, ...]
    avoid: tuple[str, ...]
    duties: tuple[str, ...]


Plans = Mapping[str, Plan]
"""Topic to plan."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What an incident puts in place of the placeholders. `mail` is where people write to us; times are aware."""

    brand: str
    mail: str
    began_at: datetime
    next_update_at: datetime
    zone: str = "UTC"
