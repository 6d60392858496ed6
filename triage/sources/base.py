"""The contract of a source. A new channel is one new file that passes `tests/sources/contract.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from triage.core.types import Cursor, LabelChange, LabelOutcome, Page, Reply, Sent

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

    `addresses` are this account's (mail addresses and aliases, or handles), `ours` those of all our accounts of
    this source and our groups: who writes from one of them is no customer. `track` are the hashtags and phrases
    to follow, `urgent` phrases whose messages are read first when there is a backlog, `first_sync` how far back the
    first pull (and a resync after an expired cursor) reaches,
    `units_per_minute` the budget of this account in the source's own units, `prices` its cost per method.
    X only: `read` says whether tracked terms are read or just counted, `names` whether to pay for authors' handles.
    """

    account: str
    addresses: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    urgent: tuple[str, ...] = ()
    track: tuple[str, ...] = ()
    first_sync: timedelta = timedelta(days=7)
    units_per_minute: int | None = None
    page_size: int = 100
    prices: Mapping[str, int] = field(default_factory=dict)
    read: Literal["all", "mentions"] = "all"
    names: Literal["never", "always"] = "never"


def first_find(pull: Callable[..., Page], cursor: Cursor | None, budget: int | None) -> Page:
    """`look` of a source whose listing is reading: pages up to the first that brings something, as one page.

    A round through feeds where nothing is new ends with `has_more` false: nobody is woken for it.
    """
    page = pull(cursor, budget=budget)
    while page.has_more and not (page.messages or page.quarantined or page.deleted or page.paused):
        spent = sum(page.units.values()) + sum(len(r.ids) * r.price for r in page.reads)
        following = pull(page.cursor, budget=None if budget is None else max(0, budget - spent))
        if following.paused and following.cursor == page.cursor:
            return replace(page, paused=following.paused, has_more=following.has_more)
        units = {
            m: page.units.get(m, 0) + following.units.get(m, 0) for m in {**page.units, **following.units}
        }
        page = replace(
            following, units=units, reads=page.reads + following.reads, reset=page.reset or following.reset
        )
    return page


class Source(Protocol):
    """A place that messages come from.

    One whose units a minute are short may say more: `page_units` and `look_units` are what a pull and a look cost at
    most (then only so much is taken from the minute), `owed()` what a call that raised has spent, by method.
    """

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

    def look(self, cursor: Cursor | None, *, budget: int | None = None) -> Page:
        """One page found as cheaply as the source allows: what an event trigger calls every few seconds.

        Gmail finds ids and reads nothing (2 units); where listing is reading, it is `pull`. `has_more` says that
        there is something to pull now. Stored like any page, so that nothing is asked for twice.
        """

    def resync(self, cursor: Cursor) -> Cursor:
        """The cursor from which a bounded resync closes the gap that an expired `cursor` left."""


class Labeler(Protocol):
    """A source whose messages can carry labels (Gmail)."""

    def labels(self) -> Mapping[str, str]:
        """The labels there are, id to name. Raises Fatal or Retry."""

    def rename(self, label_id: str, name: str) -> str:
        """Give a label another name wherever it is; why the source refuses, or nothing. Raises Fatal or Retry."""

    def owed(self) -> dict[str, int]:
        """Units spent that no page or outcome has told yet, by method; told once."""

    def apply(
        self,
        changes: Sequence[LabelChange],
        *,
        known: Mapping[str, str] | None = None,
        budget: int | None = None,
    ) -> LabelOutcome:
        """Bring the labels of messages to the wanted state; idempotent.

        `known` are the ids of names from earlier calls: a label a person renamed stays ours by its id. One that
        is gone is adopted by its name or made anew, and the outcome's `labels` gives the new id.
        """


class Replier(Protocol):
    """A source that can also write. It is an object of its own: reading needs fewer rights."""

    settles: timedelta
    """How long after a request whose answer was lost `find` may still miss what it did; none where sending the same
    key twice makes one post."""

    def price(self, reply: Reply) -> Mapping[str, int]:
        """What sending costs at most, by method, in the source's own units. Raises ConfigError for a missing price."""

    def send(self, reply: Reply) -> Sent:
        """Hand it to the platform, once: nothing is repeated here that could be done twice.

        Raises Declined with the platform's words; Retry or Fatal when it surely did not go out; InDoubt when it may
        have.
        """

    def find(self, reply: Reply) -> Sent | None:
        """What an earlier `send` of this reply made; None when there is nothing. Raises Fatal, Retry, or InDoubt when
        the platform cannot tell."""

    def owed(self) -> dict[str, int]:
        """Units spent since this was last asked, by method."""
