"""Finding what to read: pages of history (2 units), or of the message list (5) in a first sync and a resync.

When more is found than one page of reading, it is found to its end first and put in order: threads in which
somebody waits urgently already, and what one search for urgent phrases knows, before the rest; oldest first in each.
Of a burst, a sample that is spread over it comes after those and before the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from triage.core.errors import CursorExpired, Fatal, Retry
from triage.core.sample import sample
from triage.core.types import LabelMove
from triage.sources.base import Now, SourceSettings
from triage.sources.gmail_history import Changes, Position, pack, told, unpack
from triage.sources.gmail_http import GmailClient, Missing, Refused

MOST_LISTED = 500
MOST_RECORDS = 500
MOST_READ = 100
"""Messages read in one page: what one transaction of the caller stores. More than that is a backlog."""

A_MINUTES, SAMPLED = 300, 20
"""What a minute's units read, about. Of more than that, so many of each page are read first, spread over all of it:
after the urgent ones: they say what a burst is about before it is read."""

MOST_PENDING = 10_000
"""Ids that a cursor holds (about 200 kB); a longer walk reads some before it goes on."""

MOST_MOVES = 5000
"""Label moves that a cursor carries from page to page (about 150 kB). In a longer walk the oldest are told at once."""

MOST_QUERY = 1_500
"""Characters of a search, far from the longest address a server takes."""

_LIST_FIELDS = "messages(id,threadId),nextPageToken"
_HISTORY_FIELDS = (
    "history(messagesAdded/message(id,threadId,labelIds),messagesDeleted/message(id,labelIds),"
    "labelsAdded(labelIds,message(id,labelIds)),labelsRemoved(labelIds,message(id,threadId,labelIds))),historyId,nextPageToken"
)

Known = Callable[[Sequence[str]], set[str]]
"""Of some ids, those that are stored; of some threads, those in which somebody waits urgently."""

Left = Callable[[], int | None]
"""Units that may still be spent."""


@dataclass(kw_only=True, slots=True)
class Found:
    """What finding gave beside ids to read, and why it found nothing (`paused`)."""

    deleted: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    moved: tuple[LabelMove, ...] = ()
    walked_at: datetime | None = None
    walked_from: datetime | None = None
    arrived: int = 0
    paused: str = ""


def none_known(ids: Sequence[str]) -> set[str]:
    """For a caller that knows nothing."""
    return set()


class Finder:
    """Finds ids in one mailbox. `known` are stored and need not be read, `grave` are threads that come first."""

    def __init__(
        self, client: GmailClient, settings: SourceSettings, *, known: Known, grave: Known, now: Now
    ) -> None:
        self._client = client
        self._account = settings.account
        self._phrases = _any_of(settings.urgent)
        self._known = known
        self._grave = grave
        self._now = now

    def find(self, position: Position, left: Left) -> tuple[Position, Found]:
        """One page of the list or of history; its ids join `pending`. Raises CursorExpired, Fatal or Retry."""
        if not position.history_id:
            needed = self._client.price("getProfile") + self._client.price("messages.list")
            if _short(left(), needed):
                return position, Found(paused="quota: not enough units left to list the mailbox")
            position = self._begin(position)
            if position.pending:
                return position, Found()
        method = "messages.list" if position.mode == "list" else "history.list"
        if _short(left(), self._client.price(method)):
            return position, Found(paused=f"quota: not enough units left for {method}")
        try:
            if position.mode == "list":
                return self._list(position, left), Found()
            return self._history(position, left)
        except Missing:
            raise self._expired(position) from None
        except Refused as error:
            if position.page:
                # A page token does not live for ever; what is stored by then is not read again.
                again = replace(_ended(position), upto="", upto_at=0, moves=())
                return again, Found(paused="Gmail refused the next page: its walk starts again")
            if position.mode == "history" and error.status == 400:
                raise self._expired(position) from None
            raise Fatal(f"{self._account}: {error}; run `triage doctor`") from error

    def _begin(self, position: Position) -> Position:
        """Note where history stands before the window is listed, so that nothing falls between the two."""
        at = self._now().timestamp()
        profile = self._client.call(
            "getProfile", self._client.users.getProfile(userId="me", fields="historyId")
        )
        return replace(position, history_id=str(profile["historyId"]), taken_at=at, reset=False)

    def _list(self, position: Position, left: Left) -> Position:
        answer = self._listed(f"after:{position.after} -in:drafts", **_page_token(position))
        token = answer.get("nextPageToken", "")
        found = {str(item["id"]): str(item["threadId"]) for item in answer.get("messages", ())}
        position = self._join(position, found, left, more=bool(token))
        return replace(position, page=token) if token else replace(_ended(position), mode="history", after=0)

    def _listed(self, query: str, **options: str) -> Any:
        request = self._client.users.messages().list(
            userId="me",
            q=query,
            maxResults=MOST_LISTED,
            includeSpamTrash=False,
            fields=_LIST_FIELDS,
            **options,
        )
        return self._client.call("messages.list", request)

    def _history(self, position: Position, left: Left) -> tuple[Position, Found]:
        """A page of changes. `history_id` moves only with the last one, to where the first one stood."""
        at = self._now().timestamp()
        request = self._client.users.history().list(
            userId="me",
            startHistoryId=position.history_id,
            maxResults=MOST_RECORDS,
            fields=_HISTORY_FIELDS,
            **_page_token(position),
        )
        answer = self._client.call("history.list", request)
        changes = Changes(moves=unpack(position.moves)).fold(answer.get("history", ()))
        upto, upto_at = (position.upto, position.upto_at) if position.page else (str(answer["historyId"]), at)
        token = answer.get("nextPageToken")
        moves = pack(changes.moves)
        carried = moves[-MOST_MOVES:] if token else ()
        found = Found(
            deleted=tuple(changes.deleted),
            restored=tuple(changes.restored),
            moved=told(moves[: len(moves) - len(carried)]),
            walked_at=datetime.fromtimestamp(upto_at, UTC),
            walked_from=datetime.fromtimestamp(position.taken_at, UTC),
            arrived=len(changes.came & {*changes.read}),
        )
        position = replace(self._join(position, changes.read, left, more=bool(token)), moves=carried)
        if token:
            return replace(position, page=token, upto=upto, upto_at=upto_at), found
        return replace(_ended(position), history_id=upto, taken_at=upto_at, upto="", upto_at=0), found

    def _expired(self, position: Position) -> CursorExpired:
        return CursorExpired(f"{self._account}: Gmail no longer keeps history from {position.history_id}")

    def _join(self, position: Position, found: Mapping[str, str], left: Left, *, more: bool) -> Position:
        """Pending ids with the found ones (id to thread) that are not stored; `more` pages of the walk follow."""
        asked = {*found} - {*position.pending}
        known = self._known(sorted(asked)) if asked else set()
        new = [i for i in found if i in asked and i not in known]
        if position.mode == "list":
            new.reverse()  # Gmail lists the newest first
        front: set[str] = set()
        if new and (more or len(position.pending) + len(new) > MOST_READ):
            position = self._search(position, left)
            grave = self._grave(sorted({found[i] for i in new}))
            front = {i for i in new if found[i] in grave} | {*position.urgent}
        urgent, rest = [i for i in new if i in front], [i for i in new if i not in front]
        over = len(position.pending) + len(new) > A_MINUTES
        sampled = sample(rest, SAMPLED) if over else []
        rest = [i for i in rest if i not in sampled]
        at = position.grave, position.first
        waiting = position.pending[: at[0]], position.pending[at[0] : at[1]], position.pending[at[1] :]
        older = position.mode == "list"
        parts = [
            (*now, *before) if older else (*before, *now)
            for before, now in zip(waiting, (urgent, sampled, rest), strict=True)
        ]
        return replace(
            position,
            pending=(*parts[0], *parts[1], *parts[2]),
            grave=len(parts[0]),
            first=len(parts[0]) + len(parts[1]),
        )

    def _search(self, position: Position, left: Left) -> Position:
        """Ask once in a walk which mail speaks of something urgent; no answer only costs the order."""
        if position.searched or not self._phrases or _short(left(), self._client.price("messages.list")):
            return position
        since = position.after if position.mode == "list" else int(position.taken_at)
        try:
            answer = self._listed(f"after:{since} -in:drafts {self._phrases}")
        except (Missing, Refused, Retry):
            answer = {}
        urgent = tuple(str(item["id"]) for item in answer.get("messages", ()))
        return replace(position, searched=True, urgent=urgent)


def _ended(position: Position) -> Position:
    """At the end of a walk."""
    return replace(position, page="", grave=0, first=0, urgent=(), searched=False)


def _any_of(phrases: Sequence[str]) -> str:
    """Gmail's words for: any of these phrases; as many as fit."""
    query = ""
    for phrase in phrases:
        quoted = f'"{" ".join(phrase.replace(chr(34), " ").split())}"'
        if len(query) + len(quoted) < MOST_QUERY:
            query = f"{query} {quoted}".strip()
    return f"{{{query}}}" if query else ""


def _short(left: int | None, needed: int) -> bool:
    return left is not None and left < needed


def _page_token(position: Position) -> dict[str, Any]:
    return {"pageToken": position.page} if position.page else {}
