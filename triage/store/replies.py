"""The outbox of replies: what responders want sent, what went out, and what nobody knows of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.core.types import Sent
from triage.store import db, queue

_SQL = db.queries(__file__)


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """The newest reply that could be sent now, and how many could, those included that are to be looked for."""

    newest: int | None
    count: int

    def __bool__(self) -> bool:
        return self.count > 0


def lock_account(connection: Connection, account: str) -> bool:
    """Hold the account's outbox for this session; False: another run is sending from it."""
    return bool(db.rows(connection, _SQL["lock_account"], (account,))[0]["locked"])


def unlock_account(connection: Connection, account: str) -> None:
    """Let the next run have the account's outbox."""
    connection.rollback()
    db.execute(connection, _SQL["unlock_account"], (account,))
    connection.commit()


def following(connection: Connection, account: str) -> dict[str, Any] | None:
    """The reply whose turn it is: those written one by one first, then in the order they were wanted."""
    found = db.rows(connection, _SQL["next"], (account,))
    return found[0] if found else None


def in_doubt(connection: Connection, account: str) -> list[dict[str, Any]]:
    """What a run handed over without noting what became of it, with its `age`."""
    return db.rows(connection, _SQL["in_doubt"], (account,))


def start(connection: Connection, reply_id: int, *, charged: int) -> str | None:
    """`sending`: it is ours to hand over; `withdrawn`: what it answers waits no more; None: it is not there to send."""
    state = db.rows(connection, _SQL["start"], (reply_id, charged))[0]["state"]
    return str(state) if state else None


def sent(connection: Connection, reply_id: int, made: Sent) -> None:
    """It went out: what waits in its conversation is answered."""
    db.execute(connection, _SQL["sent"], (reply_id, made.native_id, made.url))


def failed(connection: Connection, reply_id: int, *, state: str, why: str) -> None:
    """It did not go out (`wanted` again, `refused`), or nobody knows (`sending`: not yet, `unknown`)."""
    db.execute(connection, _SQL["failed"], (reply_id, state, why))


def rest(connection: Connection, account: str, *, patience: timedelta, why: str) -> None:
    """Nothing is sent from the account for so long, for a reason that whoever wrote is shown."""
    db.execute(connection, _SQL["rest"], {"account": account, "patience": patience, "why": why})


def waiting(connection: Connection, account: str) -> Waiting:
    """What could be sent now."""
    return Waiting(**db.rows(connection, _SQL["waiting"], {"account": account})[0])


def left_lying(connection: Connection, after: timedelta) -> list[dict[str, Any]]:
    """Accounts with replies that nobody has touched for so long, though they could go out: `count`, `since`."""
    return db.rows(connection, _SQL["left_lying"], {"after": after})


def write(connection: Connection, conversation_id: int, *, by: str, text: str, key: str | None = None) -> int:
    """Want a reply; its id. The same key is the same reply. Raises Refused."""
    return int(_call(connection, by, "write", conversation_id, text, key)[0]["id"])


def withdraw(connection: Connection, reply_id: int, *, by: str) -> None:
    """Take a reply back that has not gone out, or give an unknown one up. Raises Refused."""
    _call(connection, by, "withdraw", reply_id)


def resend(connection: Connection, reply_id: int, *, by: str) -> None:
    """Want a refused or unknown reply again. Raises Refused."""
    _call(connection, by, "resend", reply_id)


def about(connection: Connection, conversation_id: int) -> list[dict[str, Any]]:
    """The replies written here in a conversation, oldest first, as the login may see them."""
    return db.rows(connection, _SQL["about"], (conversation_id,))


def _call(connection: Connection, by: str, name: str, *arguments: Any) -> list[dict[str, Any]]:
    return queue.call(connection, _SQL[name], arguments, by=by)
