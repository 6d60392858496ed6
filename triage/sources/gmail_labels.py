"""Label changes: names to ids, missing labels made, equal changes sent together.

The ids of labels are remembered by the caller, so that a change costs no list of labels. Gmail answers 400
`labelId not found` for a label that was deleted: labels are then listed once (1 unit), and a refusal is believed of
the message only when its labels are all there.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from triage.core.errors import Retry
from triage.core.types import LabelChange, LabelOutcome
from triage.sources.gmail_http import MOST_PARTS, GmailClient, Limited, Missing, Refused, Unavailable

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


class _Lost(Exception):
    """A label that was known is not there any more: what it was meant for is sent anew."""


def list_labels(client: GmailClient) -> dict[str, str]:
    """Id to name of every label there is. Raises Fatal or Retry."""
    answer = client.call("labels.list", client.users.labels().list(userId="me", fields="labels(id,name)"))
    return {str(label["id"]): str(label["name"]) for label in answer.get("labels", ())}


def rename_label(client: GmailClient, label_id: str, name: str) -> str:
    """Give a label another name, on every message that carries it; why Gmail refuses, or nothing."""
    request = client.users.labels().patch(userId="me", id=label_id, body={"name": name}, fields="id")
    try:
        client.call("labels.patch", request)
    except Missing:
        return "it is not there"
    except Refused as error:
        return "another label has that name" if error.status == 409 else error.reason
    return ""


def apply_changes(
    client: GmailClient,
    changes: Sequence[LabelChange],
    *,
    known: Mapping[str, str] | None = None,
    budget: int | None = None,
) -> LabelOutcome:
    """Send label changes; what was not sent is in none of the outcome's lists, and `paused` says why.

    What Gmail may have done without our hearing of it is in `failed`. Never raises Retry: what was done is always
    told. Raises Fatal.
    """
    work = _Work(client, known or {}, budget)
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
        labels=work.found(),
    )


class _Work:
    def __init__(self, client: GmailClient, known: Mapping[str, str], budget: int | None) -> None:
        self._client = client
        self._known = known
        self._budget = budget
        self._before = client.spent
        self._ids = {name.casefold(): label_id for name, label_id in known.items()}
        self._listed: dict[str, str] | None = None
        self._used: set[str] = set()
        self.done: dict[str, LabelChange] = {}
        self.gone: list[str] = []
        self.failed: dict[str, str] = {}

    def run(self, changes: Sequence[LabelChange]) -> None:
        self.done |= {c.native_id: c for c in changes if not (c.add or c.remove)}
        while left := [c for c in changes if not self._settled(c.native_id)]:
            try:
                self._send(left)
                return
            except _Lost:
                continue

    def found(self) -> dict[str, str]:
        """The ids of names that were used, where the caller does not have them."""
        ids = {name: self._ids.get(name.casefold(), "") for name in sorted(self._used)}
        return {
            name: label_id for name, label_id in ids.items() if label_id not in ("", self._known.get(name))
        }

    def _settled(self, native_id: str) -> bool:
        return native_id in self.done or native_id in self.failed or native_id in self.gone

    def _send(self, changes: Sequence[LabelChange]) -> None:
        self._name(changes)
        groups: dict[_Change, list[LabelChange]] = defaultdict(list)
        for change in changes:
            resolved = self._resolve(change)
            if resolved == ((), ()):
                self.done[change.native_id] = change
            else:
                groups[resolved].append(change)
        for resolved, alike in sorted(groups.items(), key=lambda item: -len(item[1])):
            if len(alike) > MOST_SINGLE:
                self._together(resolved, alike)
        self._singly([(r, c) for r, alike in groups.items() if len(alike) <= MOST_SINGLE for c in alike])

    def _left(self) -> int | None:
        return None if self._budget is None else self._budget - (self._client.spent - self._before)

    def _affords(self, method: str) -> bool:
        left = self._left()
        return left is None or left >= self._client.price(method)

    def _afford(self, method: str) -> None:
        if not self._affords(method):
            raise _Paused(f"quota: not enough units left for {method}")

    def _name(self, changes: Sequence[LabelChange]) -> None:
        """Know the id of every name that is used; labels to remove that do not exist need no removing."""
        adding = {name for change in changes for name in change.add}
        self._used = adding | {name for change in changes for name in change.remove}
        if self._listed is None and any(name.casefold() not in self._ids for name in self._used):
            self._list()
        for name in sorted(adding):
            if name.casefold() not in self._ids:
                self._create(name)

    def _list(self) -> bool:
        """See what labels there are: adopt those of our names, forget those that are gone; whether any is."""
        self._afford("labels.list")
        self._listed = list_labels(self._client)
        lost = {name for name, label_id in self._ids.items() if label_id not in self._listed}
        ours = {name: label_id for name, label_id in self._ids.items() if name not in lost}
        taken = set(ours.values())
        there = {name.casefold(): i for i, name in self._listed.items() if i not in taken}
        self._ids = there | ours
        self.done = {i: c for i, c in self.done.items() if not lost & {name.casefold() for name in c.add}}
        return bool(lost)

    def _doubt(self) -> None:
        """After a refusal: raises _Lost when it was for a label that is gone."""
        if self._listed is None and self._list():
            raise _Lost

    def _resolve(self, change: LabelChange) -> _Change:
        add = {self._ids[name.casefold()] for name in change.add}
        remove = {self._ids[name.casefold()] for name in change.remove if name.casefold() in self._ids}
        return tuple(sorted(add)), tuple(sorted(remove - add))

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
            if self._list():
                raise _Lost from None
            if error.status != 409 or name.casefold() not in self._ids:
                raise _Paused(
                    f"Gmail refuses to make the label {name!r} ({error.reason}); rename it in topics.yaml"
                ) from error

    def _together(self, resolved: _Change, changes: Sequence[LabelChange]) -> None:
        for chunk in _chunks(changes, MOST_IDS):
            if not self._affords("messages.batchModify"):  # a few now are better than all at some later time
                self._singly([(resolved, c) for c in chunk])
                continue
            body = {"ids": [c.native_id for c in chunk], **_body(resolved)}
            request = self._client.users.messages().batchModify(userId="me", body=body)
            try:
                self._client.call("messages.batchModify", request)
                self.done |= {c.native_id: c for c in chunk}
            except Unavailable as error:
                self.failed |= {c.native_id: str(error) for c in chunk}
                raise
            except (Missing, Refused):
                self._doubt()
                self._singly([(resolved, c) for c in chunk])

    def _singly(self, work: Sequence[tuple[_Change, LabelChange]]) -> None:
        queue = list(work)
        price = self._client.price("messages.modify")
        while queue:
            self._afford("messages.modify")
            left = self._left()
            size = MOST_PARTS if left is None else min(MOST_PARTS, left // price)
            chunk, queue = queue[:size], queue[size:]
            messages = self._client.users.messages()
            requests = {
                c.native_id: messages.modify(userId="me", id=c.native_id, body=_body(r), fields="id")
                for r, c in chunk
            }
            try:
                answers = self._client.batch("messages.modify", requests)
            except Unavailable as error:
                self.failed |= {c.native_id: str(error) for _, c in chunk}
                raise
            self._sort({c.native_id: c for _, c in chunk}, answers)

    def _sort(self, changes: Mapping[str, LabelChange], answers: Mapping[str, Any]) -> None:
        limits = [answer for answer in answers.values() if isinstance(answer, Limited)]
        refused = {i: answer for i, answer in answers.items() if isinstance(answer, (Missing, Refused))}
        for native_id, answer in answers.items():
            if not isinstance(answer, Exception):
                self.done[native_id] = changes[native_id]
            elif not isinstance(answer, (Missing, Refused, Limited)):
                self.failed[native_id] = str(answer)
        if refused:
            self._doubt()
        for native_id, answer in refused.items():
            if isinstance(answer, Missing):
                self.gone.append(native_id)
            else:
                self.failed[native_id] = str(answer)
        if limits:
            raise limits[0]


def _body(change: _Change) -> dict[str, list[str]]:
    add, remove = change
    return {name: list(ids) for name, ids in (("addLabelIds", add), ("removeLabelIds", remove)) if ids}


def _chunks(items: Sequence[LabelChange], size: int) -> Iterator[Sequence[LabelChange]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
