"""The label outbox: what the mailboxes should show, and what they confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.store import conversations, db

_SQL = db.queries(__file__)

UNANSWERED = "unanswered"
"""The key of the label that says that somebody waits; all other keys are topics."""


def lock_account(connection: Connection, account: str) -> bool:
    """Hold the account's labels for this session; False: another run is sending them."""
    return bool(db.rows(connection, _SQL["lock_account"], (account,))[0]["locked"])


def unlock_account(connection: Connection, account: str) -> None:
    """Let the next run have the account's labels."""
    connection.rollback()
    db.execute(connection, _SQL["unlock_account"], (account,))
    connection.commit()


def pending(connection: Connection, account: str, *, limit: int, patience: timedelta) -> list[dict[str, Any]]:
    """Label changes to send: `message_id`, `native_id`, `label`, `wanted`, `may_wait`.

    A change may wait when it is younger than `patience` and the account is behind with reading.
    """
    return db.rows(connection, _SQL["pending"], {"account": account, "limit": limit, "patience": patience})


def start(connection: Connection, changes: Sequence[tuple[int, str, bool]]) -> list[dict[str, Any]]:
    """Note that (message_id, label, wanted) are on their way: those still pending, as `pending` gives them.

    `first` says that nothing was on its way for the row before. Lock the conversations first.
    """
    return db.values(connection, _SQL["start"], list(changes))


def not_sent(connection: Connection, changes: Sequence[tuple[int, str]]) -> None:
    """Note that nothing is on its way for (message_id, label) after all."""
    db.values(connection, _SQL["not_sent"], list(changes))


def send_again(connection: Connection, account: str) -> None:
    """Make what a run that died may have sent, and that is not wanted any more, pending in its present direction."""
    lost = [r["message_id"] for r in db.rows(connection, _SQL["lost_sends"], (account,))]
    if lost:
        conversations.lock(connection, lost)
        db.execute(connection, _SQL["send_again"], (account,))


def settle(connection: Connection, changes: Sequence[tuple[int, str, bool]]) -> None:
    """Note (message_id, label, applied) as the mailbox confirmed them."""
    db.values(connection, _SQL["settle"], list(changes))


def mark_gone(connection: Connection, message_ids: Sequence[int]) -> None:
    """These messages are no longer in the mailbox: nothing more to send."""
    db.execute(connection, _SQL["mark_gone"], (list(message_ids),))


def mark_back(connection: Connection, account: str, native_ids: Sequence[str]) -> None:
    """These messages are in the mailbox again: what is wanted of their labels is sent."""
    if native_ids:
        db.execute(connection, _SQL["mark_back"], (account, account, list(native_ids)))


def note_errors(connection: Connection, errors: Sequence[tuple[int, str]]) -> None:
    """Keep the mailbox's refusal beside the pending rows of (message_id, error)."""
    db.values(connection, _SQL["note_errors"], list(errors))


def known(connection: Connection, account: str) -> list[dict[str, Any]]:
    """The account's labels: `key`, `native_id`, `name` as we gave it last, `unseen` for a day."""
    return db.rows(connection, _SQL["known"], (account,))


def remember(connection: Connection, account: str, found: Sequence[tuple[str, str, str]]) -> None:
    """Keep (key, native_id, name) of labels."""
    db.values(connection, _SQL["remember"], [(account, *label) for label in found])


def saw(connection: Connection, account: str) -> None:
    """Note that the mailbox has all the labels we know."""
    db.execute(connection, _SQL["saw"], (account,))


def miss(connection: Connection, account: str, keys: Sequence[str]) -> None:
    """The mailbox does not seem to have these labels: the next label run looks after them first."""
    if keys:
        db.execute(connection, _SQL["miss"], (account, list(keys)))


def lose(connection: Connection, account: str, keys: Sequence[str]) -> None:
    """These labels are not in the mailbox any more: their ids are forgotten, and all that is wanted is set again."""
    if keys:
        carriers = db.rows(connection, _SQL["carriers"], (account, list(keys)))
        conversations.lock(connection, [r["message_id"] for r in carriers])
        db.execute(connection, _SQL["set_again"], (account, list(keys)))
        db.execute(connection, _SQL["forget"], (account, list(keys)))


def by_hand(
    connection: Connection, account: str, moves: Sequence[tuple[str, str, bool]], *, ago: timedelta
) -> list[dict[str, Any]]:
    """Those of (native_id, label, added), seen in a walk that began so long `ago`, that are a person's doing, in order.

    A move is a person's when it contradicts what the mailbox had confirmed before the walk began and nothing of
    ours is on its way. `message_id`, `conversation_id`, `label`, `added`.
    """
    columns = ([m[i] for m in moves] for i in range(3))
    given = dict(zip(("native_ids", "labels", "added"), columns, strict=True))
    return db.rows(connection, _SQL["by_hand"], {"account": account, "ago": ago, **given})


def note(connection: Connection, rows: Sequence[tuple[int, str, bool, bool]]) -> None:
    """Note (message_id, label, applied, held) as a person left them."""
    db.values(connection, _SQL["note"], list(rows))


def hold_others(connection: Connection, words: Sequence[tuple[int, str, bool]]) -> None:
    """(conversation_id, label, held): a topic label is held off the whole conversation, or is not any more."""
    db.values(connection, _SQL["hold_others"], list(words))


def correct_topic(
    connection: Connection,
    conversation_id: int,
    *,
    who: str,
    touched: Sequence[int],
    off: Sequence[tuple[int, str]],
    put: str | None,
) -> None:
    """A person took topic labels (message_id, label) off, or put one on: corrections, and a human decision."""
    ids, topics = [message_id for message_id, _ in off], [label for _, label in off]
    db.execute(connection, _SQL["correct_topic"], (conversation_id, who, list(touched), ids, topics, put))


def dismiss_by_label(
    connection: Connection, conversation_id: int, *, who: str, touched: Sequence[int]
) -> None:
    """A person took `unanswered` off: dismiss what waited up to the newest message touched."""
    db.execute(connection, _SQL["dismiss_by_label"], (conversation_id, who, list(touched)))


def reopen_by_label(
    connection: Connection, conversation_id: int, *, who: str, touched: Sequence[int]
) -> bool:
    """A person put `unanswered` back: undo such a dismissal; whether the conversation waits now."""
    found = db.rows(connection, _SQL["reopen_by_label"], (conversation_id, who, list(touched)))
    return bool(found[0]["waits"])


def sync_topics(connection: Connection, topics: Sequence[tuple[Any, ...]]) -> list[str]:
    """Write the taxonomy (key, label_en, label_fr, severity, target) where SQL can see it; the keys changed."""
    return [r["key"] for r in db.values(connection, _SQL["sync_topics"], list(topics))]


def applied_counts(connection: Connection, account: str) -> dict[str, int]:
    """How many messages carry each label, as the mailbox confirmed."""
    return {r["label"]: r["n"] for r in db.rows(connection, _SQL["applied_counts"], (account,))}
