"""Gmail: increments through history, mail read in batches, labels set where they are missing.

Cost, in Gmail's units: 2 for a poll without news, and 20 for each new message; 5 for a page of the first
sync. A page is found first (its ids go to the cursor as `pending`), then read as far as the budget reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from triage.core.errors import CursorExpired, Fatal
from triage.core.types import Cursor, LabelChange, LabelOutcome, Page
from triage.sources.base import Credentials, Now, SourceSettings, utc_now
from triage.sources.gmail_history import Changes, Position
from triage.sources.gmail_http import GmailClient, Missing, Refused
from triage.sources.gmail_labels import apply_changes
from triage.sources.gmail_read import Reader, Reading

CURSOR_VERSION = 1
MOST_LISTED = 100
MOST_RECORDS = 500
RESYNC_MARGIN_SECONDS = 3600
RESYNC_REACH = 4
"""A resync reaches at most this many times `first_sync` back."""

_LIST_FIELDS = "messages/id,nextPageToken"
_HISTORY_FIELDS = (
    "history(messagesAdded/message(id,labelIds),messagesDeleted/message(id,labelIds),"
    "labelsAdded(labelIds,message(id,labelIds)),labelsRemoved(labelIds,message(id,labelIds))),historyId,nextPageToken"
)

Known = Callable[[Sequence[str]], set[str]]


def _none_known(native_ids: Sequence[str]) -> set[str]:
    return set()


@dataclass(kw_only=True, slots=True)
class _Found:
    """What finding gave beside ids to read."""

    deleted: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    paused: str = ""


class GmailSource:
    """One mailbox as a Source and a Labeler. `known` says which ids need not be read because they are stored."""

    name = "gmail"

    def __init__(
        self,
        settings: SourceSettings,
        credentials: Credentials,
        *,
        now: Now = utc_now,
        known: Known = _none_known,
    ) -> None:
        self._settings = settings
        self._client = GmailClient(credentials, account=settings.account, prices=settings.prices)
        self._now = now
        self._known = known
        login = (credentials.login,) if credentials.login else ()
        addresses = tuple(dict.fromkeys(a.lower() for a in (*login, *settings.addresses)))
        self._reader = Reader(self._client, settings.account, addresses, now)

    def whoami(self) -> str:
        """Which mailbox Gmail lets us into. Raises Fatal or Retry with the mend."""
        request = self._client.users.getProfile(userId="me", fields="emailAddress,messagesTotal")
        profile = self._client.call("getProfile", request)
        return f"{profile['emailAddress']}, {profile['messagesTotal']} messages"

    def pull(self, cursor: Cursor | None, *, budget: int | None = None) -> Page:
        """The next page; see Source."""
        before = self._client.spent

        def left() -> int | None:
            return None if budget is None else budget - (self._client.spent - before)

        position = Position.of(cursor.value) if cursor else self._first()
        reset = position.reset and not position.history_id
        found, reading = _Found(), Reading()
        if not position.history_id:
            position, found = self._begin(position, left())
        if not found.paused and not position.pending:
            position, found = self._find(position, left())
        if not found.paused and position.pending:
            position, reading = self._reader.read(position, left)
        paused = found.paused or reading.paused
        return Page(
            messages=tuple(reading.messages),
            quarantined=tuple(reading.quarantined),
            deleted=tuple(dict.fromkeys((*found.deleted, *reading.gone))),
            restored=found.restored,
            cursor=self._cursor(position),
            has_more=bool(paused or position.pending or position.page or position.mode == "list"),
            reset=reset,
            units=self._client.take_units(),
            paused=paused,
        )

    def resync(self, cursor: Cursor) -> Cursor:
        """A window from an hour before the last point known to be good, at most four times `first_sync` long."""
        old = Position.of(cursor.value)
        furthest = self._seconds() - RESYNC_REACH * int(self._settings.first_sync.total_seconds())
        good = old.after if old.mode == "list" else old.taken_at - RESYNC_MARGIN_SECONDS
        return self._cursor(
            Position(after=max(good, furthest), pending=old.pending, tries=old.tries, reset=True)
        )

    def apply(self, changes: Sequence[LabelChange], *, budget: int | None = None) -> LabelOutcome:
        """Bring the labels of messages to the wanted state; see Labeler."""
        return apply_changes(self._client, changes, budget=budget)

    def _seconds(self) -> int:
        return int(self._now().timestamp())

    def _cursor(self, position: Position) -> Cursor:
        return Cursor(account=self._settings.account, version=CURSOR_VERSION, value=position.as_value())

    def _first(self) -> Position:
        return Position(after=self._seconds() - int(self._settings.first_sync.total_seconds()))

    def _begin(self, position: Position, left: int | None) -> tuple[Position, _Found]:
        """Note where history stands before the window is listed, so that nothing falls between the two."""
        if _short(left, self._client.price("getProfile") + self._client.price("messages.list")):
            return position, _Found(paused="quota: not enough units left to list the mailbox")
        at = self._seconds()
        profile = self._client.call(
            "getProfile", self._client.users.getProfile(userId="me", fields="historyId")
        )
        return replace(position, history_id=str(profile["historyId"]), taken_at=at, reset=False), _Found()

    def _find(self, position: Position, left: int | None) -> tuple[Position, _Found]:
        """One page of the list or of history; its ids become `pending`."""
        method = "messages.list" if position.mode == "list" else "history.list"
        if _short(left, self._client.price(method)):
            return position, _Found(paused=f"quota: not enough units left for {method}")
        try:
            return (self._list(position), _Found()) if position.mode == "list" else self._history(position)
        except Missing:
            raise self._expired(position) from None
        except Refused as error:
            if position.page:
                # A page token does not live for ever: the walk starts again, what is stored is not read again.
                return replace(position, page="", upto="", upto_at=0), _Found()
            if position.mode == "history" and error.status == 400:
                raise self._expired(position) from None
            raise Fatal(f"{self._settings.account}: {error}; run `triage doctor`") from error

    def _list(self, position: Position) -> Position:
        request = self._client.users.messages().list(
            userId="me",
            q=f"after:{position.after} -in:drafts",
            maxResults=min(MOST_LISTED, self._settings.page_size),
            includeSpamTrash=False,
            fields=_LIST_FIELDS,
            **_page_token(position),
        )
        answer = self._client.call("messages.list", request)
        pending = self._unknown([str(item["id"]) for item in answer.get("messages", ())])
        if token := answer.get("nextPageToken"):
            return replace(position, page=token, pending=pending)
        return replace(position, mode="history", page="", after=0, pending=pending)

    def _history(self, position: Position) -> tuple[Position, _Found]:
        """A page of changes. `history_id` moves only with the last one, to where the first one stood."""
        at = self._seconds()
        request = self._client.users.history().list(
            userId="me",
            startHistoryId=position.history_id,
            maxResults=MOST_RECORDS,
            fields=_HISTORY_FIELDS,
            **_page_token(position),
        )
        answer = self._client.call("history.list", request)
        changes = Changes().fold(answer.get("history", ()))
        found = _Found(deleted=tuple(changes.deleted), restored=tuple(changes.restored))
        upto, upto_at = (position.upto, position.upto_at) if position.page else (str(answer["historyId"]), at)
        position = replace(position, pending=self._unknown(list(changes.read)))
        if token := answer.get("nextPageToken"):
            return replace(position, page=token, upto=upto, upto_at=upto_at), found
        return replace(position, history_id=upto, taken_at=upto_at, page="", upto="", upto_at=0), found

    def _expired(self, position: Position) -> CursorExpired:
        return CursorExpired(
            f"{self._settings.account}: Gmail no longer keeps history from {position.history_id}"
        )

    def _unknown(self, native_ids: list[str]) -> tuple[str, ...]:
        """In the order found, without repeats and without what is stored already."""
        unique = tuple(dict.fromkeys(native_ids))
        known = self._known(unique) if unique else set()
        return tuple(i for i in unique if i not in known)


def _short(left: int | None, needed: int) -> bool:
    return left is not None and left < needed


def _page_token(position: Position) -> dict[str, Any]:
    return {"pageToken": position.page} if position.page else {}
