"""What a busy day costs the detector."""

from __future__ import annotations

import json
import statistics
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from triage.core.surge import Bin, Detector

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = 60


def busy_day(an_hour: int = 10_000) -> list[dict[str, Any]]:
    """So many messages an hour for a day, in minutes: what a bin costs and what the state weighs, every six hours."""
    tracemalloc.start()
    weighed = [row["memory, KiB"] for row in _quarters(an_hour)]
    tracemalloc.stop()
    return [{**row, "memory, KiB": w} for row, w in zip(_quarters(an_hour), weighed, strict=True)]


def _quarters(an_hour: int) -> list[dict[str, Any]]:
    chance = np.random.default_rng(4)
    detector = Detector()
    rows, place = [], 0
    for quarter in range(4):
        spent = []
        for count in chance.poisson(an_hour / 60, 6 * 60).tolist():
            at = START + timedelta(minutes=place)
            began = time.perf_counter()
            detector.step(Bin(started_at=at, seconds=MINUTE, count=count, authors=count))
            spent.append(time.perf_counter() - began)
            place += 1
        rows.append({
            "hours": f"{6 * quarter} to {6 * quarter + 6}", "messages": an_hour * 6,
            "a bin, microseconds": 1e6 * statistics.median(spent), "state, bytes": len(json.dumps(detector.dump())),
            "memory, KiB": tracemalloc.get_traced_memory()[0] / 1024,
        })  # fmt: skip
    return rows
