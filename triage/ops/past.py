"""Past data through surge detection: counts or messages in a file, bin by bin, as if they came now."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from triage.core.surge import Bin, Detector, Settings, Step

ALL = "all"
"""The name of a stream that is not one topic: everything, or counts whose file names no topic."""
MESSAGE_BIN = 300
"""Seconds of a bin of messages, when nobody says otherwise."""
LONGEST_GAP = timedelta(days=35)
"""The last part of a silence, which is filled with zeros; what is longer is time that nobody watched."""
SAME_PERSON = 6 * 3600
"""Seconds in which somebody who writes again is nobody new."""

TIME_NAMES = ("timestamp", "time", "created_at", "sent_at", "started_at", "hour_utc", "date")
VALUE_NAMES = ("value", "count", "messages", "n")
STREAM_NAMES = ("stream", "topic")

Bad = Callable[[int, str], None]
"""Told of each row that is passed over: its line and what is wrong with it."""


@dataclass(kw_only=True)
class Past:
    """What a file holds: by stream the count of each bin (by number since 1970) and, of messages, who wrote them."""

    seconds: int = 0
    offset: float = 0.0
    counts: dict[str, dict[int, int]] = field(default_factory=dict)
    people: dict[str, dict[int, set[str]]] = field(default_factory=dict)

    def bins(self, stream: str) -> Iterator[tuple[Bin, bool]]:
        """Every bin in order, silent ones too, and whether the file named it."""
        counts, people = self.counts[stream], self.people.get(stream, {})
        seen: dict[str, int] = {}
        longest = int(LONGEST_GAP.total_seconds()) // self.seconds
        places = sorted(counts)
        for before, place in zip([places[0] - 1, *places], places, strict=False):
            for silent in range(max(before + 1, place - longest), place):
                yield self._bin(silent, 0, set(), seen), False
            yield self._bin(place, counts[place], people.get(place), seen), True

    def _bin(self, place: int, count: int, people: set[str] | None, seen: dict[str, int]) -> Bin:
        began = datetime.fromtimestamp(place * self.seconds + self.offset, UTC)
        if people is None:
            return Bin(started_at=began, seconds=self.seconds, count=count)
        kept = SAME_PERSON // self.seconds
        new = [who for who in people if place - seen.get(who, place - kept - 1) > kept]
        seen.update(dict.fromkeys(people, place))
        if len(seen) > 100_000:
            for who in [who for who, last in seen.items() if place - last > kept]:
                del seen[who]
        return Bin(
            started_at=began, seconds=self.seconds, count=count, authors=len(people), newcomers=len(new)
        )


@dataclass(frozen=True, kw_only=True)
class Told:
    """One bin of one stream, judged; `named`: it stood in the file."""

    stream: str
    bin: Bin
    step: Step
    named: bool

    @property
    def ended_at(self) -> datetime:
        """When the bin was over and this could be known."""
        return self.bin.started_at + timedelta(seconds=self.bin.seconds)


def judge(past: Past, settings: Settings | None = None) -> Iterator[Told]:
    """All streams side by side, in the order of time."""
    detectors = {stream: Detector(settings) for stream in past.counts}
    waiting = {stream: past.bins(stream) for stream in sorted(past.counts)}
    heads = {stream: next(bins) for stream, bins in waiting.items()}
    while heads:
        when = min(bin.started_at for bin, _ in heads.values())
        for stream in [s for s, (bin, _) in heads.items() if bin.started_at == when]:
            bin, named = heads[stream]
            yield Told(stream=stream, bin=bin, step=detectors[stream].step(bin), named=named)
            following = next(waiting[stream], None)
            if following is None:
                del heads[stream]
            else:
                heads[stream] = following


def read(lines: Iterable[str], *, seconds: int | None, bad: Bad) -> Past:
    """Counts (CSV) or messages (JSON lines); which, says the first line. `seconds`: of a bin, else found out."""
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    first = next(numbered, None)
    if first is None:
        return Past(seconds=seconds or MESSAGE_BIN)
    rest = chain([first], numbered)
    return _messages(rest, seconds, bad) if first[1].lstrip().startswith("{") else _counts(rest, seconds, bad)


def _messages(lines: Iterable[tuple[int, str]], seconds: int | None, bad: Bad) -> Past:
    found: list[tuple[float, str, str | None]] = []
    days_only = True
    for number, line in lines:
        try:
            row = json.loads(line)
            when, topic, author = _message(row)
        except (ValueError, RecursionError) as error:
            bad(number, str(error))
            continue
        days_only = days_only and len(str(row["created_at"])) == 10
        found.append((when, topic, author))
    past = Past(seconds=seconds or (24 * 3600 if found and days_only else MESSAGE_BIN))
    nobody = any(author is None for _, _, author in found)
    for when, topic, author in found:
        place = math.floor(when / past.seconds)
        for stream in {ALL, topic} - {""}:
            counts = past.counts.setdefault(stream, {})
            counts[place] = counts.get(place, 0) + 1
            if author is not None and not nobody:
                past.people.setdefault(stream, {}).setdefault(place, set()).add(author)
    every = [place for counts in past.counts.values() for place in counts]
    for counts in past.counts.values():
        counts.setdefault(min(every), 0)
        counts.setdefault(max(every), 0)
    return past


def _message(row: Any) -> tuple[float, str, str | None]:
    if not isinstance(row, Mapping):
        raise ValueError("not an object; write one message a line, with created_at")
    topic = row.get("topic")
    if topic is None:
        topics = row.get("topics")
        topic = topics[0] if isinstance(topics, list) and topics else ""
    if isinstance(topic, Mapping):
        topic = topic.get("topic", "")
    author = row.get("author")
    return moment(row.get("created_at")), str(topic), None if author is None else str(author)


def _counts(lines: Iterable[tuple[int, str]], seconds: int | None, bad: Bad) -> Past:
    first_number, first = next(iter(lines))
    header = [cell.strip().lower() for cell in next(csv.reader([first]))]
    time_at, value_at, stream_at = _columns(header)
    rows = lines if time_at is not None else chain([(first_number, first)], lines)
    time_at = time_at or 0
    found: list[tuple[float, str, int]] = []
    for number, line in rows:
        try:
            cells = next(csv.reader([line]))
            when, count = moment(cells[time_at]), _whole(cells[value_at])
            found.append((when, cells[stream_at] if stream_at is not None else ALL, count))
        except (ValueError, csv.Error) as error:
            bad(number, str(error))
        except IndexError:
            bad(number, f"has {len(cells)} of {max(time_at, value_at, stream_at or 0) + 1} columns")
    if not found:
        return Past(seconds=seconds or MESSAGE_BIN)
    past = Past(seconds=seconds or _length(found))
    past.offset = found[0][0] % past.seconds
    for when, stream, count in found:
        counts = past.counts.setdefault(stream, {})
        place = round((when - past.offset) / past.seconds)
        counts[place] = counts.get(place, 0) + count
    return past


def _columns(header: Sequence[str]) -> tuple[int | None, int, int | None]:
    """Where time, count and stream stand; no time when the first line is no header."""
    time_at = next((n for n, name in enumerate(header) if name in TIME_NAMES), None)
    if time_at is None:
        return None, 1, None
    value_at = next((n for n, name in enumerate(header) if name in VALUE_NAMES), None)
    stream_at = next((n for n, name in enumerate(header) if name in STREAM_NAMES), None)
    if value_at is None:
        left = [n for n in range(len(header)) if n not in (time_at, stream_at)]
        value_at = left[0] if left else time_at + 1
    return time_at, value_at, stream_at


def _length(found: Sequence[tuple[float, str, int]]) -> int:
    """The time from one row to the next that most rows of a stream have, else the shortest there is."""
    gaps: Counter[float] = Counter()
    last: dict[str, float] = {}
    for when, stream, _ in sorted(found):
        if when > last.get(stream, math.inf):
            gaps[when - last[stream]] += 1
        last[stream] = when
    if not gaps:
        return MESSAGE_BIN
    usual, times = gaps.most_common(1)[0]
    return max(1, round(usual if times > gaps.total() / 2 else min(gaps)))


def _whole(text: str) -> int:
    value = float(text)
    if not 0 <= value < 1e9:
        raise ValueError(f"{text.strip()!r} is no count; give a number from 0 to a thousand million")
    return round(value)


def moment(value: object) -> float:
    """Seconds since 1970 of an ISO time; without an offset it is UTC."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("has no time; give created_at or timestamp as 2026-02-28T14:05:00Z")
    try:
        when = datetime.fromisoformat(value.strip())
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"{value.strip()[:40]!r} is no time; write it as 2026-02-28T14:05:00Z") from None
