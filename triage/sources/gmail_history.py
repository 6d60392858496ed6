"""What a page of Gmail history means, and where a mailbox stands between two pulls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from triage.core.types import LabelMove

HIDDEN = frozenset({"SPAM", "TRASH"})
UNREAD_KINDS = frozenset({"DRAFT", "CHAT"})
"""Labels of items that are no mail anybody sent."""

SENT = "SENT"

USER_LABEL = "Label_"
"""How the ids of labels that people (and we) make begin; all others are Gmail's own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """The cursor's value. Mode `list` walks a time window, mode `history` follows changes.

    `history_id` is where history goes on once everything before it is read, `upto` where it will go on after
    the pages still to come; `taken_at` and `upto_at` are when these were current (epoch seconds). `pending` are
    ids found and not read yet, `tries` how often reading one failed. `after` bounds the window of mode `list`.
    While a walk goes on: `first` is how many of `pending` were put before the others, `grave` how many of those because
    somebody waits urgently (the others are a sample), `urgent` what the one search for urgent mail found (`searched`),
    `moves` the label moves so far, told with the last page. `senders` are the mailbox's own send-as addresses, as of
    `senders_at`.
    """

    mode: str = "list"
    history_id: str = ""
    taken_at: float = 0
    after: int = 0
    page: str = ""
    upto: str = ""
    upto_at: float = 0
    pending: tuple[str, ...] = ()
    tries: Mapping[str, int] = field(default_factory=dict)
    reset: bool = False
    grave: int = 0
    first: int = 0
    urgent: tuple[str, ...] = ()
    searched: bool = False
    moves: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    senders_at: float = 0

    @staticmethod
    def of(value: Mapping[str, Any]) -> Position:
        """From a cursor's JSON; what another release wrote beside it is passed over."""
        names = {f.name for f in fields(Position)}
        known: dict[str, Any] = {
            name: tuple(item) if isinstance(item, list) else item
            for name, item in value.items()
            if name in names
        }
        return Position(**known)

    def as_value(self) -> dict[str, Any]:
        """As a cursor's JSON; what is empty is left out."""
        pairs = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            name: list(v) if isinstance(v, tuple) else v for name, v in pairs.items() if v or name == "mode"
        }


@dataclass(kw_only=True, slots=True)
class Changes:
    """The sum of some history records, in order: what to read, what is gone, what came back, labels that moved."""

    read: dict[str, str] = field(default_factory=dict)
    """Native id to thread id."""

    came: set[str] = field(default_factory=set)
    """New ones that nobody sent from this mailbox."""

    deleted: dict[str, None] = field(default_factory=dict)
    restored: dict[str, None] = field(default_factory=dict)
    moves: dict[tuple[str, str], bool] = field(default_factory=dict)
    """(native id, label id) to whether it was added; the last word stands last."""

    def fold(self, records: Iterable[Mapping[str, Any]]) -> Changes:
        """Take records in; the later word on a message wins."""
        for record in records:
            for item in record.get("messagesAdded", ()):
                if not _labels(item) & (HIDDEN | UNREAD_KINDS):
                    self.read[_id(item)] = _thread(item)
                    self.came |= {_id(item)} if SENT not in _labels(item) else set()
            for item in record.get("labelsAdded", ()):
                self._moved(item, added=True)
                if HIDDEN & set(item.get("labelIds", ())):
                    self._gone(_id(item))
            for item in record.get("labelsRemoved", ()):
                self._moved(item, added=False)
                if HIDDEN & set(item.get("labelIds", ())) and not _labels(item) & (HIDDEN | UNREAD_KINDS):
                    self._back(_id(item), _thread(item))
            for item in record.get("messagesDeleted", ()):
                self._gone(_id(item))
        return self

    def _moved(self, item: Mapping[str, Any], *, added: bool) -> None:
        for label_id in item.get("labelIds", ()):
            if str(label_id).startswith(USER_LABEL):
                key = _id(item), str(label_id)
                self.moves.pop(key, None)
                self.moves[key] = added

    def _gone(self, native_id: str) -> None:
        self.read.pop(native_id, None)
        self.restored.pop(native_id, None)
        self.deleted[native_id] = None

    def _back(self, native_id: str, thread_id: str) -> None:
        self.deleted.pop(native_id, None)
        self.restored[native_id] = None
        self.read[native_id] = thread_id


def pack(moves: Mapping[tuple[str, str], bool]) -> tuple[str, ...]:
    """Label moves as a cursor keeps them, in order: `+<native id> <label id>`."""
    return tuple(f"{'+' if added else '-'}{i} {label_id}" for (i, label_id), added in moves.items())


def unpack(packed: Iterable[str]) -> dict[tuple[str, str], bool]:
    """The reverse of `pack`."""
    split = ((word[1:].partition(" "), word[0] == "+") for word in packed)
    return {(native_id, label_id): added for (native_id, _, label_id), added in split}


def told(packed: Iterable[str]) -> tuple[LabelMove, ...]:
    """Packed moves as a page tells them."""
    return tuple(
        LabelMove(native_id=i, label_id=label_id, added=added)
        for (i, label_id), added in unpack(packed).items()
    )


def _id(item: Mapping[str, Any]) -> str:
    return str(item["message"]["id"])


def _thread(item: Mapping[str, Any]) -> str:
    return str(item["message"].get("threadId", ""))


def _labels(item: Mapping[str, Any]) -> set[str]:
    return set(item["message"].get("labelIds", ()))
