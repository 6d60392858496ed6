"""Pull an account page by page; each page, its cursor and what follows from it are one transaction."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta
from typing import cast

from psycopg2.extensions import connection as Connection

from triage.core.errors import CursorExpired, Fatal, Retry
from triage.core.types import Cursor, Page
from triage.ops import quota
from triage.ops.mailbox import follow
from triage.ops.report import Report
from triage.sources.base import Labeler, Now, Source, utc_now
from triage.store import arrivals, conversations, db, labels, messages, spend

LABEL_RESERVE = 0.1
"""Share of an account's units a minute that collecting leaves for labels."""


def collect(
    connection: Connection,
    source: Source,
    account: str,
    *,
    units_per_minute: int | None = None,
    project_units_per_minute: int | None = None,
    max_pages: int = 1000,
    patience: timedelta = timedelta(seconds=5),
    now: Now = utc_now,
) -> Report:
    """Bring one account up to date, or as far as its quota goes; waits only `patience`, for a look to end.

    Raises Fatal, or Retry when nothing at all could be read; what was read before is kept either way.
    """
    started = time.monotonic()
    report = Report(verb="collect", account=account)
    limits = quota.Limits(account=units_per_minute, project=project_units_per_minute)
    with db.transaction(connection):
        messages.register_account(
            connection, name=account, source=source.name, labels=hasattr(source, "apply")
        )
        if not messages.lock_account(connection, account, patience=patience):
            report.notes.append("another run is collecting this account")
            return report
    try:
        for _ in range(max_pages):
            want = getattr(source, "page_units", None)
            with quota.taken(connection, source, account, limits, want=want, keep=LABEL_RESERVE) as grant:
                page = _pull(connection, source, account, grant.units, report)
                store(connection, source, grant, page, report, now)
            if page.paused:
                report.notes.append(f"paused: {page.paused}; the next run goes on")
            if page.paused or not page.has_more:
                break
    except Retry as error:
        if report.read == 0:
            raise
        report.notes.append(f"stopped early: {error}; the next run goes on")
    finally:
        messages.unlock_account(connection, account)
    report.seconds = time.monotonic() - started
    return report


def _pull(connection: Connection, source: Source, account: str, budget: int | None, report: Report) -> Page:
    """One page; an expired cursor is exchanged once for one that closes the gap."""
    for attempt in (1, 2):
        with db.transaction(connection):
            cursor = messages.read_cursor(connection, account)
        try:
            return source.pull(cursor, budget=budget)
        except CursorExpired as error:
            if cursor is None or attempt == 2:
                raise Fatal(
                    f"{account}: the source refuses even a fresh cursor ({error}); run `triage doctor`"
                ) from error
            report.notes.append(f"cursor expired ({error}): bounded resync")
            with db.transaction(connection):
                messages.write_cursor(connection, source.resync(cursor))
    raise AssertionError("unreachable")


def store(
    connection: Connection, source: Source, grant: quota.Grant, page: Page, report: Report, now: Now
) -> None:
    """Store a page with its cursor and its price, in one transaction; what it gave is added to the report."""
    account = grant.account
    with db.transaction(connection):
        moved = (*page.deleted, *page.restored, *(m.native_id for m in page.moved))
        if moved:
            messages.lock_conversations(connection, page.messages, account=account, native_ids=moved)
        new, touched = messages.upsert(connection, page.messages)
        touched += messages.mark_deleted(connection, account, page.deleted, now())
        touched += messages.mark_restored(connection, account, page.restored)
        labels.mark_back(connection, account, page.restored)
        if page.moved and page.walked_at:
            labeler, ago = cast(Labeler, source), max(timedelta(0), now() - page.walked_at)
            touched += follow(connection, account, page.moved, ago=ago, still_there=labeler.labels)
        messages.quarantine(connection, page.quarantined)
        if page.arrived and page.walked_at and page.walked_from:
            arrivals.add(connection, account, page.arrived, page.walked_from, page.walked_at)
        conversations.refresh(connection, touched)
        units = Counter(page.units) + Counter(getattr(source, "owed", dict)())
        quota.settle(connection, grant, units)
        units += Counter(spend.note(connection, account, page, now()))
        messages.write_cursor(connection, page.cursor, behind=page.has_more)
    report.touched += len(touched)
    report.read += len(page.messages) + len(page.quarantined)
    report.kept += len(new)
    report.skipped += len(page.messages) - len(new)
    report.quarantined += len(page.quarantined)
    report.spend(dict(units))


def rewind(connection: Connection, source: Source, account: str) -> Cursor | None:
    """Set the account back to a bounded resync (replay): the next collect reads what is missing."""
    with db.transaction(connection):
        cursor = messages.read_cursor(connection, account)
        if cursor is None:
            return None
        fresh = source.resync(cursor)
        messages.write_cursor(connection, fresh)
    return fresh
