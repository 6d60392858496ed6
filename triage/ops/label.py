"""Send the label outbox to a mailbox. Adding or removing twice changes nothing, so a crash costs nothing."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.config import Settings
from triage.core.types import LabelChange, LabelOutcome
from triage.ops.report import Report
from triage.sources.base import Labeler
from triage.store import conversations, db, labels, messages

PATIENCE = timedelta(minutes=2)
"""How long a change may wait while its mailbox is behind with reading: quota is short then, replies that are
still to be read take labels back, and changes that are sent together share calls."""

UNANSWERED = {"en": "Unanswered", "fr": "Sans réponse"}


def label_names(settings: Settings) -> dict[str, str]:
    """Outbox key (`unanswered` or a topic) to the label's name in the mailbox."""
    language = settings.triage.label_language
    names = {key: getattr(topic.label, language) for key, topic in settings.topics.topics.items()}
    names["unanswered"] = UNANSWERED[language]
    return {key: f"{settings.triage.label_prefix}/{name}" for key, name in names.items()}


def label(
    connection: Connection,
    labeler: Labeler,
    account: str,
    names: dict[str, str],
    *,
    units_per_minute: int | None = None,
    batch: int = 5000,
) -> Report:
    """Send what is pending for one account, as far as its quota goes."""
    started = time.monotonic()
    report = Report(verb="label", account=account)
    with db.transaction(connection):
        if not labels.lock_account(connection, account):
            report.notes.append("another run is labelling this account")
            return report
    try:
        _send(connection, labeler, account, names, units_per_minute, batch, report)
    finally:
        labels.unlock_account(connection, account)
    report.seconds = time.monotonic() - started
    return report


def _send(
    connection: Connection,
    labeler: Labeler,
    account: str,
    names: dict[str, str],
    units_per_minute: int | None,
    batch: int,
    report: Report,
) -> None:
    while True:
        with db.transaction(connection):
            pending = labels.pending(connection, account, limit=batch, patience=PATIENCE)
            spent = messages.spent_last_minute(connection, account) if units_per_minute else 0
        pending = _due(_nameable(pending, names, report), report)
        if not pending:
            return
        budget = max(0, units_per_minute - spent) if units_per_minute else None
        outcome = labeler.apply(_changes(pending, names), budget=budget)
        with db.transaction(connection):
            _settle(connection, account, pending, outcome)
        report.read += len(pending)
        done = set(outcome.done)
        report.kept += sum(row["native_id"] in done for row in pending)
        report.skipped += len(outcome.gone)
        report.failed += len(outcome.failed)
        report.spend(dict(outcome.units))
        if outcome.paused:
            report.notes.append(f"paused: {outcome.paused}; the next run goes on")
        if outcome.paused or outcome.failed or not (outcome.done or outcome.gone):
            return


def _nameable(pending: list[dict[str, Any]], names: dict[str, str], report: Report) -> list[dict[str, Any]]:
    """Without labels of topics that topics.yaml no longer has: one such row must not stop the others."""
    lost = sorted({row["label"] for row in pending} - names.keys())
    note = f"labels of topics that left topics.yaml stay as they are: {', '.join(lost)}; put them back to remove them"
    if lost and note not in report.notes:
        report.notes.append(note)
    return [row for row in pending if row["label"] in names]


def _due(pending: list[dict[str, Any]], report: Report) -> list[dict[str, Any]]:
    """Without what may wait until reading has caught up."""
    due = [row for row in pending if not row["may_wait"]]
    note = f"{len(pending) - len(due)} changes wait until reading has caught up"
    if len(due) < len(pending) and note not in report.notes:
        report.notes.append(note)
    return due


def _changes(pending: list[dict[str, Any]], names: dict[str, str]) -> list[LabelChange]:
    add: dict[str, list[str]] = defaultdict(list)
    remove: dict[str, list[str]] = defaultdict(list)
    for row in pending:
        (add if row["wanted"] else remove)[row["native_id"]].append(names[row["label"]])
    ids = dict.fromkeys(row["native_id"] for row in pending)
    return [LabelChange(native_id=i, add=tuple(add[i]), remove=tuple(remove[i])) for i in ids]


def _settle(
    connection: Connection, account: str, pending: list[dict[str, Any]], outcome: LabelOutcome
) -> None:
    done, gone = set(outcome.done), set(outcome.gone)
    conversations.lock(connection, [r["message_id"] for r in pending])
    settled = [(r["message_id"], r["label"], r["wanted"]) for r in pending if r["native_id"] in done]
    labels.settle(connection, settled)
    labels.mark_gone(connection, [r["message_id"] for r in pending if r["native_id"] in gone])
    errors = {
        r["message_id"]: outcome.failed[r["native_id"]] for r in pending if r["native_id"] in outcome.failed
    }
    labels.note_errors(connection, list(errors.items()))
    messages.spend(connection, account, outcome.units)
