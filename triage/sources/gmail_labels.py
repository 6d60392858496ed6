"""Label changes: names to ids, missing labels made, equal changes sent together."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from triage.core.errors import Retry
from triage.core.types import LabelChange, LabelOutcome
from triage.sources.gmail_http import MOST_PARTS, GmailClient, Limited, Missing, Refused

MOST_SINGLE = 10
"""Above so many messages with one change, batchModify (50 units, up to 1,000 ids) beats modify (5 units each)."""

MOST_IDS = 1000
_COLOURS = (
    ("#fb4c2f", "#ffffff"), ("#ffad47", "#000000"), ("#16a766", "#ffffff"), ("#4a86e8", "#ffffff"),
    ("#a479e2", "#ffffff"), ("#f691b3", "#000000"), ("#285bac", "#ffffff"), ("#822111", "#ffffff"),
    ("#0b804b", "#ffffff"), ("#653e9b", "#ffffff"), ("#fad165", "#000000"), ("#434343", "#ffffff"),
)  # fmt: skip
"""Background and text, from the fixed palette of the API reference."""

_Change = tuple[tuple[str, ...], tuple[str, ...]]
"""Label ids to add and to remove."""


class _Paused(Exception):
    """The units or Gmail's patience are at an end."""


def apply_changes(
    client: GmailClient, changes: Sequence[LabelChange], *, budget: int | None = None
) -> LabelOutcome:
    """Send label changes; what was not sent is in none of the outcome's lists, and `paused` says why.

    Never raises Retry: what was done is always told. Raises Fatal.
    """
    work = _Work(client, budget)
    paused = ""
    try:
        work.run(changes)
    except _Paused as error:
        paused = str(error)
    except Limited as error:
        paused = f"quota: {error}"
    except Retry as error:
        paused = str(error)
    return LabelOutcome(
        done=tuple(work.done),
        gone=tuple(work.gone),
        failed=work.failed,
        units=client.take_units(),
        paused=paused,
    )


class _Work:
    def __init__(self, client: GmailClient, budget: int | None) -> None:
        self._client = client
        self._budget = budget
        self._before = client.spent
        self._ids: dict[str, str] = {}
        self.done: list[str] = []
        self.gone: list[str] = []
        self.failed: dict[str, str] = {}

    def run(self, changes: Sequence[LabelChange]) -> None:
        self.done += [c.native_id for c in changes if not (c.add or c.remove)]
        wanted = [c for c in changes if c.add or c.remove]
        if not wanted:
            return
        self._read_labels()
        groups: dict[_Change, list[str]] = defaultdict(list)
        for change in wanted:
            resolved = self._resolve(change)
            if resolved == ((), ()):
                self.done.append(change.native_id)
            else:
                groups[resolved].append(change.native_id)
        for resolved, native_ids in sorted(groups.items(), key=lambda item: -len(item[1])):
            if len(native_ids) > MOST_SINGLE:
                self._together(resolved, native_ids)
        self._singly([(r, i) for r, ids in groups.items() if len(ids) <= MOST_SINGLE for i in ids])

    def _left(self) -> int | None:
        return None if self._budget is None else self._budget - (self._client.spent - self._before)

    def _afford(self, method: str) -> None:
        left = self._left()
        if left is not None and left < self._client.price(method):
            raise _Paused(f"quota: not enough units left for {method}")

    def _read_labels(self) -> None:
        self._afford("labels.list")
        answer = self._client.call(
            "labels.list", self._client.users.labels().list(userId="me", fields="labels(id,name)")
        )
        self._ids = {str(label["name"]).casefold(): str(label["id"]) for label in answer.get("labels", ())}

    def _resolve(self, change: LabelChange) -> _Change:
        """Ids; labels to remove that do not exist need no removing."""
        add = tuple(sorted({self._label_id(name) for name in change.add}))
        remove = {self._ids[name.casefold()] for name in change.remove if name.casefold() in self._ids}
        return add, tuple(sorted(remove - set(add)))

    def _label_id(self, name: str) -> str:
        if name.casefold() not in self._ids:
            self._create(name)
        return self._ids[name.casefold()]

    def _create(self, name: str) -> None:
        self._afford("labels.create")
        background, text = _COLOURS[zlib.crc32(name.encode()) % len(_COLOURS)]
        body = {
            "name": name,
            "messageListVisibility": "show",
            "labelListVisibility": "labelShow",
            "color": {"backgroundColor": background, "textColor": text},
        }
        try:
            made = self._client.call(
                "labels.create", self._client.users.labels().create(userId="me", body=body)
            )
            self._ids[name.casefold()] = str(made["id"])
        except Refused as error:
            self._read_labels()
            if error.status != 409 or name.casefold() not in self._ids:
                raise _Paused(
                    f"Gmail refuses to make the label {name!r} ({error.reason}); rename it in topics.yaml"
                ) from error

    def _together(self, change: _Change, native_ids: Sequence[str]) -> None:
        for chunk in _chunks(native_ids, MOST_IDS):
            self._afford("messages.batchModify")
            body = {"ids": list(chunk), **_body(change)}
            request = self._client.users.messages().batchModify(userId="me", body=body)
            try:
                self._client.call("messages.batchModify", request)
                self.done += chunk
            except (Missing, Refused):
                self._singly([(change, native_id) for native_id in chunk])

    def _singly(self, work: Sequence[tuple[_Change, str]]) -> None:
        queue = list(work)
        price = self._client.price("messages.modify")
        while queue:
            self._afford("messages.modify")
            left = self._left()
            size = MOST_PARTS if left is None else min(MOST_PARTS, left // price)
            chunk, queue = queue[:size], queue[size:]
            messages = self._client.users.messages()
            requests = {i: messages.modify(userId="me", id=i, body=_body(c), fields="id") for c, i in chunk}
            self._sort(self._client.batch("messages.modify", requests))

    def _sort(self, answers: Mapping[str, Any]) -> None:
        limits = []
        for native_id, answer in answers.items():
            if isinstance(answer, Missing):
                self.gone.append(native_id)
            elif isinstance(answer, Limited):
                limits.append(answer)
            elif isinstance(answer, Exception):
                self.failed[native_id] = str(answer)
            else:
                self.done.append(native_id)
        if limits:
            raise limits[0]


def _body(change: _Change) -> dict[str, list[str]]:
    add, remove = change
    return {name: list(ids) for name, ids in (("addLabelIds", add), ("removeLabelIds", remove)) if ids}


def _chunks(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
