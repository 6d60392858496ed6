"""The labels of a mailbox: the system's own, and those that users make."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from demo.gmail.contract import gmail_contract
from demo.gmail.errors import GoogleError, invalid, not_found
from demo.gmail.store import Store

SYSTEM = (
    "CHAT", "SENT", "INBOX", "IMPORTANT", "TRASH", "DRAFT", "SPAM", "CATEGORY_FORUMS", "CATEGORY_UPDATES",
    "CATEGORY_PERSONAL", "CATEGORY_PROMOTIONS", "CATEGORY_SOCIAL", "STARRED", "UNREAD",
)  # fmt: skip
HIDDEN_SYSTEM = ("CHAT", "DRAFT", "IMPORTANT", "STARRED", "UNREAD")
FIXED = ("SENT", "DRAFT", "CHAT")
RESERVED = frozenset([
    "all mail", "archive", "bin", "chat", "chats", "draft", "drafts", "important", "inbox", "junk",
    "migrated", "muted", "scheduled", "sent", "sent mail", "snoozed", "spam", "starred", "trash", "unread",
    "category_forums", "category_updates", "category_personal", "category_promotions", "category_social",
])  # fmt: skip
LONGEST_NAME = 225
MOST_CHANGES = 100
DEFAULTS = {"messageListVisibility": "show", "labelListVisibility": "labelShow"}


class Labels:
    """The labels of one mailbox."""

    def __init__(self, store: Store, address: str) -> None:
        self.store = store
        self.address = address

    def _rows(self) -> list[sqlite3.Row]:
        return self.store.rows("SELECT * FROM label WHERE mailbox = ? ORDER BY rowid", self.address)

    def names(self) -> dict[str, str]:
        """Names by id; a system label's name is its id."""
        return {name: name for name in SYSTEM} | {row["id"]: row["name"] for row in self._rows()}

    def user_names(self) -> list[str]:
        """The names of the labels that users made."""
        return [row["name"] for row in self._rows()]

    def all(self) -> list[dict[str, Any]]:
        """Every label, without counts."""
        return [self._system(name) for name in SYSTEM] + [self._user(row) for row in self._rows()]

    def get(self, label: str) -> dict[str, Any]:
        """One label with its counts."""
        shown = self._system(label) if label in SYSTEM else self._user(self._row(label))
        return shown | self._counts(label)

    def find(self, name: str) -> str | None:
        """The id of a label given by name, or by id."""
        if name.upper() in SYSTEM:
            return name.upper()
        for row in self._rows():
            if row["id"] == name or row["name"].casefold() == name.casefold():
                return str(row["id"])
        return None

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Make a label; the answer has neither counts nor type."""
        label = DEFAULTS | body
        self._check_name(label.get("name"), None)
        background, foreground = _colour(label.get("color"))
        number = self._next_number()
        sql = "INSERT INTO label VALUES (?, ?, ?, ?, ?, ?, ?)"
        looks = (label["messageListVisibility"], label["labelListVisibility"], background, foreground)
        self.store.run(sql, self.address, f"Label_{number}", label["name"], *looks)
        return self._answer(f"Label_{number}")

    def change(self, label: str, body: dict[str, Any]) -> dict[str, Any]:
        """Rename, recolour or hide a user label; only what the body names changes."""
        if label in SYSTEM:
            raise invalid("Invalid update request: system labels cannot be changed.")
        current = self._user(self._row(label))
        if body.get("id", label) != label:
            raise invalid("Invalid update request: the label's id does not match the path.")
        wanted = current | body
        if "name" in body:
            self._check_name(body["name"], label)
        background, foreground = _colour(wanted.get("color"))
        sql = """UPDATE label SET name = ?, message_list = ?, label_list = ?, background = ?, foreground = ?
                 WHERE mailbox = ? AND id = ?"""
        looks = (wanted["messageListVisibility"], wanted["labelListVisibility"], background, foreground)
        self.store.run(sql, wanted["name"], *looks, self.address, label)
        return self._answer(label)

    def delete(self, label: str) -> None:
        """Delete a user label and take it off every message."""
        if label in SYSTEM:
            raise invalid("Invalid delete request: system labels cannot be deleted.")
        self._row(label)
        with self.store.change():
            self.store.run("DELETE FROM label WHERE mailbox = ? AND id = ?", self.address, label)
            sql = "UPDATE message SET labels = trim(replace(' ' || labels || ' ', ?, ' ')) WHERE mailbox = ?"
            self.store.run(sql, f" {label} ", self.address)

    def check_change(self, plus: list[str], minus: list[str]) -> None:
        """Refuse what the API refuses of a change of labels."""
        if not plus and not minus:
            raise invalid("No label add or removes specified")
        if len(plus) > MOST_CHANGES or len(minus) > MOST_CHANGES:
            raise invalid(f"Too many labels: at most {MOST_CHANGES} may be added or removed at once.")
        known = self.names()
        for label in [*plus, *minus]:
            if label in FIXED:
                raise invalid(f"Invalid label: {label}")
            if label not in known:
                raise invalid("labelId not found")
        if set(plus) & set(minus):
            raise invalid("Cannot both add and remove the same label")

    def _row(self, label: str) -> sqlite3.Row:
        row = self.store.row("SELECT * FROM label WHERE mailbox = ? AND id = ?", self.address, label)
        if row is None:
            raise not_found()
        return row

    def _next_number(self) -> int:
        with self.store.change():
            self.store.run("UPDATE mailbox SET labels = labels + 1 WHERE address = ?", self.address)
            row = self.store.row("SELECT labels FROM mailbox WHERE address = ?", self.address)
        assert row is not None
        return int(row["labels"])

    def _check_name(self, name: Any, own: str | None) -> None:
        parts = name.split("/") if isinstance(name, str) else []
        bad = (
            not name
            or len(name) > LONGEST_NAME
            or name != name.strip()
            or any(not part.strip() for part in parts)
        )
        if bad or re.search(r"[\x00-\x1f\x7f]", name) or name.casefold() in RESERVED:
            raise invalid("Invalid label name")
        for row in self._rows():
            if row["id"] != own and row["name"].casefold() == name.casefold():
                raise GoogleError(409, "Label name exists or conflicts")

    def _answer(self, label: str) -> dict[str, Any]:
        return {key: value for key, value in self._user(self._row(label)).items() if key != "type"}

    @staticmethod
    def _system(name: str) -> dict[str, Any]:
        label: dict[str, Any] = {"id": name, "name": name, "type": "system"}
        if name in HIDDEN_SYSTEM or name.startswith("CATEGORY_"):
            label |= {"messageListVisibility": "hide", "labelListVisibility": "labelHide"}
        return label

    @staticmethod
    def _user(row: sqlite3.Row) -> dict[str, Any]:
        label = {
            "id": row["id"],
            "name": row["name"],
            "messageListVisibility": row["message_list"],
            "labelListVisibility": row["label_list"],
            "type": "user",
        }
        if row["background"] is not None:
            label["color"] = {"textColor": row["foreground"], "backgroundColor": row["background"]}
        return label

    def _counts(self, label: str) -> dict[str, int]:
        sql = """SELECT count(*) AS messages, count(DISTINCT thread) AS threads,
                        count(*) FILTER (WHERE unread) AS new_messages,
                        count(DISTINCT CASE WHEN unread THEN thread END) AS new_threads
                 FROM (SELECT thread, instr(' ' || labels || ' ', ' UNREAD ') > 0 AS unread FROM message
                       WHERE mailbox = ? AND instr(' ' || labels || ' ', ?) > 0)"""
        row = self.store.row(sql, self.address, f" {label} ")
        assert row is not None
        return {
            "messagesTotal": row["messages"],
            "messagesUnread": row["new_messages"],
            "threadsTotal": row["threads"],
            "threadsUnread": row["new_threads"],
        }


def _colour(colour: dict[str, Any] | None) -> tuple[str | None, str | None]:
    """Background and text colour, both from the palette or both absent."""
    if not colour:
        return None, None
    background, foreground = colour.get("backgroundColor"), colour.get("textColor")
    if background is None or foreground is None:
        raise invalid("Invalid label color: both backgroundColor and textColor are required.")
    off = [shade for shade in (background, foreground) if shade not in gmail_contract().colours]
    if off:
        raise invalid(f"Label color {', '.join(off)} is not on the allowed color palette")
    return background, foreground
