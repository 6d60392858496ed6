"""Decide what stored messages are about; decision, queue and wanted labels are one transaction per batch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

from psycopg2.extensions import connection as Connection

from triage.config import Topics
from triage.config_storm import Copies, Flood
from triage.core.priority import NO_SEVERITY
from triage.core.types import Classification
from triage.ops import cluster
from triage.ops.inboxes import Inboxes
from triage.ops.report import Report
from triage.ops.second_opinion import Opinions
from triage.store import conversations, db, labels

COPIES = Copies()


class Classifier(Protocol):
    """What this verb needs of `triage.classify`: texts in, one decision each out, in order."""

    model: str
    taxonomy: str

    def classify(self, items: Sequence[tuple[str, str, str]]) -> list[Classification]:
        """Decide (subject, text, known language or empty) triples."""


def sync_topics(connection: Connection, topics: Topics) -> None:
    """Show topics.yaml to the database, and the queue what changed in it; a second time changes nothing."""
    rows = [
        (key, t.label.en, t.label.fr, t.severity or NO_SEVERITY, t.target) for key, t in topics.topics.items()
    ]
    with db.transaction(connection):
        if labels.sync_topics(connection, rows):
            conversations.refresh(connection, conversations.waiting_ids(connection))


def classify(
    connection: Connection,
    classifier: Classifier,
    topics: Topics,
    *,
    inboxes: Inboxes | None = None,
    opinions: Opinions | None = None,
    copies: Copies = COPIES,
    flood: Flood | None = None,
    batch: int = 500,
) -> Report:
    """Decide every message that has no decision, and waiting ones that another model or other rules decided.

    With `inboxes` each is decided as its account has it of late, otherwise as if it came alone.
    What the classifier is unsure of is shown to the judge behind `opinions`, if there is one. Near copies of a text
    come into one cluster, and what one sender sends beyond `flood` is held.
    """
    started = time.monotonic()
    report = Report(verb="classify")
    sync_topics(connection, topics)
    with db.transaction(connection):
        if again := conversations.outdated(connection, model=classifier.model, taxonomy=classifier.taxonomy):
            report.notes.append(f"{again} waiting messages are decided anew: topics or model changed")
    while found := _undecided(connection, batch):
        decided = _decided(connection, classifier, inboxes, found)
        if opinions is not None:
            decided = opinions.review(found, decided)
        drafts = cluster.drafts(found)
        with db.transaction(connection):
            touched = cluster.place(connection, found, drafts, flood=flood)
            mixed = inboxes.keep(connection, found) if inboxes else {}
            conversations.decide(
                connection, [(r["id"], c) for r, c in zip(found, decided, strict=True)], mixed
            )
            conversations.refresh(connection, sorted(touched))
            if opinions is not None:
                opinions.keep(connection)
        report.read += len(found)
        report.kept += len(found)
        report.skipped += sum(c.abstained for c in decided)
        cluster.forget(connection, copies.within)
    report.notes.append(f"{report.skipped} unsure")
    if opinions is not None and opinions.asked:
        report.notes.append(
            f"{opinions.judge.name} was asked about {opinions.asked} and decided {opinions.answered}"
        )
        report.notes += [f"and is asked no more: {opinions.failed}"] if opinions.failed else []
    report.seconds = time.monotonic() - started
    return report


def _decided(
    connection: Connection, classifier: Classifier, inboxes: Inboxes | None, found: Sequence[dict[str, Any]]
) -> list[Classification]:
    if inboxes is None:
        return classifier.classify([(r["subject"], r["text"], r["lang"]) for r in found])
    with db.transaction(connection):
        return inboxes.decide(connection, found)


def _undecided(connection: Connection, batch: int) -> list[dict[str, Any]]:
    """Read in a transaction of its own: no responder waits while the classifier thinks."""
    with db.transaction(connection):
        return conversations.undecided(connection, limit=batch)
