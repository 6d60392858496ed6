"""Look what has arrived, as cheaply as the source can: the find step of collecting, done between its runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from psycopg2.extensions import connection as Connection

from triage.core.errors import CursorExpired
from triage.core.types import Cursor, Page
from triage.ops import quota
from triage.ops.collect import store
from triage.ops.report import Report
from triage.sources.base import Now, Source, utc_now
from triage.store import arrivals, db, messages
from triage.store.arrivals import Waiting


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What a look saw: whether this very look brought something, how many messages it stored, and what waits."""

    arrived: bool
    stored: int
    waiting: Waiting


def look(
    connection: Connection,
    source: Source,
    account: str,
    *,
    units_per_minute: int | None = None,
    project_units_per_minute: int | None = None,
    now: Now = utc_now,
) -> Sight | None:
    """One page of the source's cheapest kind, stored with its cursor; None when another run holds the account.

    What is found to be read is left to `collect`, which need not ask for it again. Raises Fatal, Retry, or
    CursorExpired when even a fresh cursor is refused.
    """
    with db.transaction(connection):
        if not messages.lock_account(connection, account):
            return None
    try:
        with db.transaction(connection):
            cursor = messages.read_cursor(connection, account)
            before = arrivals.waiting(connection, account)
            if cursor is None:
                labels = hasattr(source, "apply")
                messages.register_account(connection, name=account, source=source.name, labels=labels)
        report = Report(verb="look", account=account)
        limits = quota.Limits(account=units_per_minute, project=project_units_per_minute)
        want = getattr(source, "look_units", getattr(source, "page_units", None))
        with quota.taken(connection, source, account, limits, want=want) as grant:
            page = _find(source, cursor, grant.units, unread=before.unread)
            asked = bool(page.cursor != cursor or page.units or page.reads)
            if asked:
                # `behind` stays what collecting left: labels need not wait for what is read in a moment.
                store(connection, source, grant, replace(page, has_more=before.unread), report, now)
            else:
                _nothing_asked(connection, grant)
        with db.transaction(connection):
            after = arrivals.waiting(connection, account)
    finally:
        messages.unlock_account(connection, account)
    arrived = report.changed or (asked and page.has_more and not before.unread)
    unread = after.unread or page.has_more
    return Sight(arrived=arrived, stored=report.kept, waiting=replace(after, unread=unread))


def _find(source: Source, cursor: Cursor | None, budget: int | None, *, unread: bool) -> Page:
    """What the source shows; an expired cursor becomes one that closes the gap, which is something to read."""
    try:
        page = source.look(cursor, budget=budget)
    except CursorExpired:
        if cursor is None or unread:
            raise
        return Page(cursor=source.resync(cursor), has_more=True)
    return replace(page, has_more=unread) if page.paused else page


def _nothing_asked(connection: Connection, grant: quota.Grant) -> None:
    """What was found before is still unread: were the cursor written again, the stall alarm would rest."""
    with db.transaction(connection):
        quota.settle(connection, grant, {})


def waits(connection: Connection, account: str) -> bool:
    """Whether messages of the account are stored and not decided, or labels not sent: work for the DAG `triage`."""
    with db.transaction(connection):
        return arrivals.waiting(connection, account).stored
