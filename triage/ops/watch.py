"""What must be noticed before people notice it: detectors that stand still, drift, leases, disks, stale plans.

Ledger and cursors are looked at by `triage.ops.care`. Each check is small, raises nothing, and tells what to mend.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from psycopg2.extensions import connection as Connection

from triage import plan
from triage.config import Settings, config_dir
from triage.core.drift import Shift, shifts
from triage.core.finding import Finding, bad, ok, warn
from triage.core.types import UNSURE
from triage.ops.models import CACHE_VARIABLE
from triage.sources.base import Now, utc_now
from triage.store import db, watch

DETECTOR_AFTER = timedelta(hours=1)
"""Detectors wait 20 minutes for an account that is not read to its end; after so long something is wrong."""

DAYS = 9
"""Today and eight days before it: detectors keep their minutes for ten."""

LAPSED = timedelta(hours=1)
MOST_HELD = 100
"""More than one person answers in a day, at a quarter of an hour a lease."""

LITTLE, LESS = 1_000_000_000, 5_000_000_000
"""Bytes left on a disk: bad, and a warning. A share would alarm on a large disk and come too late on a small one."""

AGAIN: Mapping[str, timedelta] = {
    "plan": timedelta(days=7),
    "drift": timedelta(days=1),
    "leases": timedelta(days=1),
}
"""After how long an alarm of that check is told again, where the usual hours would be a nuisance."""


def findings(connection: Connection, settings: Settings, *, now: Now = utc_now) -> Iterator[Finding]:
    """Every finding of every check, good ones too."""
    for check in CHECKS.values():
        yield from check(connection, now)
    yield from plans(settings, now)


def detector(connection: Connection, now: Now) -> Iterator[Finding]:
    """Whether minutes are judged."""
    with db.transaction(connection):
        found = watch.judged(connection)
    since = found["judged_to"] or found["known_since"]
    if since is None or found["now"] - since <= DETECTOR_AFTER:
        yield ok("detector", "minutes are judged" if found["judged_to"] else "nothing to judge yet")
        return
    age = timedelta(seconds=int((found["now"] - since).total_seconds()))
    held = (
        f"; {len(found['held'])} streams wait for an account that is not read to its end"
        if found["held"]
        else ""
    )
    yield bad(
        "detector",
        f"no minute was judged for {age}, so no crisis is noticed{held}",
        "look at the task `detect` of the DAG triage, whether that is paused, and at the accounts' cursors",
    )


def drift(connection: Connection, now: Now) -> Iterator[Finding]:
    """Whether people write about other things than in the days before, or more is left unsure."""
    with db.transaction(connection):
        today, *past = watch.days(connection, DAYS)
    moved = [s for s in shifts(past, today) if s.topic != UNSURE or s.share > s.usual]
    if not moved:
        yield ok("drift", "topics take the share of the mail that they had before")
    for shift in moved:
        yield _moved(shift)


def _moved(shift: Shift) -> Finding:
    text = (
        f"{shift.topic} is {shift.share:.0%} of the last day's messages, {shift.usual:.0%} in the days before"
    )
    if shift.topic == UNSURE:
        return bad("drift", text, "read some of them (`triage queue --topic unsure`); a new matter wants phrases or a "
                   "topic in topics.yaml, wrong topics want corrections and `triage learn`")  # fmt: skip
    return bad("drift", text, f"read some of them (`triage queue --topic {shift.topic}`): a new matter, or a model "
               "gone astray, which `triage model rollback` takes back")  # fmt: skip


def leases(connection: Connection, now: Now) -> Iterator[Finding]:
    """Whether conversations are held by nobody who answers them."""
    with db.transaction(connection):
        found = watch.leases(connection, lapsed=LAPSED)
    greedy = [row for row in found if row["held"] > MOST_HELD]
    lapsed = sum(row["lapsed"] for row in found)
    for row in greedy:
        text = f"{row['claimed_by']} holds {row['held']} conversations, which nobody else is shown as free"
        yield bad(
            "leases", text, "ask them, or mend the script, to claim fewer and to `triage release` the rest"
        )
    if lapsed:
        text = f"{lapsed} leases ended over {LAPSED.seconds // 3600} h ago, and nobody has claimed anything since"
        yield warn(
            "leases", text, "nothing is lost: the next `triage claim` takes them back; is anybody at work?"
        )
    elif not greedy:
        yield ok("leases", f"{sum(row['held'] for row in found)} held, none forgotten")


def disk(connection: Connection, now: Now) -> Iterator[Finding]:
    """Whether this machine's disks, where logs, models and scratch files go, have room."""
    wanted = [tempfile.gettempdir(), os.environ.get("AIRFLOW_HOME"), os.environ.get(CACHE_VARIABLE)]
    devices = {Path(folder).stat().st_dev: folder for folder in wanted if folder and Path(folder).exists()}
    for folder in devices.values():
        usage = shutil.disk_usage(folder)
        text = f"{usage.free / 1e9:,.1f} of {usage.total / 1e9:,.1f} GB are free where {folder} is"
        mend = "remove old logs (Airflow's log retention) or give it a larger disk"
        if usage.free < LITTLE:
            yield bad("disk", text, mend)
        elif usage.free < LESS:
            yield warn("disk", text, mend)
        else:
            yield ok("disk", text)


CHECKS: Mapping[str, Callable[[Connection, Now], Iterator[Finding]]] = {
    "detector": detector,
    "drift": drift,
    "leases": leases,
    "disk": disk,
}
"""By the name under which their failure is told; the doctor makes them too."""


def plans(settings: Settings, now: Now) -> Iterator[Finding]:
    """Plans that are broken or that nobody has read for long; nothing where no folder of plans is."""
    folder = config_dir() / "plan"
    if folder.is_dir():
        yield from (f for f in plan.findings(settings, folder, now().date()) if f.state == "bad")
