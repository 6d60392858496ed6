"""What a person does to our labels in the mailbox is their word: it is kept, never undone, and learned from.

The history of a mailbox also tells what we did ourselves. A move is a person's only when it contradicts what the
mailbox had confirmed to us before the walk through history began, and nothing of ours is on its way (`by_hand` in
store/labels.sql). In doubt it is nobody's, and the label stays as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.core.types import LabelMove
from triage.store import labels
from triage.store.labels import UNANSWERED


def follow(
    connection: Connection,
    account: str,
    moves: Sequence[LabelMove],
    *,
    ago: timedelta,
    still_there: Callable[[], Mapping[str, str]],
) -> list[int]:
    """Take in the label moves of a walk that began so long `ago`, in the transaction that stores its page.

    The conversations of the moved messages are locked by the caller, who refreshes those returned. `still_there`
    gives the labels there are (id to name); it is asked once, and only when a person seems to have taken labels
    off: that a label was deleted says nothing about the messages it was on.
    """
    known = labels.known(connection, account)
    keys = {row["native_id"]: row["key"] for row in known}
    ours = [(m.native_id, keys[m.label_id], m.added) for m in moves if m.label_id in keys]
    found = labels.by_hand(connection, account, ours, ago=ago) if ours else []
    if any(not row["added"] for row in found):
        there = still_there()
        lost = {row["key"] for row in known if row["native_id"] not in there}
        labels.miss(connection, account, sorted(lost))
    else:
        lost = set()
    words: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in found:
        if row["label"] not in lost:
            words[row["conversation_id"]].append(row)
    for conversation_id, said in sorted(words.items()):
        _heed(connection, f"{account} in Gmail", conversation_id, said)
    return sorted({row["conversation_id"] for row in found})


def _heed(connection: Connection, who: str, conversation_id: int, rows: Sequence[dict[str, Any]]) -> None:
    """Do what a person's moves in one conversation say."""
    _heed_topics(connection, who, conversation_id, [row for row in rows if row["label"] != UNANSWERED])
    asked = [row for row in rows if row["label"] == UNANSWERED]
    waits = False
    if off := [row["message_id"] for row in asked if not row["added"]]:
        labels.dismiss_by_label(connection, conversation_id, who=who, touched=off)
    if on := [row["message_id"] for row in asked if row["added"]]:
        waits = labels.reopen_by_label(connection, conversation_id, who=who, touched=on)

    def held(row: dict[str, Any]) -> bool:
        """`unanswered` on a conversation that waits is as we would have it: we take it off when it is answered."""
        return not (waits and row["label"] == UNANSWERED and row["added"])

    labels.note(connection, [(r["message_id"], r["label"], r["added"], held(r)) for r in rows])


def _heed_topics(
    connection: Connection, who: str, conversation_id: int, rows: Sequence[dict[str, Any]]
) -> None:
    if not rows:
        return
    labels.correct_topic(
        connection,
        conversation_id,
        who=who,
        touched=sorted({row["message_id"] for row in rows}),
        off=[(row["message_id"], row["label"]) for row in rows if not row["added"]],
        put=next((row["label"] for row in reversed(rows) if row["added"]), None),
    )
    latest = {row["label"]: row["added"] for row in rows}
    labels.hold_others(connection, [(conversation_id, label, not added) for label, added in latest.items()])
