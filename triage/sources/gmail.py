"""Gmail: increments through history, mail read in batches, labels set where they are missing.

Cost, in Gmail's units: 2 for a poll without news, and 20 for each new message; 5 for a page of the first
sync. A page is found first (its ids go to the cursor as `pending`), then read as far as the budget reaches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from triage.core.errors import Fatal
from triage.core.types import Cursor, LabelChange, LabelOutcome, Page
from triage.sources.base import Credentials, Now, SourceSettings, utc_now
from triage.sources.gmail_find import MOST_PENDING, MOST_READ, Finder, Found, Known, none_known
from triage.sources.gmail_history import Position
from triage.sources.gmail_http import GmailClient, Refused
from triage.sources.gmail_labels import apply_changes, list_labels, rename_label
from triage.sources.gmail_ours import METHOD as SENDERS
from triage.sources.gmail_ours import Ours
from triage.sources.gmail_read import Reader, Reading

CURSOR_VERSION = 1
RESYNC_MARGIN_SECONDS = 3600
RESYNC_REACH = 4
"""A resync reaches at most this many times `first_sync` back."""


class GmailSource:
    """One mailbox as a Source and a Labeler.

    `known` says which ids need not be read because they are stored, `grave` in which threads somebody waits
    urgently already: in a backlog these are read first.
    """

    name = "gmail"

    def __init__(
        self,
        settings: SourceSettings,
        credentials: Credentials,
        *,
        now: Now = utc_now,
        known: Known = none_known,
        grave: Known = none_known,
    ) -> None:
        self._settings = settings
        self._client = GmailClient(credentials, account=settings.account, prices=settings.prices)
        self._now = now
        login = (credentials.login,) if credentials.login else ()
        self._ours = Ours(self._client, (*login, *settings.addresses, *settings.ours), now)
        self._finder = Finder(self._client, settings, known=known, grave=grave, now=now)
        self._reader = Reader(self._client, settings.account, now)

    @property
    def page_units(self) -> int:
        """What one `pull` costs at most: finding a page, whose names ours are, and reading it."""
        price = self._client.price
        return self.look_units + price(SENDERS) + MOST_READ * price("messages.get")

    @property
    def look_units(self) -> int:
        """What one `look` costs at most: a page of history or of the list, and a search for urgent mail."""
        price = self._client.price
        return max(price("history.list"), price("getProfile") + price("messages.list")) + price(
            "messages.list"
        )

    def owed(self) -> dict[str, int]:
        """Units by method that calls spent which raised; told once."""
        return self._client.take_units()

    def whoami(self) -> str:
        """Which mailbox Gmail lets us into. Raises Fatal or Retry with the mend."""
        request = self._client.users.getProfile(userId="me", fields="emailAddress,messagesTotal")
        profile = self._client.call("getProfile", request)
        return f"{profile['emailAddress']}, {profile['messagesTotal']} messages"

    def look(self, cursor: Cursor | None, *, budget: int | None = None) -> Page:
        """The ids of the next page, for 2 units, and nothing is read; free while found ids wait. See Source."""
        return self._page(cursor, budget, read=False)

    def pull(self, cursor: Cursor | None, *, budget: int | None = None) -> Page:
        """The next page; see Source. What a look found is read first, and history is not asked again for it."""
        return self._page(cursor, budget, read=True)

    def resync(self, cursor: Cursor) -> Cursor:
        """A window from an hour before the last point known to be good, at most four times `first_sync` long."""
        old = Position.of(cursor.value)
        furthest = self._seconds() - RESYNC_REACH * int(self._settings.first_sync.total_seconds())
        good = old.after if old.mode == "list" else int(old.taken_at) - RESYNC_MARGIN_SECONDS
        return self._cursor(
            Position(
                after=max(good, furthest), pending=old.pending, tries=old.tries, reset=True,
                senders=old.senders, senders_at=old.senders_at,
            )
        )  # fmt: skip

    def watch(self, topic: str) -> datetime:
        """Let Gmail tell a Pub/Sub topic of changes for a week; until when. 100 units. Raises Fatal or Retry."""
        request = self._client.users.watch(userId="me", body={"topicName": topic})
        try:
            answer = self._client.call("watch", request)
        except Refused as error:
            raise Fatal(
                f"{self._settings.account}: {error}; write push.topic as projects/…/topics/…"
            ) from error
        return datetime.fromtimestamp(int(answer["expiration"]) / 1000, UTC)

    def labels(self) -> Mapping[str, str]:
        """The labels there are, id to name; see Labeler."""
        return list_labels(self._client)

    def rename(self, label_id: str, name: str) -> str:
        """Give a label another name; see Labeler."""
        return rename_label(self._client, label_id, name)

    def apply(
        self,
        changes: Sequence[LabelChange],
        *,
        known: Mapping[str, str] | None = None,
        budget: int | None = None,
    ) -> LabelOutcome:
        """Bring the labels of messages to the wanted state; see Labeler."""
        return apply_changes(self._client, changes, known=known, budget=budget)

    def _page(self, cursor: Cursor | None, budget: int | None, *, read: bool) -> Page:
        before = self._client.spent

        def left() -> int | None:
            return None if budget is None else budget - (self._client.spent - before)

        position = Position.of(cursor.value) if cursor else self._first()
        began, resync = not position.history_id, position.reset
        found, reading = Found(), Reading()
        if _goes_on(position) or not position.pending or not position.history_id:
            position, found = self._finder.find(position, left)
        found_all = not _goes_on(position)
        if read and not found.paused and (position.pending or began):
            position = self._ours.refreshed(position, left)
        if read and position.pending and not found.paused and found_all:
            position, reading = self._reader.read(position, self._ours.of(position), left)
        waiting = bool(position.pending or position.page or position.mode == "list")
        paused = found.paused or reading.paused
        return Page(
            messages=tuple(reading.messages),
            quarantined=tuple(reading.quarantined),
            deleted=tuple(dict.fromkeys((*found.deleted, *reading.gone))),
            restored=found.restored,
            cursor=self._cursor(position),
            has_more=waiting or (read and bool(paused)),
            reset=resync and bool(position.history_id),
            units=self._client.take_units(),
            paused=paused,
            moved=found.moved,
            walked_at=found.walked_at,
            walked_from=found.walked_from,
            arrived=found.arrived,
        )

    def _seconds(self) -> int:
        return int(self._now().timestamp())

    def _cursor(self, position: Position) -> Cursor:
        return Cursor(account=self._settings.account, version=CURSOR_VERSION, value=position.as_value())

    def _first(self) -> Position:
        return Position(after=self._seconds() - int(self._settings.first_sync.total_seconds()))


def _goes_on(position: Position) -> bool:
    """Whether the walk has more pages, and the cursor room for what they bring."""
    return bool(position.page) and len(position.pending) < MOST_PENDING
