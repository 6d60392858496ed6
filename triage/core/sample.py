"""A burst that cannot be read at once: which messages to read first, and what they say it is about."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from triage.core.types import NOT_CRISIS, UNSURE

LEAST_READ = 20
"""Messages with a topic; fewer name none."""
_ENOUGH = 5 * LEAST_READ
"""With so many, whichever leads is named: two topics that go together must not keep the crisis without a name."""
_SURE, _AHEAD = 4.0, 2.0
"""Standard deviations over the usual share, and before the next topic."""
_SHARE = 0.15
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
    """The topic that the sample is about: far more than its `usual` share of all messages, and clearly before the next.

    None when nothing stands out, or too few were read. What is no crisis, or what nobody is sure of, names nothing.
    """
    counts = Counter(topics)
    read = counts.total()
    decided = read - counts.pop(UNSURE, 0) - counts.pop(NOT_CRISIS, 0)
    if decided < LEAST_READ:
        return None
    more = {topic: count - max(usual.get(topic, 0.0), _RARE) * read for topic, count in counts.items()}
    first, *rest = sorted(more, key=lambda topic: (-more[topic], topic))
    second = max(more[rest[0]], 0.0) if rest else 0.0
    share = min(0.95, max(usual.get(first, 0.0), _RARE))
    clear = more[first] >= _SURE * math.sqrt(share * (1 - share) * read)
    ahead = decided >= _ENOUGH or more[first] - second >= _AHEAD * math.sqrt(max(more[first] + second, 0.0))
    return first if clear and ahead and counts[first] >= _SHARE * decided else None
