"""A store for the contract of sources that ask which messages are stored: it knows what led to each cursor."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from triage.core.types import Cursor, Page
from triage.sources.base import Source

Known = Callable[[Sequence[str]], set[str]]


class Stored:
    """What a database would hold whenever a cursor is read from it: page and cursor are one transaction."""

    def __init__(self) -> None:
        self._held: dict[str, frozenset[str]] = {}

    def source(self, make: Callable[[Known], Source]) -> Source:
        """A new source, given `known` at each pull as the store has it at that cursor."""
        return _Remembering(self, make)

    def held(self, cursor: Cursor | None) -> frozenset[str]:
        """Native ids stored when this cursor is."""
        return self._held.get(_key(cursor), frozenset())

    def keep(self, cursor: Cursor, ids: frozenset[str]) -> None:
        """Page and cursor, stored together."""
        self._held[_key(cursor)] = self.held(cursor) | ids


class _Remembering:
    def __init__(self, store: Stored, make: Callable[[Known], Source]) -> None:
        self._store, self._make = store, make
        self.name = make(lambda ids: set()).name

    def whoami(self) -> str:
        return self._make(lambda ids: set()).whoami()

    def pull(self, cursor: Cursor | None, *, budget: int | None = None) -> Page:
        held = self._store.held(cursor)
        page = self._make(lambda ids: set(ids) & held).pull(cursor, budget=budget)
        self._store.keep(page.cursor, held | {m.key.native_id for m in page.messages})
        return page

    def resync(self, cursor: Cursor) -> Cursor:
        fresh = self._make(lambda ids: set()).resync(cursor)
        self._store.keep(fresh, self._store.held(cursor))
        return fresh


def _key(cursor: Cursor | None) -> str:
    return json.dumps(dict(cursor.value) if cursor else None, sort_keys=True)
