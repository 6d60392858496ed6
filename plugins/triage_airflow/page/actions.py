"""The verbs of the page: each conversation in a transaction of its own, so that one refusal stops no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from triage.ops import queue
from triage_airflow.page.view import AGES, now

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

MOST = 500
"""Conversations in one request."""

PLAIN: dict[str, Callable[..., None]] = {"claim": queue.take, "release": queue.release, "renew": queue.renew}
WORDED: dict[str, tuple[Callable[..., None], str]] = {
    "answer": (queue.answer, "where"),
    "dismiss": (queue.dismiss, "reason"),
    "relabel": (queue.relabel, "topic"),
    "note": (queue.note, "text"),
}
VERBS = (*PLAIN, *WORDED, "snooze")


def act(
    connection: Connection, verb: str, ids: list[int], *, by: str, word: str
) -> tuple[list[int], list[tuple[int, queue.Refused]]]:
    """Do it to each; what was done, and what was refused and why. Raises KeyError for a verb there is none of."""
    do = _deed(verb, word)
    done: list[int] = []
    refused: list[tuple[int, queue.Refused]] = []
    for conversation_id in ids[:MOST]:
        try:
            do(connection, conversation_id, by=by)
        except queue.Refused as error:
            refused.append((conversation_id, error))
        else:
            done.append(conversation_id)
    return done, refused


def _deed(verb: str, word: str) -> Callable[..., None]:
    word = word.replace("\x00", "").strip()[:2000]
    if verb in PLAIN:
        return PLAIN[verb]
    if verb == "snooze":
        if word not in AGES:
            raise KeyError(word)
        until = now() + timedelta(hours=int(word))
        return lambda connection, one, *, by: queue.snooze(connection, one, by=by, until=until)
    deed, name = WORDED[verb]
    return lambda connection, one, *, by: deed(connection, one, by=by, **{name: word})
