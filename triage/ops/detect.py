"""Notice crises: close the minutes of every stream of counts, and let surges open, escalate and end incidents.

A minute is that in which messages were sent, not read: a backlog after an outage is no surge. It is closed when every
account is read to its end, or has been waited for long enough; whoever comes up to ten minutes later counts in the
first minute that is still open, whoever comes later than that only belongs to the incident. Minutes that still fill are
judged as they are, without being learned from: more can only make a surge clearer.

Detectors, minutes and incidents change in one transaction, one run at a time: a run that is cut off has done nothing,
a second run finds nothing left to do.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from psycopg2.extensions import connection as Connection

from triage.core.surge import Bin, Detector, Settings
from triage.ops.incident import Change, Said, find_terms, react, tell_queue
from triage.ops.report import Report
from triage.ops.streams import BIN, Counted, streams
from triage.sources.base import Now, utc_now
from triage.store import db, detectors, incidents

KEPT = timedelta(days=10)

NEWS = timedelta(hours=6)
"""A surge that ended longer ago, before anybody looked, is history."""

SCHOOL = timedelta(minutes=10)
"""What is older than that is judged in longer bins: a new detector, or one after a long outage, is there in seconds."""

TOLD_AGAIN = timedelta(minutes=2)
"""What was told so long ago, and nobody responds to, is told once more: a task may have failed before it was heard."""

SURGES = Settings()

WATCHED = Settings(threshold=2.2, every=14 * 86_400, ratio=1.5, min_messages=3, min_authors=2)
"""Less is enough where there was a crisis lately."""


@dataclass(kw_only=True)
class Detected:
    """What one run did. `alone`: what nobody responds to, as what a person has opened or drafted."""

    report: Report
    changes: list[Change] = field(default_factory=list)
    alone: list[Change] = field(default_factory=list)

    def events(self) -> list[dict[str, object]]:
        """What others must hear of: incident, verb, topic."""
        return [
            {"incident": c.incident, "verb": c.verb, "topic": c.topic} for c in (*self.changes, *self.alone)
        ]


def detect(connection: Connection, accounts: Sequence[str], *, now: Now = utc_now) -> Detected:
    """Judge what has come, and do what follows from it. The queue follows at the end."""
    started = time.monotonic()
    report = Report(verb="detect")
    with db.transaction(connection):
        detectors.lock(connection)
        moment = now()
        incidents.end_watches(connection, moment)
        watched = incidents.watched_streams(connection)
        runs = [
            _Run(counted, WATCHED if counted.stream.name in watched else SURGES).go(moment)
            for counted in streams(connection, accounts, now=moment)
        ]
        detectors.save(connection, [run.kept for run in runs if run.moved])
        detectors.add_bins(connection, [bin_ for run in runs for bin_ in run.bins])
        over = {run.kept.stream for run in runs if not run.on}
        changes = react(connection, [said for run in runs for said in run.said], over, now=moment)
        alone = [
            Change(verb="wait", **row) for row in incidents.alone(connection, told_before=moment - TOLD_AGAIN)
        ]
        if moment.minute == 0:
            detectors.prune(connection, moment - KEPT)
    told = tell_queue(connection)
    for incident in sorted({change.incident for change in changes}):
        find_terms(connection, incident)
    report.read, report.kept, report.touched = sum(len(r.bins) for r in runs), len(changes), told
    report.notes += [
        f"incident {c.incident}: {c.verb}, {c.topic or 'nobody knows yet what about'}" for c in changes
    ]
    report.seconds = time.monotonic() - started
    return Detected(report=report, changes=changes, alone=alone)


class _Run:
    """One stream's detector, through the minutes that can be closed and those that still fill."""

    def __init__(self, counted: Counted, settings: Settings) -> None:
        self._counted = counted
        self._settings = settings
        self.kept = counted.kept
        self.bins: list[tuple[str, datetime, int, float, float]] = []
        self.said: list[Said] = []
        self.on = False

    @property
    def moved(self) -> bool:
        """Whether anything is to be kept."""
        return bool(self.bins) or self._counted.changed

    def go(self, now: datetime) -> _Run:
        """Judge up to now."""
        state = self._close(self.kept.state)
        if any(count for _, count, _ in self._minutes(self.kept.closed_to, now)):
            self._look_ahead(state, now)
        return self

    def _close(self, state: Mapping[str, object]) -> Mapping[str, object]:
        counted, detector = self._counted, Detector(self._settings, state)
        begins = self._catch_up(detector, counted.closes - NEWS)
        for at, count, authors in self._minutes(begins, counted.closes):
            step = detector.step(_bin(at, BIN, count, authors))
            self.bins.append((counted.stream.name, at, count, step.expected, step.score))
            if step.surge:
                self.said.append(Said(stream=counted.stream, surge=step.surge))
        self.on = detector.open is not None
        if self.bins:
            self.kept = replace(self.kept, closed_to=counted.closes, state=detector.dump())
        return detector.dump()

    def _catch_up(self, detector: Detector, until: datetime) -> datetime:
        """Judge what is older than the last hours in longer bins; where that ends. What ended there is history."""
        at = self.kept.closed_to
        while at + SCHOOL <= until:
            found = [self._counted.counts.get(at + n * BIN, (0, 0)) for n in range(SCHOOL // BIN)]
            authors = [people for _, people in found if people is not None]
            whole = sum(authors) if len(authors) == len(found) else None
            surge = detector.step(_bin(at, SCHOOL, sum(count for count, _ in found), whole)).surge
            if surge:
                said = Said(stream=self._counted.stream, surge=surge)
                self.said = [said] if surge.kind == "end" else [*self.said, said]
            at += SCHOOL
        return at

    def _look_ahead(self, state: Mapping[str, object], now: datetime) -> None:
        """An alarm from minutes that still fill: they can only get fuller. Nothing else is believed yet."""
        trial = Detector(self._settings, json.loads(json.dumps(state)))
        for at, count, authors in self._minutes(self.kept.closed_to, now):
            step = trial.step(_bin(at, BIN, count, authors))
            if step.surge and step.surge.kind != "end":
                self.said.append(Said(stream=self._counted.stream, surge=step.surge, final=False))
                self.on = True

    def _minutes(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, int, int | None]]:
        """Each minute with its count; the first one that was open takes in those who came late."""
        late = self._counted.late
        at = since
        while at < until:
            count, authors = self._counted.counts.get(at, (0, 0))
            if late and at == self._counted.kept.closed_to:
                count, authors = count + late, None if authors is None else authors + late
            yield at, count, authors
            at += BIN


def _bin(at: datetime, length: timedelta, count: int, authors: int | None) -> Bin:
    return Bin(started_at=at, seconds=int(length.total_seconds()), count=count, authors=authors)
