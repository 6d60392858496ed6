"""Storm control, a batch at a time: near copies into clusters, floods from one sender held.

Both are written in the transaction that decides the batch, so that the queue row carries them from the first moment.
Locks, here as everywhere: floods, conversations, clusters, rows of the queue.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.classify import near
from triage.config_storm import Flood
from triage.store import clusters, db, floods

UNDER_ONE_BAND = 16
"""Clusters of one band that a message meets at most."""

COMPARED = 12
"""Clusters that one message is compared with at most: those that share most bands with it."""

FORGOTTEN_AT_ONCE = 1000
"""Twice what one batch can begin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A message of the batch that may be a copy, and its signature."""

    id: int
    conversation: int
    sketch: near.Sketch
    bands: list[int]


@dataclass(kw_only=True, slots=True)
class Head:
    """A cluster as its first message, and the messages of the batch that join it."""

    sketch: near.Sketch
    bands: list[int]
    conversation: int
    members: int
    joined: list[int] = field(default_factory=list)


def drafts(rows: Iterable[dict[str, Any]]) -> list[Draft]:
    """The signatures of a batch, as `conversations.undecided` gives it; asks nothing of the database."""
    return [
        Draft(id=row["id"], conversation=row["conversation_id"], sketch=sketch,
              bands=near.bands(sketch, row["account"]))
        for row in rows
        if row["may_copy"] and (sketch := near.sketch(row["text"]))
    ]  # fmt: skip


def place(
    connection: Connection, rows: Sequence[dict[str, Any]], ready: Sequence[Draft], *, flood: Flood | None
) -> set[int]:
    """Give the batch's messages their clusters, and note floods; the conversations to refresh for it.

    To be called in the transaction that decides the batch, before anything else in it.
    """
    ids = [row["id"] for row in rows]
    touched = {int(row["conversation_id"]) for row in rows}
    if flood:
        floods.lock(connection, ids)
        touched.update(
            floods.spot(connection, ids, messages=flood.messages, within=flood.within, never=flood.never)
        )
    stored, begun = _match(connection, ready)
    joined = {cluster: head for cluster, head in stored.items() if head.joined}
    # With its first copy a text becomes a cluster: the row that stood alone so far shows it too.
    touched.update(head.conversation for head in joined.values() if head.members == 1)
    clusters.lock_conversations(connection, sorted(touched))
    clusters.lock(connection, sorted(joined), sorted(touched))
    _write(connection, joined, begun, clusters.loose(connection, ids))
    return touched


def _match(connection: Connection, ready: Sequence[Draft]) -> tuple[dict[int, Head], dict[int, Head]]:
    """Every message joins what it is most like, or begins a cluster: stored ones by id, new ones by first message."""
    found = clusters.near(connection, sorted({band for draft in ready for band in draft.bands}))
    stored = {
        row["id"]: Head(sketch=near.Sketch.load(bytes(row["signature"])), bands=[], members=row["members"],
                        conversation=row["conversation_id"])
        for row in clusters.heads(connection, sorted({cluster for _, cluster in found}))
    }  # fmt: skip
    begun: dict[int, Head] = {}
    under: dict[int, list[Head]] = defaultdict(list)
    for band, cluster in found:
        if cluster in stored:
            under[band].append(stored[cluster])
    for draft in ready:
        if head := _most_like(draft, under):
            head.joined.append(draft.id)
            continue
        head = Head(sketch=draft.sketch, bands=draft.bands, members=1, conversation=draft.conversation)
        begun[draft.id] = head
        for band in draft.bands:
            if len(under[band]) < UNDER_ONE_BAND:
                under[band].append(head)
    return stored, begun


def _most_like(draft: Draft, under: Mapping[int, list[Head]]) -> Head | None:
    met = {id(head): head for band in draft.bands for head in under.get(band, ())}
    shared = Counter(id(head) for band in draft.bands for head in under.get(band, ()))
    compared = [met[key] for key, _ in shared.most_common(COMPARED)]
    best = max(compared, key=lambda head: near.likeness(draft.sketch, head.sketch), default=None)
    return best if best and near.likeness(draft.sketch, best.sketch) else None


def _write(
    connection: Connection, joined: Mapping[int, Head], begun: Mapping[int, Head], loose: set[int]
) -> None:
    """Clusters, bands and members; what another run placed meanwhile stays where it is."""
    new = {message: head for message, head in begun.items() if message in loose}
    more = {cluster: [m for m in head.joined if m in loose] for cluster, head in joined.items()}
    with_first = {first: [first, *(m for m in head.joined if m in loose)] for first, head in new.items()}
    ids = clusters.add(
        connection, [(first, len(with_first[first]), head.sketch.dump()) for first, head in new.items()]
    )
    clusters.add_bands(connection, [(band, ids[first]) for first, head in new.items() for band in head.bands])
    clusters.grow(connection, {cluster: len(messages) for cluster, messages in more.items()})
    members = more | {ids[first]: messages for first, messages in with_first.items()}
    clusters.join(
        connection, [(message, cluster) for cluster, messages in members.items() for message in messages]
    )


def forget(connection: Connection, after: timedelta) -> int:
    """Close clusters that began so long ago, some at a time, and drop their bands; how many."""
    with db.transaction(connection):
        old = clusters.forget(connection, after, limit=FORGOTTEN_AT_ONCE)
        clusters.remove_bands(
            connection,
            [(band, row["id"]) for row in old
             for band in near.bands(near.Sketch.load(bytes(row["signature"])), row["account"])],
        )  # fmt: skip
    return len(old)
