"""Small implementations of the protocols: a source with a mailbox in memory, a labeler, a classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.builders import decision
from triage.core.types import Classification, Cursor, LabelChange, LabelOutcome, Message, Page, Quarantined

PRICE = 20
"""Units that one message costs."""


@dataclass
class Shelf:
    """A source whose messages stand in a row; its cursor is the number of those that were passed.

    `before[n]` is called instead of the n-th pull (from 1): it raises, or looks on. A cursor older than
    `forgotten` has expired.
    """

    messages: Sequence[Message]
    name: str = "gmail"
    size: int = 2
    deleted: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    restored: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    bad: Sequence[Quarantined] = ()
    before: dict[int, object] = field(default_factory=dict)
    forgotten: int = 0
    pulls: int = 0
    resyncs: int = 0
    budgets: list[int | None] = field(default_factory=list)

    def pull(self, cursor: Cursor | None, *, budget: int | None = None) -> Page:
        self.pulls += 1
        self.budgets.append(budget)
        planned = self.before.get(self.pulls)
        if isinstance(planned, Exception):
            raise planned
        if callable(planned):
            planned()
        start = int(cursor.value["passed"]) if cursor else 0
        affordable = self.size if budget is None else min(self.size, budget // PRICE)
        if affordable == 0:
            return Page(cursor=self._at(start), has_more=True, paused="quota")
        stop = min(start + affordable, len(self.messages))
        return Page(
            messages=tuple(self.messages[start:stop]),
            quarantined=tuple(self.bad) if start == 0 else (),
            deleted=self.deleted.get(start, ()),
            restored=self.restored.get(start, ()),
            cursor=self._at(stop),
            has_more=stop < len(self.messages),
            units={"messages.get": PRICE * (stop - start)},
        )

    def resync(self, cursor: Cursor) -> Cursor:
        self.resyncs += 1
        return self._at(self.forgotten)

    def _at(self, passed: int) -> Cursor:
        return Cursor(account="care", value={"passed": passed})


@dataclass
class Mailbox(Shelf):
    """A shelf whose messages carry labels. `gone` are not there any more, `refused` cannot be changed."""

    gone: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)
    labels: dict[str, set[str]] = field(default_factory=dict)
    sent: list[list[LabelChange]] = field(default_factory=list)
    idle: bool = False

    def apply(
        self,
        changes: Sequence[LabelChange],
        *,
        known: Mapping[str, str] | None = None,
        budget: int | None = None,
    ) -> LabelOutcome:
        self.sent.append(list(changes))
        self.budgets.append(budget)
        if self.idle:
            return LabelOutcome()
        affordable = len(changes) if budget is None else budget // PRICE
        tried, left = changes[:affordable], changes[affordable:]
        done = [c for c in tried if c.native_id not in self.gone and c.native_id not in self.refused]
        for change in done:
            carried = self.labels.setdefault(change.native_id, set())
            carried |= set(change.add)
            carried -= set(change.remove)
        ids = [c.native_id for c in tried]
        return LabelOutcome(
            done=tuple(c.native_id for c in done),
            gone=tuple(i for i in ids if i in self.gone),
            failed={i: self.refused[i] for i in ids if i in self.refused},
            units={"messages.modify": PRICE * len(done)},
            paused="quota" if left else "",
        )


@dataclass
class ByWord:
    """A classifier that takes the first word of the text for the topic, under a taxonomy of this name."""

    taxonomy: str = "t1"
    model: str = "m1"
    seen: list[tuple[str, str, str]] = field(default_factory=list)

    def classify(self, items: Sequence[tuple[str, str, str]]) -> list[Classification]:
        self.seen += items
        return [decision(text.split()[0], model=self.model, taxonomy=self.taxonomy) for _, text, _ in items]
