"""users.history.list."""

from __future__ import annotations

import sqlite3
from itertools import islice
from typing import Any

from demo.gmail.call import Call
from demo.gmail.errors import invalid, not_found
from demo.gmail.pages import make_token, page_size, read_token

TYPES = {"messageAdded": "messagesAdded", "messageDeleted": "messagesDeleted"}
LABEL_TYPES = {"labelAdded": ("labelsAdded", "plus"), "labelRemoved": ("labelsRemoved", "minus")}


def list_history(call: Call) -> dict[str, Any]:
    """One page of changes since a history id, oldest first."""
    start = _start(call)
    size = page_size(call.params)
    asked = [call.params.get(name) for name in ("startHistoryId", "labelId", "historyTypes")]
    position = read_token(call.params["pageToken"], asked)[0] if "pageToken" in call.params else start
    types = set(call.params.get("historyTypes") or [*TYPES, *LABEL_TYPES])
    label = call.params.get("labelId")
    if label is not None and label not in call.box.labels.names():
        raise invalid("labelId not found")
    current = {"historyId": str(call.box.history_id)}
    if "empty_history" in call.quirks:
        return current | {"nextPageToken": make_token([position], asked)}
    wanted = (row for row in call.box.changes(position) if _matches(row, label) and _kinds(row) & types)
    rows = list(islice(wanted, size + 1))
    page = [_record(row, types) for row in rows[:size]]
    if "repeat_history" in call.quirks:
        page = [twin for record in page for twin in _repeated(record)]
    answer: dict[str, Any] = {"history": page} if page else {}
    if len(rows) > size:
        answer["nextPageToken"] = make_token([rows[size - 1]["id"]], asked)
    return answer | current


def _start(call: Call) -> int:
    if "startHistoryId" not in call.params:
        raise invalid("Missing/invalid parameter: startHistoryId")
    start = int(call.params["startHistoryId"])
    if start > call.box.history_id:
        raise invalid("Invalid startHistoryId")
    if start < call.box.kept_from:
        raise not_found()
    return start


def _kinds(row: sqlite3.Row) -> set[str]:
    if row["kind"] == "labels":
        return {name for name, (_, column) in LABEL_TYPES.items() if row[column]}
    return {"messageAdded" if row["kind"] == "added" else "messageDeleted"}


def _matches(row: sqlite3.Row, label: str | None) -> bool:
    return label is None or label in f"{row['labels']} {row['plus']} {row['minus']}".split()


def _record(row: sqlite3.Row, types: set[str]) -> dict[str, Any]:
    brief = {"id": row["message"], "threadId": row["thread"]}
    labels = row["labels"].split()
    message = brief | ({"labelIds": labels} if labels else {})
    record: dict[str, Any] = {"id": str(row["id"]), "messages": [brief]}
    for name in _kinds(row) & types:
        if name in TYPES:
            record[TYPES[name]] = [{"message": message}]
        else:
            field, column = LABEL_TYPES[name]
            record[field] = [{"message": message, "labelIds": row[column].split()}]
    return record


def _repeated(record: dict[str, Any]) -> list[dict[str, Any]]:
    """An addition twice over, as a record of its own and inside the record."""
    if "messagesAdded" not in record:
        return [record]
    return [record, record | {"messagesAdded": record["messagesAdded"] * 2}]
