"""Corrections from a file: each decides its messages at once, and is kept to learn from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.core.errors import ConfigError
from triage.store import conversations, corrections, db

KEY = ("source", "account", "native_id")
FORMS = "message_id, or conversation_id, or source, account and native_id"

LARGEST = 2**63 - 1
"""The largest id that the database can hold."""


@dataclass(kw_only=True)
class Corrected:
    """What became of a file: messages corrected, those that were so already, and (place, fault) of bad rows."""

    corrected: int = 0
    unchanged: int = 0
    bad: list[tuple[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        rows = [{"row": place, "error": fault} for place, fault in self.bad]
        return {"corrected": self.corrected, "unchanged": self.unchanged, "bad": rows}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    place: str
    target: int | tuple[str, str, str]
    kind: str
    topic: str
    by: str


def correct(
    connection: Connection, columns: Sequence[str], rows: Iterable[tuple[str, Mapping[str, str]]], *, by: str
) -> Corrected:
    """Take (place, row) pairs of a table with these columns; all good rows are one transaction.

    Columns: FORMS, then `topic`, and `by` where it is not the caller. A message that is decided so already, by
    whomever, is left alone: so an exported queue can be corrected in a spreadsheet and given back whole. Of two rows
    on one message the later counts. Raises ConfigError when a column is missing.
    """
    _check_columns(columns)
    done = Corrected()
    with db.transaction(connection):
        known = corrections.topics(connection)
        read = [r for place, row in rows if (r := _read(place, row, known, by, done))]
        wanted: dict[int, _Row] = {}
        for row, messages in _find(connection, read, done):
            wanted.update(dict.fromkeys(messages, row))
        _teach(connection, wanted, done)
    return done


def _check_columns(columns: Sequence[str]) -> None:
    given = set(columns)
    if "topic" not in given:
        raise ConfigError("column `topic` is missing; the first line names the columns")
    if not (given & {"message_id", "conversation_id"} or given >= set(KEY)):
        raise ConfigError(f"no column says which message is meant; give {FORMS}")


def _read(place: str, row: Mapping[str, str], known: Sequence[str], by: str, done: Corrected) -> _Row | None:
    cells = {name: (value or "").strip() for name, value in row.items() if isinstance(value, str | None)}
    topic = cells.get("topic", "")
    if topic not in known:
        done.bad.append((place, f"there is no topic {topic!r}; choose one of {', '.join(known)}"))
        return None
    kind = next((k for k in ("message_id", "conversation_id") if cells.get(k)), "key")
    target: Any = cells.get(kind, "")
    if kind == "key":
        target = tuple(cells.get(name, "") for name in KEY)
        if not all(target):
            done.bad.append((place, f"it does not say which message is meant; give {FORMS}"))
            return None
    elif not (target.isascii() and target.isdigit()) or int(target) > LARGEST:
        done.bad.append((place, f"{kind} {target!r} is not a number"))
        return None
    else:
        target = int(target)
    return _Row(place=place, target=target, kind=kind, topic=topic, by=cells.get("by") or by)


def _find(connection: Connection, rows: Sequence[_Row], done: Corrected) -> list[tuple[_Row, list[int]]]:
    """Each row with its messages, in the file's order; those without any are bad."""
    asked: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        asked[row.kind].append(row.target)
    found: dict[str, dict[Any, list[int]]] = {
        "message_id": corrections.of_messages(connection, asked["message_id"]),
        "conversation_id": corrections.of_conversations(connection, asked["conversation_id"]),
        "key": corrections.of_keys(connection, asked["key"]),
    }
    good = []
    for row in rows:
        if messages := found[row.kind].get(row.target):
            good.append((row, messages))
        else:
            name = row.kind.removesuffix("_id") if row.kind != "key" else "message"
            named = row.target if row.kind != "key" else "/".join(map(str, row.target))  # type: ignore[arg-type]
            done.bad.append((row.place, f"there is no {name} {named} that somebody wrote to us"))
    return good


def _teach(connection: Connection, wanted: Mapping[int, _Row], done: Corrected) -> None:
    conversations.lock(connection, list(wanted))
    now = corrections.decided(connection, list(wanted))
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for message, row in wanted.items():
        if now[message]["topic"] == row.topic:
            done.unchanged += 1
        else:
            groups[row.topic, row.by].append(message)
            done.corrected += 1
    for (topic, by), messages in groups.items():
        corrections.teach(connection, messages, topic=topic, by=by)
    touched = [now[m]["conversation_id"] for messages in groups.values() for m in messages]
    conversations.refresh(connection, touched)
