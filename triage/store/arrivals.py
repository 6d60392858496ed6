"""What an account has found or stored and nobody has worked off yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import connection as Connection

from triage.store import db

_SQL = db.queries(__file__)


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Whether something is found and unread, and the oldest message that is undecided, or whose label is to be sent.

    Labels that the mailbox refused do not count: they are tried again in time, and nobody need hurry.
    """

    unread: bool
    undecided: int | None
    unlabelled: int | None

    def __bool__(self) -> bool:
        return self.unread or self.stored

    @property
    def stored(self) -> bool:
        """Whether there is work that needs no reading."""
        return self.undecided is not None or self.unlabelled is not None


def waiting(connection: Connection, account: str) -> Waiting:
    """What waits now; two equal answers mean that nothing has moved in between."""
    return Waiting(**db.rows(connection, _SQL["waiting"], {"account": account})[0])


def add(connection: Connection, account: str, count: int, since: datetime, until: datetime) -> None:
    """Count what came between two looks, before it is read: spread over the minutes between them."""
    given = {"account": account, "count": count, "since": since, "until": until}
    db.execute(connection, _SQL["add"], given)
