"""The Numenta Anomaly Benchmark's own score (Lavin and Ahmad 2015), standard profile, as its sweeper works it out.

Every bin that is flagged counts: the best of a window earns up to 1, the earlier the more; outside, each costs up to
0.11; a window nobody flagged costs 1. The sum is put between 0 (says nothing) and 100 (perfect).
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.surge_rules import RULES, beginnings
from triage.core.surge import Bin, Detector, Settings

SECONDS = 300
SILENT = 6 * 3600 // SECONDS
DAY = 24 * 3600
A_FP, A_FN = 0.11, 1.0
PROBATION = 750
"""15 % of a series, of at most its first 5,000 bins."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One of the Twitter volumes: 5-minute counts and the windows (first and last bin) that hold an anomaly."""

    name: str
    times: Sequence[datetime]
    counts: NDArray[np.float64]
    windows: Sequence[tuple[int, int]]

    @property
    def days(self) -> float:
        return (len(self.counts) - PROBATION) / 288


def read(folder: Path) -> list[Series]:
    """The series in the folder, with the windows of `windows.json`."""
    windows = json.loads((folder / "windows.json").read_text(encoding="utf-8"))
    return [_series(folder / name, windows[name]) for name in sorted(windows)]


def _series(path: Path, windows: Sequence[Sequence[str]]) -> Series:
    with path.open(encoding="utf-8") as lines:
        rows = [(_moment(row["timestamp"]), float(row["value"])) for row in csv.DictReader(lines)]
    times = [when for when, _ in rows]
    found = []
    for first, last in windows:
        inside = [n for n, when in enumerate(times) if _moment(first) <= when <= _moment(last)]
        found.append((inside[0], inside[-1]))
    return Series(
        name=path.stem.removeprefix("Twitter_volume_"),
        times=times,
        counts=np.array([v for _, v in rows]),
        windows=found,
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def sigmoid(position: float) -> float:
    """NAB's weight of a flag: 1 well before the end of a window, 0 at it, -1 far behind it."""
    return -1.0 if position > 3 else 2 / (1 + math.exp(5 * position)) - 1


def raw_score(series: Series, flags: Sequence[int]) -> float:
    """What the flagged bins earn and cost."""
    best: list[float] = [-math.inf] * len(series.windows)
    cost = 0.0
    for place in flags:
        if place < PROBATION:
            continue
        inside = next((n for n, (a, b) in enumerate(series.windows) if a <= place <= b), None)
        if inside is not None:
            first, last = series.windows[inside]
            earned = sigmoid(-(last - place + 1) / (last - first + 1)) / sigmoid(-1.0)
            best[inside] = max(best[inside], earned)
            continue
        before = [(a, b) for a, b in series.windows if b < place]
        cost += A_FP * (
            sigmoid((place - before[-1][1]) / (before[-1][1] - before[-1][0])) if before else -1.0
        )
    return sum(-A_FN if math.isinf(b) else b for b in best) + cost


def normalised(series: Sequence[Series], flags: Sequence[Sequence[int]]) -> float:
    """The score of all series together, 0 to 100."""
    windows = sum(len(s.windows) for s in series)
    total = sum(raw_score(s, f) for s, f in zip(series, flags, strict=True))
    return 100 * (total + windows * A_FN) / (windows * (1 + A_FN))


def outside(series: Series, flags: Sequence[int]) -> int:
    """Flags that lie in no window."""
    return sum(p >= PROBATION and not any(a <= p <= b for a, b in series.windows) for p in flags)


GRID = (7, 14, 30, 60, 120, 240)
"""Days between chance alarms, from which one is chosen on the other series."""


def flags(series: Series, settings: Settings) -> list[int]:
    """The bins in which the detector raises an alarm."""
    detector, found = Detector(settings), []
    for place, (when, count) in enumerate(zip(series.times, series.counts.tolist(), strict=True)):
        surge = detector.step(Bin(started_at=when, seconds=SECONDS, count=int(count))).surge
        if surge and surge.kind == "alarm":
            found.append(place)
    return found


def table(series: Sequence[Series]) -> list[dict[str, Any]]:
    """Scores and false alarms as rows: ours as shipped, ours and the rules each tuned on the other four series."""
    by_days = {d: [flags(s, Settings(every=d * DAY)) for s in series] for d in GRID}
    shipped = by_days.get(round(Settings().every / DAY)) or [flags(s, Settings()) for s in series]
    rows = [
        _row("ours, as shipped", series, shipped),
        _row("ours, tuned on the other four", series, _left_out(series, list(by_days.values()))),
    ]
    for rule in RULES:
        for guard in (False, True):
            scores = [rule.scores(s.counts, SECONDS, guard=guard) for s in series]
            name = rule.name + (", 5 messages" if guard else "")
            every = [np.flatnonzero(s >= rule.threshold).tolist() for s in scores]
            once = [beginnings(s >= rule.threshold, SILENT) for s in scores]
            grid = [
                [beginnings(s >= rule.threshold * f, SILENT) for s in scores]
                for f in np.geomspace(0.25, 16, 25)
            ]
            rows.append(_row(f"{name}, every bin", series, every))
            rows.append(_row(f"{name}, first bins", series, once))
            rows.append(_row(f"{name}, first bins, tuned on the other four", series, _left_out(series, grid)))
    return rows


def _left_out(series: Sequence[Series], grid: Sequence[Sequence[Sequence[int]]]) -> list[Sequence[int]]:
    """For each series the flags of that setting which scores best on the others."""
    chosen = []
    for place in range(len(series)):
        others = [n for n in range(len(series)) if n != place]
        best = max(grid, key=lambda f: normalised([series[n] for n in others], [f[n] for n in others]))
        chosen.append(best[place])
    return chosen


def _row(name: str, series: Sequence[Series], found: Sequence[Sequence[int]]) -> dict[str, Any]:
    wrong = [outside(s, f) / s.days for s, f in zip(series, found, strict=True)]
    seen = sum(
        any(first <= p <= last for p in f)
        for s, f in zip(series, found, strict=True)
        for first, last in s.windows
    )
    return {
        "detector": name, "NAB score": normalised(series, found), "windows found": seen,
        "of": sum(len(s.windows) for s in series),
        "false alarms a day": sum(wrong) / len(wrong),
        **{s.name: w for s, w in zip(series, wrong, strict=True)},
    }  # fmt: skip
