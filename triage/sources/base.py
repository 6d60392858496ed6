"""The contract of a source. A new channel is one new file that passes `tests/sources/contract.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from triage.core.types import Cursor, LabelChange, LabelOutcome, Page

Now = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a connection holds, without knowing who keeps it (Airflow, an environment variable).

    `login` and `password` are the form's two main fields, `extra` the rest of the form. `extra.api_endpoint`
    points a source at another server.
    """

    login: str = ""
    password: str = field(default="", repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class SourceSettings:
    """What config/triage.yaml says about one account.

    `addresses` are ours (mail addresses and aliases, or handles), `track` the hashtags and phrases to
    follow, `first_sync` how far back the first pull (and a resync after an expired cursor) reaches,
    `units_per_minute` the budget of this account in the source's own units, `prices` its cost per method.
    """

    account: str
    addresses: tuple[str, ...] = ()
    track: tuple[str, ...] = ()
    first_sync: timedelta = timedelta(days=7)
    units_per_minute: int | None = None
    page_size: int = 100
    prices: Mapping[str, int] = field(default_factory=dict)


class Source(Protocol):
    """A place that messages come from."""

    name: str
    """The source's key in configuration and in message keys: `gmail`, `x`, …"""

    def whoami(self) -> str:
        """Who the service says we are, for the test button and `triage doctor`; Fatal or Retry with the mend."""

    def pull(self, cursor: Cursor | None, *, budget: int | None = None) -> Page:
        """The next page after `cursor` (None: the first ever, bounded by `first_sync`).

        Pulling the same cursor twice gives the same messages: the caller stores messages and the new
        cursor in one transaction, so a crash between two pages costs nothing but the page.
        `budget` is how many units this call may spend; a source that cannot do anything useful with it
        answers an empty page with the same cursor and `paused`.
        Raises Fatal, Retry or CursorExpired; an item that cannot be read goes to `page.quarantined`.
        After CursorExpired the caller pulls again with `resync(cursor)`.
        """

    def resync(self, cursor: Cursor) -> Cursor:
        """The cursor from which a bounded resync closes the gap that an expired `cursor` left."""


class Labeler(Protocol):
    """A source whose messages can carry labels (Gmail)."""

    def apply(self, changes: Sequence[LabelChange], *, budget: int | None = None) -> LabelOutcome:
        """Bring the labels of messages to the wanted state; idempotent, creates missing labels."""
