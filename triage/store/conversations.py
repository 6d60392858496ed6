"""Conversations: bringing them up to date, their decisions, and the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from triage.core.types import Classification, Ledger
from triage.store import db

_SQL = db.queries(__file__)


def refresh(connection: Connection, conversation_ids: Sequence[int]) -> None:
    """Bring state, queue row and wanted labels up to date with the messages stored."""
    if conversation_ids:
        db.execute(connection, _SQL["refresh"], (sorted(set(conversation_ids)),))


def undecided(connection: Connection, *, limit: int) -> list[dict[str, Any]]:
    """Inbound messages that no decision covers yet, oldest first. Two runs at once do the same work twice."""
    return db.rows(connection, _SQL["undecided"], (limit,))


def lock(connection: Connection, message_ids: Sequence[int]) -> None:
    """Lock the conversations of these messages, in the order every writer takes: before writing about them."""
    db.execute(connection, _SQL["lock"], (list(message_ids),))


def decide(
    connection: Connection,
    decisions: Sequence[tuple[int, Classification]],
    mixed: Mapping[int, int] | None = None,
) -> list[int]:
    """Append one run's decisions, put them in force where no human decided; the conversations touched.

    `mixed`: the mix that weighed each message.
    All of them carry the same model and taxonomy: a decision made before under both is put in force again.
    """
    if not decisions:
        return []
    lock(connection, [mid for mid, _ in decisions])
    db.values(
        connection,
        _SQL["append_decisions"],
        [(mid, *_row(c), (mixed or {}).get(mid)) for mid, c in decisions],
    )
    first = decisions[0][1]
    run = {"ids": [mid for mid, _ in decisions], "model": first.model, "taxonomy": first.taxonomy}
    return sorted({r["conversation_id"] for r in db.rows(connection, _SQL["put_in_force"], run)})


def _row(c: Classification) -> tuple[Any, ...]:
    topics = [{"topic": t.topic, "score": t.score} for t in c.topics]
    evidence = [
        {k: v for k, v in (("start", e.start), ("end", e.end), ("text", e.text), ("weight", e.weight), ("rule", e.rule))
         if v is not None}
        for e in c.evidence
    ]  # fmt: skip
    return (
        c.topic, Json(topics), c.intent.value, c.abstained, Json(evidence), c.decided_by.value, c.stage, c.lang,
        c.model, c.taxonomy,
    )  # fmt: skip


def forget_decisions(connection: Connection, *, since: datetime, account: str | None) -> int:
    """Mark messages since then as unread by the classifier, so that the next run decides anew; humans stay."""
    found = db.rows(connection, _SQL["machine_decided_since"], {"since": since, "account": account})
    return _forget(connection, [r["id"] for r in found])


def outdated(connection: Connection, *, model: str, taxonomy: str) -> int:
    """Mark waiting messages that another model decided, or other rules, as unread: what was learnt applies now."""
    found = db.rows(connection, _SQL["machine_decided_otherwise"], (model, taxonomy))
    return _forget(connection, [r["id"] for r in found])


def note_opinions(connection: Connection, judge: str, answers: Sequence[dict[str, Any]]) -> None:
    """Write to the audit log what a judge was asked: `conversation_id` and `detail` of each."""
    rows = [(a["conversation_id"], "second_opinion", judge, Json(a["detail"])) for a in answers]
    db.values(connection, _SQL["note_opinions"], rows)


def _forget(connection: Connection, message_ids: Sequence[int]) -> int:
    lock(connection, message_ids)
    return db.execute(connection, _SQL["forget"], (list(message_ids),))


def ledger(connection: Connection) -> Ledger:
    """The promise, counted from the messages themselves on one side and from what we keep on the other."""
    return Ledger(**db.rows(connection, _SQL["ledger"])[0])


def stalled(connection: Connection, *, accounts: Sequence[str], after_seconds: float) -> list[dict[str, Any]]:
    """Those of the accounts whose cursor has not moved for so long (`account`, `updated_at`: None before the first)."""
    return db.rows(connection, _SQL["stalled"], {"accounts": list(accounts), "seconds": after_seconds})


def unbalanced(connection: Connection, *, limit: int = 20) -> list[dict[str, Any]]:
    """Conversations whose kept state differs from what their messages say: what the ledger alarm names."""
    return db.rows(connection, _SQL["unbalanced"], (limit,))


def waiting_ids(connection: Connection) -> list[int]:
    """The conversations in the queue."""
    return [r["id"] for r in db.rows(connection, _SQL["waiting_ids"])]


def all_ids(connection: Connection) -> list[int]:
    """Every conversation id, for a full refresh."""
    return [r["id"] for r in db.rows(connection, _SQL["all_ids"])]
