"""Keep the promise checked: audit the ledger, and notice an account that fell silent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from psycopg2.extensions import connection as Connection

from triage.core.errors import Fatal, Retry
from triage.core.types import Ledger
from triage.ops import quota
from triage.sources.base import Now, utc_now
from triage.store import conversations, db, messages
from triage.store import quota as units

LEDGER_KEPT = timedelta(days=8)
WATCH_LASTS = timedelta(days=7)
WATCH_AGE = timedelta(days=1)
"""How old a watch may grow before it is renewed: six more tries until it ends."""

WATCH_UNITS = 100


class Watched(Protocol):
    """A source that can tell of changes by itself (Gmail)."""

    name: str

    def watch(self, topic: str) -> datetime:
        """Ask it to, for a while; until when."""


def audit(connection: Connection) -> Ledger:
    """The ledger, after judging every conversation anew; raises Fatal naming those in the wrong place."""
    with db.transaction(connection):
        ledger = conversations.ledger(connection)
        wrong = conversations.unbalanced(connection)
    if ledger.balanced and not wrong:
        return ledger
    named = "; ".join(f"{w['account']}/{w['key']} {w['fault']}" for w in wrong) or "none can be named"
    raise Fatal(
        f"the ledger does not balance: collected {ledger.collected}, answered {ledger.answered}, waiting "
        f"{ledger.waiting}, dismissed {ledger.dismissed}, queue rows {ledger.queue_rows} ({named}); "
        "run `triage replay --refresh` to rebuild the queue from the messages"
    )


def stalled(connection: Connection, *, accounts: Sequence[str], after: timedelta) -> None:
    """Raises Fatal naming those of the accounts whose collect has not ended well for longer than `after`."""
    with db.transaction(connection):
        silent = conversations.stalled(connection, accounts=accounts, after_seconds=after.total_seconds())
    if silent:
        named = ", ".join(f"{s['account']} (last {s['updated_at']:%Y-%m-%d %H:%M} UTC)" if s["updated_at"]
                          else f"{s['account']} (never)" for s in silent)  # fmt: skip
        raise Fatal(f"not collected for over {after}: {named}; look at the last collect_<account> run")


def tidy(connection: Connection, *, keep: timedelta) -> int:
    """Drop what the ledger of units no longer needs; how many rows."""
    with db.transaction(connection):
        return units.prune(connection, keep=keep)


def renew_watch(
    connection: Connection,
    source: Watched,
    account: str,
    topic: str,
    *,
    units_per_minute: int | None = None,
    project_units_per_minute: int | None = None,
    now: Now = utc_now,
) -> datetime:
    """Until when Gmail tells `topic` of changes; asks anew once a day (100 units). Raises Fatal or Retry."""
    with db.transaction(connection):
        messages.register_account(connection, name=account, source=source.name, labels=True)
        until = messages.watched_until(connection, account)
    if until is not None and until > now() + WATCH_LASTS - WATCH_AGE:
        return until
    limits = quota.Limits(account=units_per_minute, project=project_units_per_minute)
    with quota.taken(connection, source, account, limits, want=WATCH_UNITS) as grant:
        if grant.units is not None and not grant.in_full:
            raise Retry(f"{account}: too few units are left to renew the watch; the next run does it")
        until = source.watch(topic)
        with db.transaction(connection):
            messages.note_watch(connection, account, until)
            quota.settle(connection, grant, getattr(source, "owed", dict)())
    return until
