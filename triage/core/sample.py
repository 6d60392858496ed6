"""A burst that cannot be read at once: which messages to read first, and what they say it is about.

A classifier that is sure of few messages still leans one way in most of them. Added up over a sample, its chances say
what the sample is about when hardly any single decision does.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from triage.core.types import NOT_CRISIS, UNSURE

LEAST_READ = 20
"""Messages; fewer name nothing."""
_ENOUGH = 5 * LEAST_READ
"""With so many, whichever leads is named: two topics that go together must not keep the crisis without a name."""
_SURE, _AHEAD = 4.0, 2.0
"""Standard deviations over the usual share, and before the next topic."""
_SHARE = 0.15
_RARE = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What was read: how many messages, by the topic they were given, and the sum of their chances by topic.

    Of what a person or a rule decided the chance is 1; what nobody is sure of adds what it leans to.
    """

    messages: int = 0
    decided: Mapping[str, int] = field(default_factory=dict)
    chances: Mapping[str, float] = field(default_factory=dict)

    def share(self, topic: str) -> float:
        """Of the messages, those about the topic, by their chances."""
        return self.chances.get(topic, 0.0) / self.messages if self.messages else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Lead:
    """The topic that a sample of `read` messages is about: its share of them, and the share of the topic after it."""

    topic: str
    read: int
    share: float
    second: str = ""
    second_share: float = 0.0


def sample(ids: Sequence[str], size: int) -> list[str]:
    """Which of the unread (oldest first) to read first: the newest, the oldest, then halves of what lies between.

    Whatever part of the answer has been read when time is up is spread over the burst too.
    """
    if size <= 0 or not ids:
        return []
    chosen = dict.fromkeys((len(ids) - 1, 0))
    parts = 1
    while len(chosen) < min(size, len(ids)):
        parts *= 2
        chosen.update(dict.fromkeys(round(k * (len(ids) - 1) / parts) for k in range(1, parts, 2)))
    return [ids[place] for place in chosen][:size]


def pooled(messages: Iterable[tuple[str, Mapping[str, float]]]) -> Reading:
    """(topic, chances by topic) of each message, added up; without chances the topic itself counts."""
    decided, chances = Counter[str](), defaultdict[str, float](float)
    for topic, given in messages:
        decided[topic] += 1
        total = sum(given.values())
        for one, chance in given.items() if total > 0 else ((topic, 1.0),):
            chances[one] += chance / (total or 1.0)
    return Reading(messages=decided.total(), decided=decided, chances=chances)


def leading(read: Reading, usual: Reading) -> Lead | None:
    """The topic that a sample is about: far more of it than is `usual`, and clearly more than of the next.

    None when nothing stands out, or too few were read. What is no crisis, or what nobody is sure of, names nothing;
    where there is much more of the former than of any topic, no topic is named either.
    """
    if read.messages < LEAST_READ:
        return None
    more = {t: c - max(usual.share(t), _RARE) * read.messages for t, c in read.chances.items() if t != UNSURE}
    harmless = max(more.pop(NOT_CRISIS, 0.0), 0.0)
    first, second = (*sorted(more, key=lambda topic: (-more[topic], topic)), "", "")[:2]
    share = min(0.95, max(usual.share(first), _RARE))
    clear = more.get(first, 0.0) >= _SURE * math.sqrt(share * (1 - share) * read.messages)
    if not clear or read.share(first) < _SHARE or more[first] < harmless / 2:
        return None
    rest = max(more.get(second, 0.0), harmless)
    ahead = more[first] - rest >= _AHEAD * math.sqrt(more[first] + rest)
    if not ahead and read.messages < _ENOUGH:
        return None
    return Lead(
        topic=first,
        read=read.messages,
        share=read.share(first),
        second=second,
        second_share=read.share(second),
    )
