"""One mailbox: its messages, their threads and labels, and the history of every change."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from demo.common.clock import Clock
from demo.gmail import mime
from demo.gmail.labels import Labels
from demo.gmail.store import Store

COLUMNS = (
    "seq, id, thread, date, history, labels, size, snippet, message_id, subject, sender, recipients, attached"
)
LONGEST_THREAD = 100
MESSAGE_ID = re.compile(r"[0-9a-f]{1,16}")
HIDDEN = ("SPAM", "TRASH")


@dataclass(frozen=True)
class Stored:
    """A message without its bytes."""

    seq: int
    id: str
    thread: str
    date: int
    history: int
    labels: tuple[str, ...]
    size: int
    snippet: str
    message_id: str
    subject: str
    sender: str
    recipients: str
    attached: bool

    @property
    def brief(self) -> dict[str, Any]:
        """How lists, history and modify name it."""
        return {"id": self.id, "threadId": self.thread}

    @property
    def labelled(self) -> dict[str, Any]:
        """The same with its labels, which are left out when there are none."""
        return self.brief | ({"labelIds": list(self.labels)} if self.labels else {})


def _stored(row: sqlite3.Row) -> Stored:
    values = dict(row)
    return Stored(
        **values | {"labels": tuple(values["labels"].split()), "attached": bool(values["attached"])}
    )


class Mailbox:
    """The mailbox of one address."""

    def __init__(self, store: Store, clock: Clock, address: str) -> None:
        self.store = store
        self.clock = clock
        self.address = address
        self.labels = Labels(store, address)

    @staticmethod
    def create(store: Store, clock: Clock, address: str, aliases: Sequence[str]) -> Mailbox:
        """A new, empty mailbox."""
        start = 1_000_000 + int(_digest(address)[:5], 16)
        sql = "INSERT INTO mailbox (address, aliases, history, kept_from) VALUES (?, ?, ?, ?)"
        store.run(sql, address, json.dumps(list(aliases)), start, start)
        return Mailbox(store, clock, address)

    def _own(self, column: str) -> Any:
        row = self.store.row(f"SELECT {column} FROM mailbox WHERE address = ?", self.address)
        assert row is not None
        return row[0]

    @property
    def aliases(self) -> list[str]:
        """Other addresses that the mailbox may send from and receives for."""
        return list(json.loads(self._own("aliases")))

    @property
    def history_id(self) -> int:
        """The newest history id."""
        return int(self._own("history"))

    @property
    def kept_from(self) -> int:
        """The oldest history id that a sync may still start from."""
        return int(self._own("kept_from"))

    def expire_history(self) -> int:
        """Make every history id handed out so far too old, this moment's included."""
        newest = self._next_history()
        self.store.run("UPDATE mailbox SET kept_from = ? WHERE address = ?", newest, self.address)
        return newest

    def watch(self, until: int | None) -> None:
        """Remember until when notifications would be sent."""
        self.store.run("UPDATE mailbox SET watch_until = ? WHERE address = ?", until, self.address)

    @property
    def watched_until(self) -> int | None:
        """Epoch milliseconds until which notifications are sent."""
        until = self._own("watch_until")
        return None if until is None else int(until)

    def counts(self) -> tuple[int, int]:
        """Messages and threads in the mailbox."""
        sql = "SELECT count(*), count(DISTINCT thread) FROM message WHERE mailbox = ?"
        row = self.store.row(sql, self.address)
        assert row is not None
        return row[0], row[1]

    def message(self, message_id: str) -> Stored | None:
        """A message by id."""
        sql = f"SELECT {COLUMNS} FROM message WHERE mailbox = ? AND id = ?"
        row = self.store.row(sql, self.address, message_id)
        return None if row is None else _stored(row)

    def raw(self, message: Stored) -> bytes:
        """The bytes of a message."""
        row = self.store.row("SELECT raw FROM message WHERE seq = ?", message.seq)
        assert row is not None
        return bytes(row["raw"])

    def thread(self, thread_id: str) -> list[Stored]:
        """The messages of a thread, oldest first; empty when there is no such thread."""
        sql = f"SELECT {COLUMNS} FROM message WHERE mailbox = ? AND thread = ? ORDER BY date, seq"
        return [_stored(row) for row in self.store.rows(sql, self.address, thread_id)]

    def messages(self) -> list[Stored]:
        """All messages, newest first."""
        return list(self.newest())

    def newest(self, before: tuple[int, int] | None = None) -> Iterator[Stored]:
        """Messages one by one, newest first; those before this date and number, if there is one."""
        sql = (
            f"SELECT {COLUMNS} FROM message WHERE mailbox = ?{' AND (date, seq) < (?, ?)' if before else ''}"
        )
        found = self.store.each(f"{sql} ORDER BY date DESC, seq DESC", self.address, *(before or ()))
        return map(_stored, found)

    def words(self, message: Stored) -> str:
        """What a search for words reads of a message."""
        row = self.store.row("SELECT words FROM said WHERE seq = ?", message.seq)
        return mime.facts(self.raw(message)).words if row is None else str(row["words"])

    def add(
        self, raw: bytes, *, labels: Iterable[str], date: int | None = None, key: str | None = None
    ) -> Stored:
        """Put a message into the mailbox; `key` names its thread, else Gmail's own threading decides."""
        seen = mime.facts(raw)
        with self.store.change():
            number = self._own("messages") + 1
            self.store.run("UPDATE mailbox SET messages = ? WHERE address = ?", number, self.address)
            new = "1" + _digest(f"{self.address}/{number}")[:15]
            thread = self._thread_by_key(key, new) if key else self._thread_by_headers(seen) or new
            history = self._next_history()
            when = int(self.clock.now() * 1000) if date is None else date
            marks = " ".join(dict.fromkeys(labels))
            sql = (
                f"INSERT INTO message (mailbox, raw, {COLUMNS.removeprefix('seq, ')}) VALUES (?{', ?' * 13})"
            )
            found = (seen.message_id, seen.subject, seen.sender, seen.recipients, int(seen.attached))
            place = (new, thread, when, history, marks, len(raw), seen.snippet)
            self.store.run(sql, self.address, raw, *place, *found)
            self.store.run("INSERT INTO said VALUES (last_insert_rowid(), ?)", seen.words)
            self._log(history, "added", new, thread, marks)
        stored = self.message(new)
        assert stored is not None
        return stored

    def change_labels(self, message: Stored, plus: Iterable[str], minus: Iterable[str]) -> Stored:
        """Add and remove labels; a change that changes nothing leaves no trace."""
        wanted = [label for label in dict.fromkeys(plus) if label not in message.labels]
        leaving = set(minus)
        if set(wanted) & set(HIDDEN):
            leaving.add("INBOX")
        unwanted = [label for label in message.labels if label in leaving]
        wanted = [label for label in wanted if label not in leaving]
        if not wanted and not unwanted:
            return message
        labels = tuple([label for label in message.labels if label not in unwanted] + wanted)
        with self.store.change():
            history = self._next_history()
            sql = "UPDATE message SET labels = ?, history = ? WHERE seq = ?"
            self.store.run(sql, " ".join(labels), history, message.seq)
            marks = (" ".join(labels), " ".join(wanted), " ".join(unwanted))
            self._log(history, "labels", message.id, message.thread, *marks)
        return replace(message, labels=labels, history=history)

    def remove(self, message: Stored) -> None:
        """Delete a message for good."""
        with self.store.change():
            self.store.run("DELETE FROM message WHERE seq = ?", message.seq)
            self.store.run("DELETE FROM said WHERE seq = ?", message.seq)
            self._log(self._next_history(), "deleted", message.id, message.thread, " ".join(message.labels))

    def changes(self, after: int) -> Iterator[sqlite3.Row]:
        """History records newer than an id, oldest first, one by one."""
        return self.store.each(
            "SELECT * FROM history WHERE mailbox = ? AND id > ? ORDER BY id", self.address, after
        )

    def snapshot(self) -> dict[str, Any]:
        """What two runs must agree on, in a form that can be compared byte for byte."""
        names = self.labels.names()
        messages = [
            {
                "id": item.id,
                "thread": item.thread,
                "labels": sorted(names.get(mark, mark) for mark in item.labels),
            }
            for item in sorted(self.messages(), key=lambda item: item.id)
        ]
        return {"address": self.address, "labels": sorted(self.labels.user_names()), "messages": messages}

    def _next_history(self) -> int:
        # Real ids leave gaps; these are uneven but the same in every run.
        current = self.history_id
        following = current + 1 + int(_digest(f"{self.address}:{current}")[:4], 16) % 37
        self.store.run("UPDATE mailbox SET history = ? WHERE address = ?", following, self.address)
        return following

    def _log(
        self, history: int, kind: str, message: str, thread: str, labels: str, plus: str = "", minus: str = ""
    ) -> None:
        values = (self.address, history, kind, message, thread, labels, plus, minus)
        self.store.run("INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *values)

    def _thread_by_key(self, key: str, new: str) -> str:
        if self.thread(key):
            return key
        found = self.store.row(
            "SELECT thread FROM thread_key WHERE mailbox = ? AND key = ?", self.address, key
        )
        if found is not None:
            return str(found["thread"])
        self.store.run("INSERT INTO thread_key VALUES (?, ?, ?)", self.address, key, new)
        return new

    def _thread_by_headers(self, seen: mime.Facts) -> str | None:
        """The thread that a reply belongs to: a message it refers to, under the same subject."""
        sql = "SELECT thread, subject FROM message WHERE mailbox = ? AND message_id = ? ORDER BY seq DESC"
        for parent in seen.parents:
            for row in self.store.rows(sql, self.address, parent):
                same = mime.subject_key(row["subject"]) == mime.subject_key(seen.subject)
                if same and self._thread_length(row["thread"]) < LONGEST_THREAD:
                    return str(row["thread"])
        return None

    def _thread_length(self, thread: str) -> int:
        sql = "SELECT count(*) FROM message WHERE mailbox = ? AND thread = ?"
        row = self.store.row(sql, self.address, thread)
        return 0 if row is None else int(row[0])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
