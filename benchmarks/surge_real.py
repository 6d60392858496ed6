"""Real streams with curated onsets: how late, and what else was said.

The two airlines are counted from their messages in 5-minute bins, the others are hourly counts. An alarm, or a word
that a surge grew, counts for an onset from its hour to its end and three hours more; everything else is elsewhere,
whether or not something happened there that nobody curated.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.surge_rules import RULES, Counts, Rule, beginnings
from triage.core.surge import Bin, Detector

AFTER = timedelta(hours=3)
SILENT = 6 * 3600
MONTH = 30 * 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Onset:
    """A curated crisis: when it began, until when an alarm is about it."""

    id: str
    began: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Counts in equal bins, and what happened in them."""

    name: str
    first: datetime
    seconds: int
    counts: Counts
    onsets: Sequence[Onset]

    def end(self, place: int) -> datetime:
        """When the bin was over."""
        return self.first + timedelta(seconds=self.seconds * (place + 1))


def read(folder: Path) -> list[Stream]:
    """The streams that have an onset, and one that has none."""
    truth = {row["id"]: row for row in json.loads((folder / "truth.json").read_text(encoding="utf-8"))}
    onsets = {key: _onset(key, row) for key, row in truth.items()}
    made = []
    for name, source, labels, ids in (
        ("Southwest, cancelled", "airline/Southwest", {"Cancelled Flight"}, ["GT11"]),
        ("United, late or cancelled", "airline/United", {"Cancelled Flight", "Late Flight"}, ["GT12"]),
        (
            "Virgin America, late or cancelled",
            "airline/Virgin America",
            {"Cancelled Flight", "Late Flight"},
            [],
        ),
    ):
        times = list(_times(folder.parent / "messages.jsonl.gz", source, labels))
        made.append(_stream(name, [(t, 1) for t in times], 300, [onsets[i] for i in ids]))
    for name, file, stream, since, ids in (
        ("Free, all", "free_hourly.csv", "all", "2024-07-10", ["GT02", "GT05"]),
        ("Comcast, complaints", "comcast_hourly.csv", "comcast", "2015-04-01", ["GT18"]),
    ):
        rows = [
            r
            for r in _hourly(folder / file, stream)
            if r[0] >= datetime.fromisoformat(since).replace(tzinfo=UTC)
        ]
        made.append(_stream(name, rows, 3600, [onsets[i] for i in ids]))
    return made


def _onset(key: str, row: dict[str, str]) -> Onset:
    if "onset_day" in row:
        began, until = _moment(row["onset_day"]), _moment(row["end_day"]) + timedelta(days=1)
    else:
        began, until = _moment(row["onset_hour"]), _moment(row["end_hour"]) + timedelta(hours=1)
    return Onset(id=key, began=_moment(row.get("first_message", began.isoformat())), until=until + AFTER)


def _moment(text: str) -> datetime:
    when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _times(path: Path, source: str, labels: set[str]) -> Iterator[datetime]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["source"] == source and row["raw_label"] in labels:
                yield _moment(row["created_at"])


def _hourly(path: Path, stream: str) -> list[tuple[datetime, int]]:
    with path.open(encoding="utf-8") as lines:
        return [
            (_moment(r["hour_utc"]), int(r["count"])) for r in csv.DictReader(lines) if r["stream"] == stream
        ]


def _stream(name: str, rows: list[tuple[datetime, int]], seconds: int, onsets: Sequence[Onset]) -> Stream:
    first = min(rows)[0].replace(minute=0, second=0)
    counts = np.zeros(int((max(rows)[0] - first).total_seconds()) // seconds + 1)
    for when, count in rows:
        counts[int((when - first).total_seconds()) // seconds] += count
    return Stream(name=name, first=first, seconds=seconds, counts=counts, onsets=onsets)


Speaker = Callable[[Stream], tuple[list[int], list[int]]]
"""Gives the bins in which something was said, and those of them that are alarms."""


def ours(stream: Stream) -> tuple[list[int], list[int]]:
    """The detector as shipped."""
    detector, said, alarms = Detector(), [], []
    for place, count in enumerate(stream.counts.tolist()):
        began = stream.first + timedelta(seconds=stream.seconds * place)
        surge = detector.step(Bin(started_at=began, seconds=stream.seconds, count=int(count))).surge
        if surge and surge.kind != "end":
            said.append(place)
        if surge and surge.kind == "alarm":
            alarms.append(place)
    return said, alarms


def by_rule(rule: Rule, *, guard: bool) -> Speaker:
    """A rule as published, or with the least number of messages that ours asks for."""

    def speak(stream: Stream) -> tuple[list[int], list[int]]:
        scores = rule.scores(stream.counts, stream.seconds, guard=guard)
        found = beginnings(scores >= rule.threshold, SILENT // stream.seconds)
        return found, found

    return speak


def speakers() -> dict[str, Speaker]:
    """Ours and the rules, with the guard and without."""
    rules = {
        rule.name + (", 5 messages" if guard else ""): by_rule(rule, guard=guard)
        for rule in RULES
        for guard in (False, True)
    }
    return {"ours": ours, **rules}


def tables(streams: Sequence[Stream]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Delays per onset, and what was said elsewhere per stream and month."""
    late, elsewhere = [], []
    for name, speak in speakers().items():
        delays: dict[str, Any] = {"minutes (messages) after the onset": name}
        rest: dict[str, Any] = {"alarms elsewhere, a month": name}
        for stream in streams:
            said, alarms = speak(stream)
            for onset in stream.onsets:
                delays[onset.id] = _late(stream, onset, said)
            free = [p for p in alarms if not any(o.began <= stream.end(p) <= o.until for o in stream.onsets)]
            rest[stream.name] = len(free) / (len(stream.counts) * stream.seconds / MONTH)
        late.append(delays)
        elsewhere.append(rest)
    return late, elsewhere


def _late(stream: Stream, onset: Onset, said: Sequence[int]) -> str:
    place = next((p for p in said if onset.began <= stream.end(p) <= onset.until), None)
    if place is None:
        return "missed"
    first = int((onset.began - stream.first).total_seconds()) // stream.seconds
    minutes = (stream.end(place) - onset.began).total_seconds() / 60
    return f"{minutes:.0f} ({stream.counts[first : place + 1].sum():.0f})"
