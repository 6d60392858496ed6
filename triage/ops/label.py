"""Send the label outbox to a mailbox. Adding or removing twice changes nothing, so a crash costs nothing."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.config import Settings
from triage.core.types import LabelChange, LabelOutcome
from triage.ops import quota
from triage.ops.report import Report
from triage.ops.tend import CALL_UNITS, tend
from triage.sources.base import Labeler
from triage.store import conversations, db, labels

PATIENCE = timedelta(minutes=2)
"""How long a change may wait while its mailbox is behind with reading: quota is short then, replies that are
still to be read take labels back, and changes that are sent together share calls."""

UNANSWERED_NAME = {"en": "Unanswered", "fr": "Sans réponse"}


def label_names(settings: Settings) -> dict[str, str]:
    """Outbox key (`unanswered` or a topic) to the label's name in the mailbox."""
    language = settings.triage.label_language
    names = {key: getattr(topic.label, language) for key, topic in settings.topics.topics.items()}
    names[labels.UNANSWERED] = UNANSWERED_NAME[language]
    return {key: f"{settings.triage.label_prefix}/{name}" for key, name in names.items()}


def label(
    connection: Connection,
    labeler: Labeler,
    account: str,
    names: dict[str, str],
    *,
    units_per_minute: int | None = None,
    project_units_per_minute: int | None = None,
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
        limits = quota.Limits(account=units_per_minute, project=project_units_per_minute)
        with db.transaction(connection):
            labels.send_again(connection, account)
        tend(connection, labeler, account, names, limits, report)
        _send(connection, labeler, account, names, limits, batch, report)
    finally:
        labels.unlock_account(connection, account)
    report.seconds = time.monotonic() - started
    return report


def _send(
    connection: Connection,
    labeler: Labeler,
    account: str,
    names: dict[str, str],
    limits: quota.Limits,
    batch: int,
    report: Report,
) -> None:
    while True:
        with db.transaction(connection):
            ids = {row["key"]: row["native_id"] for row in labels.known(connection, account)}
            pending = labels.pending(connection, account, limit=batch, patience=PATIENCE)
            pending = _start(connection, _due(_nameable(pending, names, report), report))
        if not pending:
            return
        known = {names[key]: native_id for key, native_id in ids.items() if key in names}
        changes = _changes(pending, names)
        want = CALL_UNITS * (len(changes) + 2 * len({row["label"] for row in pending}))
        if limits.account is not None:
            # Half of a minute at most: a page that is read meanwhile finds the other half.
            want = min(want, limits.account // 2)
        with quota.taken(connection, labeler, account, limits, want=want) as grant:
            outcome = labeler.apply(changes, known=known, budget=grant.units)
            found = {key: outcome.labels[name] for key, name in names.items() if name in outcome.labels}
            with db.transaction(connection):
                labels.lose(connection, account, sorted(found.keys() & ids.keys()))
            with db.transaction(connection):
                _settle(connection, grant, pending, outcome)
                labels.remember(connection, account, [(key, i, names[key]) for key, i in found.items()])
        report.read += len(pending)
        done = set(outcome.done)
        report.kept += sum(row["native_id"] in done for row in pending)
        report.skipped += len(outcome.gone)
        report.failed += len(outcome.failed)
        report.spend(dict(outcome.units))
        if outcome.paused and outcome.done and grant.in_full:
            continue
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


def _start(connection: Connection, due: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Note what is on its way, so that its echo is nobody's word and a run that dies leaves no label unknown."""
    conversations.lock(connection, [r["message_id"] for r in due])
    return labels.start(connection, [(r["message_id"], r["label"], r["wanted"]) for r in due])


def _settle(
    connection: Connection, grant: quota.Grant, pending: list[dict[str, Any]], outcome: LabelOutcome
) -> None:
    """Note what became of each change. What failed may have been done all the same: it stays on its way."""
    done, gone, failed = set(outcome.done), set(outcome.gone), outcome.failed
    conversations.lock(connection, [r["message_id"] for r in pending])
    settled = [(r["message_id"], r["label"], r["wanted"]) for r in pending if r["native_id"] in done]
    labels.settle(connection, settled)
    labels.mark_gone(connection, [r["message_id"] for r in pending if r["native_id"] in gone])
    tried = done | gone | failed.keys()
    untried = [r for r in pending if r["first"] and r["native_id"] not in tried]
    labels.not_sent(connection, [(r["message_id"], r["label"]) for r in untried])
    errors = {r["message_id"]: failed[r["native_id"]] for r in pending if r["native_id"] in failed}
    labels.note_errors(connection, list(errors.items()))
    quota.settle(connection, grant, outcome.units)
