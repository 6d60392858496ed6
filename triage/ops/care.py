"""Keep the promise checked: audit the ledger, and notice an account that fell silent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from psycopg2.extensions import connection as Connection

from triage.core.errors import Fatal
from triage.core.types import Ledger
from triage.store import conversations, db


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
