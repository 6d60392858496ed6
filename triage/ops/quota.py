"""Units are taken before they are spent, so that no two tasks spend the same ones and Gmail never says 429.

The limit of a source holds for any 60 seconds, so what counts is a sliding window: the sum of the last 60
seconds, per account and over all accounts of the source (a project). A token bucket of capacity C that fills at
C a minute would let a full bucket and its refill through, almost 2 C within 60 seconds; to be safe it would have
to be half as large, and bursts half as fast. The window gives the whole limit and never more.

A task takes what its next page may cost at most; other tasks see that at once. With the page it writes down what
was really spent, at that later moment: the ledger thus counts each unit a little longer than the source does.
What a task took and never settled, because it was killed, counts until it is a minute old, as if it were spent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from triage.store import db
from triage.store import quota as ledger


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Units in any 60 seconds: of one account, and of all accounts of its source (None: no limit)."""

    account: int | None = None
    project: int | None = None


@dataclass(frozen=True, kw_only=True)
class Grant:
    """`units` that one task may spend (None: as many as it likes), and whether that is all it wanted."""

    account: str
    units: int | None
    in_full: bool = True
    reservation: int | None = None


def take(
    connection: Connection,
    account: str,
    limits: Limits,
    *,
    want: int | None = None,
    keep: float = 0.0,
) -> Grant:
    """Take up to `want` units (None: all that are left) in one short transaction; 0 when none are left.

    `keep` is the share of both minutes that is left for others (labels).
    """
    if limits.account is None and limits.project is None:
        return Grant(account=account, units=None)
    with db.transaction(connection):
        ledger.lock(connection, account)
        mine, project = ledger.used(connection, account)
        left = [] if limits.account is None else [int(limits.account * (1 - keep)) - mine]
        left += [] if limits.project is None else [int(limits.project * (1 - keep)) - project]
        units = max(0, min(left if want is None else [*left, want]))
        reservation = ledger.reserve(connection, account, units) if units else None
    return Grant(account=account, units=units, in_full=units == want, reservation=reservation)


def settle(connection: Connection, grant: Grant, units: Mapping[str, int]) -> None:
    """Write down what was really spent, by method, and give the rest back; in the caller's transaction."""
    if grant.reservation is not None:
        ledger.release(connection, grant.reservation)
    ledger.spend(connection, grant.account, units)


@contextmanager
def taken(
    connection: Connection,
    spender: object,
    account: str,
    limits: Limits,
    *,
    want: int | None = None,
    keep: float = 0.0,
) -> Iterator[Grant]:
    """`take` for the time of a block; what it did not settle is given back, less what a failed spender says it owes."""
    grant = take(connection, account, limits, want=want, keep=keep)
    owed: Mapping[str, int] = {}
    try:
        yield grant
    except Exception:
        connection.rollback()
        owed = getattr(spender, "owed", dict)()
        raise
    finally:
        if grant.reservation is not None or owed:
            with db.transaction(connection):
                settle(connection, grant, owed)
