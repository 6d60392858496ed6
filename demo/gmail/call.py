"""What a method's handler is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from demo.gmail.errors import invalid, not_found
from demo.gmail.mailbox import MESSAGE_ID, Mailbox, Stored

Deliver = Callable[[str, bytes], list[Stored]]


@dataclass(kw_only=True)
class Call:
    """One request, already authorised, paid for and checked against the contract."""

    box: Mailbox
    path: dict[str, str]
    params: dict[str, Any]
    body: dict[str, Any]
    scopes: frozenset[str]
    deliver: Deliver
    topics: frozenset[str] = frozenset()
    """Pub/Sub topics that Gmail may publish to."""

    quirks: set[str] = field(default_factory=set)

    def message(self) -> Stored:
        """The message that the path names."""
        found = self.box.message(well_formed(self.path["id"]))
        if found is None or "gone" in self.quirks:
            raise not_found()
        return found

    def thread(self) -> list[Stored]:
        """The thread that the path names."""
        found = self.box.thread(well_formed(self.path["id"]))
        if not found or "gone" in self.quirks:
            raise not_found()
        return found

    def label_change(self) -> tuple[list[str], list[str]]:
        """The labels that the body adds and removes."""
        plus, minus = self.body.get("addLabelIds") or [], self.body.get("removeLabelIds") or []
        self.box.labels.check_change(plus, minus)
        return plus, minus


def well_formed(message_id: str) -> str:
    """A message or thread id that looks like one."""
    if MESSAGE_ID.fullmatch(message_id) is None:
        raise invalid("Invalid id value")
    return message_id
