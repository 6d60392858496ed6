"""Clusters of near copies: found by their bands, each as its first message alone, written a batch at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.store import db

_SQL = db.queries(__file__)

EACH = 8
"""Clusters of one band that are looked at, the newest first."""


def near(connection: Connection, bands: Sequence[int]) -> list[tuple[int, int]]:
    """Band and cluster of what is stored under these bands."""
    found = db.rows(connection, _SQL["near"], {"bands": list(bands), "each": EACH})
    return [(r["band"], r["cluster_id"]) for r in found]


def heads(connection: Connection, clusters: Sequence[int]) -> list[dict[str, Any]]:
    """`id`, `members`, `signature` and first `conversation_id` of those that can still be joined."""
    return db.rows(connection, _SQL["heads"], (list(clusters),))


def lock_conversations(connection: Connection, conversations: Sequence[int]) -> None:
    """Lock them, in the order every writer takes."""
    db.execute(connection, _SQL["lock_conversations"], (list(conversations),))


def loose(connection: Connection, messages: Sequence[int]) -> set[int]:
    """Those of the messages that are in no cluster still."""
    return {r["id"] for r in db.rows(connection, _SQL["loose"], (list(messages),))}


def lock(connection: Connection, clusters: Sequence[int], conversations: Sequence[int]) -> None:
    """Lock these clusters and those of the conversations, in one order; the conversations are locked."""
    db.execute(connection, _SQL["lock"], {"clusters": list(clusters), "conversations": list(conversations)})


def add(connection: Connection, new: Sequence[tuple[int, int, bytes]]) -> dict[int, int]:
    """Clusters from first message, number of members and signature; the cluster of each first message."""
    rows = db.rows(connection, _SQL["add"], tuple(map(list, zip(*new, strict=True)))) if new else []
    return {r["message_id"]: r["id"] for r in rows}


def add_bands(connection: Connection, pairs: Sequence[tuple[int, int]]) -> None:
    """Bands and their clusters."""
    _pairwise(connection, "add_bands", pairs)


def grow(connection: Connection, more: Mapping[int, int]) -> None:
    """So many members came to each cluster."""
    _pairwise(connection, "grow", list(more.items()))


def join(connection: Connection, pairs: Sequence[tuple[int, int]]) -> None:
    """Messages and the cluster each is in."""
    _pairwise(connection, "join", pairs)


def forget(connection: Connection, after: timedelta, *, limit: int) -> list[dict[str, Any]]:
    """Close clusters that began so long ago: `id`, `signature` and `account` of those whose bands are to go."""
    return db.rows(connection, _SQL["forget"], {"after": after, "limit": limit})


def remove_bands(connection: Connection, pairs: Sequence[tuple[int, int]]) -> None:
    """Bands and their clusters."""
    _pairwise(connection, "remove_bands", pairs)


def _pairwise(connection: Connection, name: str, pairs: Sequence[tuple[int, int]]) -> None:
    if pairs:
        first, second = zip(*pairs, strict=True)
        db.execute(connection, _SQL[name], (list(first), list(second)))
