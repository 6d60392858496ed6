"""Fan-outs: one approved text, many recipients."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from triage.core.fanout import Candidate, Recipient, Text
from triage.store import db, queue
from triage.store.queue import Refused

_SQL = db.queries(__file__)


def make(
    connection: Connection, *, texts: Mapping[str, Text], by: str, incident: int | None = None,
    cluster: int | None = None, topic: str | None = None, since: datetime | None = None,
) -> int:  # fmt: skip
    """A new draft; its id. Either a cluster, or a topic since a moment."""
    written = json.dumps({lang: asdict(text) for lang, text in texts.items()})
    chosen = {"incident": incident, "cluster": cluster, "topic": topic, "since": since}
    return int(db.rows(connection, _SQL["make"], {**chosen, "texts": written, "by": by})[0]["id"])


def incident(connection: Connection, number: int) -> dict[str, Any] | None:
    """`topic` and `onset` of an incident; None: there is none."""
    found = db.rows(connection, _SQL["incident"], (number,))
    return found[0] if found else None


def candidates(connection: Connection, fanout: int, *, one: int | None = None) -> list[Candidate]:
    """Everybody who waits in its cluster or on its topic, in the queue's order; or `one` conversation as it stands."""
    rows = db.rows(connection, _SQL["candidates"], {"fanout": fanout, "one": one})
    return [
        Candidate(**{**row, "intents": frozenset(row["intents"]), "topics": frozenset(row["topics"])})
        for row in rows
    ]


def add(connection: Connection, fanout: int, recipients: Sequence[Recipient]) -> None:
    """Write the list down."""
    db.values(
        connection,
        _SQL["add"],
        [(fanout, r.conversation_id, r.person, r.lang, r.text, r.excluded) for r in recipients],
    )


def approve(connection: Connection, fanout: int, *, by: str) -> bool:
    """Let it be sent; False: it is no draft."""
    return db.execute(connection, _SQL["approve"], {"id": fanout, "by": by}) == 1


def stop(connection: Connection, fanout: int) -> bool:
    """Send no more of it; False: there is nothing to stop."""
    return db.execute(connection, _SQL["stop"], {"id": fanout}) == 1


def finish(connection: Connection, fanout: int) -> bool:
    """Done when nobody of it is under way or to come."""
    return db.execute(connection, _SQL["finish"], {"id": fanout}) == 1


def approved(connection: Connection) -> list[tuple[int, dict[str, Text], str]]:
    """Those being sent: id, texts, who approved."""
    return [
        (row["id"], {lang: Text(**text) for lang, text in row["texts"].items()}, row["approved_by"])
        for row in db.rows(connection, _SQL["approved"])
    ]


def under_way(connection: Connection, fanout: int) -> int:
    """How many of its replies wait in the outbox."""
    return int(db.rows(connection, _SQL["under_way"], {"id": fanout})[0]["under_way"])


def following(connection: Connection, fanout: int, *, after: int) -> int | None:
    """The next conversation to come, locked for this transaction."""
    found = db.rows(connection, _SQL["next"], {"id": fanout, "after": after})
    return int(found[0]["conversation_id"]) if found else None


def reply(connection: Connection, fanout: int, conversation: int, *, by: str) -> int:
    """Put the reply into the outbox by a key of its own; Refused when the responders' rules say no."""
    queue.act_for(connection, by)
    key = f"fanout-{fanout}-{conversation}"
    try:
        found = db.rows(
            connection, _SQL["reply"], {"fanout": fanout, "conversation": conversation, "key": key}
        )
    except psycopg2.Error as error:
        if (error.pgcode or "").startswith("TR"):
            raise Refused(str(error.diag.message_primary), code=error.pgcode or "") from None
        raise
    db.execute(
        connection,
        _SQL["replied"],
        {"fanout": fanout, "conversation": conversation, "reply": found[0]["id"]},
    )
    return int(found[0]["id"])


def exclude(connection: Connection, fanout: int, conversation: int, reason: str) -> None:
    """Leave one to a human."""
    db.execute(
        connection, _SQL["exclude"], {"fanout": fanout, "conversation": conversation, "reason": reason}
    )


def withdraw(connection: Connection, fanout: int, *, by: str) -> int:
    """Take back what waits in the outbox; how many that was."""
    db.rows(connection, _SQL["lock_wanted"], {"id": fanout})
    return len(db.rows(connection, _SQL["withdraw"], {"id": fanout, "by": by}))


def listed(connection: Connection, fanout: int | None = None) -> list[dict[str, Any]]:
    """Every fan-out with its counts, or one."""
    return db.rows(connection, _SQL["listed"], {"id": fanout})


def recipients(connection: Connection, fanout: int) -> list[dict[str, Any]]:
    """Everybody of it with `status` and `why`."""
    return db.rows(connection, _SQL["recipients"], {"id": fanout})
