"""The values that travel through the product. All datetimes are aware and in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Direction(StrEnum):
    """Who wrote: a person to us, a person of ours, or a machine on either side."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    AUTOMATIC = "automatic"


class State(StrEnum):
    """What a conversation is in. NOBODY: no person ever asked us anything (lists, bounces, our own posts)."""

    WAITING = "waiting"
    ANSWERED = "answered"
    DISMISSED = "dismissed"
    NOBODY = "nobody"


class Intent(StrEnum):
    """Why somebody writes, apart from what about."""

    URGENT_HELP = "urgent_help"
    QUESTION = "question"
    COMPLAINT = "complaint"
    PRESS = "press"
    LEGAL = "legal"
    PRAISE = "praise"
    SPAM = "spam"


class DecidedBy(StrEnum):
    """Who chose the topic. A human decision is never overruled by a model or a rule."""

    MODEL = "model"
    RULE = "rule"
    HUMAN = "human"


UNSURE = "unsure"
"""The topic of a message the classifier abstains on, or has not read yet."""

NOT_CRISIS = "not_crisis"


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class MessageKey:
    """Identity of a message: the same key is the same message, however often it is fetched."""

    source: str
    account: str
    native_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One mail or post as collected, before anything is decided about it.

    `conversation` is the key, within the account, of the unit that waits: the Gmail thread id; on social
    networks `<conversation id>/<author id>`, also for our own replies (the author we reply to).
    `author` is the address or the platform's user id, `author_name` what a person would read.
    `text` is what was written now: quotes and signature cut. `automatic_reason` says which header or
    habit showed that a machine wrote it. `reply_to` is the native id of the message replied to, if known.
    `global_id` is the same in every account the message was delivered to (a mail's Message-ID).
    """

    key: MessageKey
    conversation: str
    direction: Direction
    author: str
    author_name: str = ""
    sent_at: datetime
    fetched_at: datetime
    subject: str = ""
    text: str
    lang: str = ""
    url: str = ""
    labels: tuple[str, ...] = ()
    reply_to: str | None = None
    global_id: str = ""
    automatic_reason: str = ""
    bare_thanks: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """Where a source stands. `value` is JSON that only its source understands; `version` is its shape."""

    account: str
    version: int = 1
    value: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Quarantined:
    """An item that could not be read: kept, counted and shown, never lost."""

    key: MessageKey
    reason: str
    raw: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelMove:
    """A label (by its id at the source) came onto a message or went from it, by whosever hand."""

    native_id: str
    label_id: str
    added: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """Resources that a paid service returned; it bills each once a UTC day, at the price of the first read.

    `method` names the price, `resource` what is the same thing at any price (a post found by mention and by
    search), `price` is of one, in the source's own units.
    """

    method: str
    resource: str
    ids: tuple[str, ...]
    price: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What one `Source.pull` gives. Messages and cursor are stored in one transaction.

    `deleted` are native ids that are gone at the source; `restored` those that came back (out of the
    trash). `reset` says that a bounded resync began because the cursor had expired. `units` is what the
    page cost in the source's own currency, by method (Gmail quota units), `reads` what it cost where the bill
    depends on what was read before (X; the store knows).
    `paused` is why the source stopped early (quota, budget), empty if it did not. `moved` are labels that
    came or went on messages, ours and others', in order; the last word on a message and label is kept. They sum
    up a walk through changes that began at `walked_at`: what was done after that moment may be missing in them.
    `arrived` messages of others were found in that walk, and came since `walked_from`: known before they are read.
    """

    messages: tuple[Message, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    deleted: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    cursor: Cursor
    has_more: bool = False
    reset: bool = False
    units: Mapping[str, int] = field(default_factory=dict)
    reads: tuple[Read, ...] = ()
    paused: str = ""
    moved: tuple[LabelMove, ...] = ()
    walked_at: datetime | None = None
    walked_from: datetime | None = None
    arrived: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """A span of `text` (character offsets) that spoke for the decision, with its weight or its rule."""

    start: int
    end: int
    text: str
    weight: float | None = None
    rule: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicScore:
    """A calibrated probability, 0 to 1, that a message is about `topic`."""

    topic: str
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Classification:
    """One decision about one message. Append-only: the newest human one wins, else the newest.

    `topic` is `unsure` when `abstained`. `topics` holds every topic, best first. `stage` names the part
    of the pipeline that decided (`rule`, `fast`, …).
    """

    topic: str
    topics: tuple[TopicScore, ...]
    intent: Intent
    abstained: bool
    evidence: tuple[Evidence, ...]
    decided_by: DecidedBy
    stage: str
    lang: str
    model: str
    taxonomy: str


class LabelAction(StrEnum):
    """What a label change does."""

    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelChange:
    """Add and remove labels (by name) on one native message."""

    native_id: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelOutcome:
    """What became of a batch of label changes: ids done, ids gone at the source, and the cost by method.

    `labels` are the ids of the names that were used, where they are not those the caller gave.
    """

    done: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, int] = field(default_factory=dict)
    paused: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """Something to be sent in our name, once.

    `key` is its idempotency key, `number` (positive) and `wanted_at` are as unique. `to` is the native id of the
    message it answers; None: a post that answers nobody. `lang` is the language it is written in, if known.
    """

    key: str
    number: int
    wanted_at: datetime
    text: str
    to: str | None = None
    lang: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """What the platform made of a Reply: its native id, and where a person can read it."""

    native_id: str
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueItem:
    """One row of the unanswered queue, as a responder sees it."""

    conversation_id: int
    source: str
    account: str
    conversation: str
    topic: str
    severity: int
    priority: int
    waiting_since: datetime
    due_at: datetime
    author: str
    subject: str
    excerpt: str
    url: str
    lang: str
    intent: str
    kind: str
    messages: int
    claimed_by: str | None = None
    lease_until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """The promise in numbers: `collected` = `answered` + `waiting` + `dismissed`, always."""

    collected: int
    answered: int
    waiting: int
    dismissed: int
    queue_rows: int
    quarantined: int = 0
    nobody: int = 0

    @property
    def balanced(self) -> bool:
        """True when nobody is missing, and the queue shows exactly those who wait."""
        return (
            self.collected == self.answered + self.waiting + self.dismissed
            and self.queue_rows == self.waiting
        )
