"""What a page of Gmail history means, and where a mailbox stands between two pulls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

HIDDEN = frozenset({"SPAM", "TRASH"})
UNREAD_KINDS = frozenset({"DRAFT", "CHAT"})
"""Labels of items that are no mail anybody sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """The cursor's value. Mode `list` walks a time window, mode `history` follows changes.

    `history_id` is where history goes on once everything before it is read, `upto` where it will go on after
    the pages still to come; `taken_at` is when `history_id` was current (epoch seconds). `pending` are ids
    found and not read yet, `tries` how often reading one failed. `after` bounds the window of mode `list`.
    """

    mode: str = "list"
    history_id: str = ""
    taken_at: int = 0
    after: int = 0
    page: str = ""
    upto: str = ""
    upto_at: int = 0
    pending: tuple[str, ...] = ()
    tries: Mapping[str, int] = field(default_factory=dict)
    listed: bool = False
    reset: bool = False

    @staticmethod
    def of(value: Mapping[str, Any]) -> Position:
        """From a cursor's JSON."""
        return Position(**dict(value) | {"pending": tuple(value.get("pending", ()))})

    def as_value(self) -> dict[str, Any]:
        """As a cursor's JSON; what is empty is left out."""
        pairs = {name: getattr(self, name) for name in self.__slots__}
        return {
            name: list(v) if isinstance(v, tuple) else v for name, v in pairs.items() if v or name == "mode"
        }


@dataclass(kw_only=True, slots=True)
class Changes:
    """The sum of some history records, in order: what to read, what is gone, what came back."""

    read: dict[str, None] = field(default_factory=dict)
    deleted: dict[str, None] = field(default_factory=dict)
    restored: dict[str, None] = field(default_factory=dict)

    def fold(self, records: Iterable[Mapping[str, Any]]) -> Changes:
        """Take records in; the later word on a message wins."""
        for record in records:
            for item in record.get("messagesAdded", ()):
                if not _labels(item) & (HIDDEN | UNREAD_KINDS):
                    self.read[_id(item)] = None
            for item in record.get("labelsAdded", ()):
                if HIDDEN & set(item.get("labelIds", ())):
                    self._gone(_id(item))
            for item in record.get("labelsRemoved", ()):
                if HIDDEN & set(item.get("labelIds", ())) and not _labels(item) & (HIDDEN | UNREAD_KINDS):
                    self._back(_id(item))
            for item in record.get("messagesDeleted", ()):
                self._gone(_id(item))
        return self

    def _gone(self, native_id: str) -> None:
        self.read.pop(native_id, None)
        self.restored.pop(native_id, None)
        self.deleted[native_id] = None

    def _back(self, native_id: str) -> None:
        self.deleted.pop(native_id, None)
        self.restored[native_id] = self.read[native_id] = None


def _id(item: Mapping[str, Any]) -> str:
    return str(item["message"]["id"])


def _labels(item: Mapping[str, Any]) -> set[str]:
    return set(item["message"].get("labelIds", ()))
