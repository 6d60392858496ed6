"""A burst that cannot be read at once: which messages to read first, and what they say it is about."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from triage.core.types import NOT_CRISIS, UNSURE

LEAST_READ = 20
"""Fewer messages name no topic."""
_SURE = 4.0
_SHARE = 0.25
_RARE = 0.02


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


def leading(topics: Iterable[str], usual: Mapping[str, float]) -> str | None:
    """The topic that the sample is about: a quarter of those with a topic, and far more than its `usual` share of all.

    None when nothing stands out, or too few were read. What is no crisis, or what nobody is sure of, names nothing.
    """
    counts = Counter(topics)
    read = counts.total()
    if read < LEAST_READ:
        return None
    decided = read - counts.pop(UNSURE, 0) - counts.pop(NOT_CRISIS, 0)
    best, name = _SURE, None
    for topic, count in counts.items():
        share = min(0.95, max(usual.get(topic, 0.0), _RARE))
        score = (count / read - share) / math.sqrt(share * (1 - share) / read)
        if score > best and count >= _SHARE * decided:
            best, name = score, topic
    return name
