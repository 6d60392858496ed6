"""Feeds that list newest first, read in rounds down to a time: what Bluesky and Mastodon have in common.

A *round* walks the feeds in turn. A walk goes from a feed's newest item down to a little before the newest of
its last walk, and only its last page moves that mark; all of it is in the cursor, so a crash costs one page.

Both networks sort an item by the time that its author's server gave it, so one that arrives late lies below
what was read already. Every walk therefore goes OVERLAP further down, and one an hour goes SWEEP further;
what the store holds is not given again.

A feed that cannot be read is left for the next round, so that a search that is down keeps nobody who mentions
us waiting; the page says so. Only the first feed, the mentions, stops the run.
"""

from __future__ import annotations

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from triage.core.errors import CursorExpired, Fatal, Retry, Skip, TriageError
from triage.core.types import Cursor, Direction, Message, MessageKey, Page, Quarantined
from triage.sources.base import Credentials, Now, SourceSettings, first_find, utc_now
from triage.sources.feed_round import Item, Listing, Round, Walk, resynced
from triage.sources.json_http import JsonClient, NoAnswer, Refused

RECENT = 100
"""So many of the newest messages are looked at again, some each round, to see whether they were deleted."""


class TokenRefused(TriageError):
    """The service no longer knows our page token: the walk has to start again from its first page."""


class FeedSource(ABC):
    """A source that reads feeds. `known` says which native ids are stored; `sleep` spaces retries (under 2 s)."""

    name: str
    page_limit: int
    checked_at_once: int
    dearest_item: int = 0
    """The most requests that reading one item may cost, beside the page itself."""

    def __init__(
        self,
        settings: SourceSettings,
        credentials: Credentials,
        *,
        known: Callable[[Sequence[str]], set[str]] = lambda ids: set(),
        now: Now = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self._known = known
        self._now = now
        self._sleep = sleep
        self._client = self._connect()

    @abstractmethod
    def _connect(self) -> JsonClient:
        """The client of this account's server. Raises ConfigError for a connection that cannot work."""

    @abstractmethod
    def _feeds(self) -> tuple[str, ...]:
        """The feeds of this account, mentions first."""

    @abstractmethod
    def _enter(self, memory: Mapping[str, Any]) -> str:
        """Be let in, and say who we are: an id that changes when the account does."""

    @abstractmethod
    def _memory(self) -> Mapping[str, Any]:
        """What the cursor shall keep for the next `_enter`."""

    @abstractmethod
    def _list(self, walk: Walk, size: int) -> Listing:
        """One page of the walk's feed. Raises TokenRefused, Refused or Retry."""

    @abstractmethod
    def _message(self, item: Item, fetched_at: datetime) -> Message:
        """The item as a Message. Raises Skip with what is wrong with it."""

    @abstractmethod
    def _gone(self, native_ids: Sequence[str]) -> set[str]:
        """Those of the messages that the service says were deleted; in doubt none."""

    @abstractmethod
    def _meaning(self, refused: Refused) -> TriageError:
        """What a refusal asks a person to do."""

    @abstractmethod
    def whoami(self) -> str:
        """Who the service says we are."""

    def pull(self, cursor: Cursor | None, *, budget: int | None = None) -> Page:
        """One page of the feed whose turn it is; `has_more` until the round is through every feed."""
        round_ = Round.of(cursor, self._settings, self._feeds())
        if budget is not None and budget < 3 + self.dearest_item:
            return Page(
                cursor=cursor or round_.cursor(),
                paused=f"budget: {budget} requests are left this minute; raise quota.{self.name}.units_per_minute",
            )
        try:
            me = self._enter(round_.memory)
            if round_.me and round_.me != me:
                raise CursorExpired(f"{self._settings.account}: the account is another one now ({me})")
            return self._pull(replace(round_, me=me), budget)
        except Refused as refused:
            raise self._meaning(refused) from refused

    def look(self, cursor: Cursor | None, *, budget: int | None = None) -> Page:
        """As far as the first page with something on it, or through the round: listing is reading here."""
        return first_find(self.pull, cursor, budget)

    def resync(self, cursor: Cursor) -> Cursor:
        """Every feed anew, from where the earliest stood or as far as `first_sync`, whichever is further."""
        return resynced(cursor, self._now() - self._settings.first_sync)

    def _pull(self, round_: Round, budget: int | None) -> Page:
        walk = round_.walk or round_.begin(self._now())
        size = min(self._settings.page_size, self.page_limit)
        if budget is not None and self.dearest_item:
            size = min(size, (budget - 3) // self.dearest_item)
        messages: list[Message] = []
        bad: list[Quarantined] = []
        paused = ""
        try:
            listing = self._list(walk, size)
            messages, bad = self._read(listing, walk.floor)
            after = round_.after(walk, listing)
        except TokenRefused as error:
            if walk.restarted:
                raise Fatal(f"{error}, twice; run `triage replay` for this account") from error
            after = replace(round_, walk=replace(walk, token=None, restarted=True), reset=False)
        except (NoAnswer, Refused) as error:
            if walk.feed == round_.feeds[0] or (isinstance(error, Refused) and error.status == 401):
                raise
            after = round_.without(walk)
            why = self._meaning(error) if isinstance(error, Refused) else error
            paused = f"{walk.feed} is left for later: {why}"
        asked = [m.key.native_id for m in messages if m.direction is Direction.INBOUND]
        after = replace(after, recent=(*after.recent, *asked)[-RECENT:])
        gone: set[str] = set()
        if after.finished:
            after, gone = self._check(after)
        return Page(
            messages=tuple(messages),
            quarantined=tuple(bad),
            deleted=tuple(sorted(gone)),
            cursor=replace(after, memory=self._memory()).cursor(),
            has_more=not after.finished,
            reset=round_.reset,
            units=self._client.spent(),
            paused=paused,
        )

    def _read(self, listing: Listing, floor: datetime) -> tuple[list[Message], list[Quarantined]]:
        items = [item for item in listing.items if item.at is None or item.at >= floor]
        stored = self._known([i.native_id for i in items if i.native_id]) if items else set()
        messages: dict[str, Message] = {}
        bad: list[Quarantined] = []
        fetched_at = self._now()
        for item in items:
            if item.native_id in stored:
                continue
            try:
                messages[item.native_id] = self._message(item, fetched_at)
            except Skip as reason:
                bad.append(self._quarantined(item, str(reason)))
        return list(messages.values()), bad

    def _quarantined(self, item: Item, reason: str) -> Quarantined:
        """The item kept as it came, under its id, or under a digest when it has none."""
        try:
            raw = json.dumps(item.raw, sort_keys=True)
        except RecursionError:
            raw = "(nested too deeply to be shown)"
        native_id = item.native_id or "unreadable-" + hashlib.sha256(raw.encode()).hexdigest()[:16]
        key = MessageKey(source=self.name, account=self._settings.account, native_id=native_id)
        return Quarantined(key=key, reason=reason, raw=raw)

    def _check(self, round_: Round) -> tuple[Round, set[str]]:
        """Look whether some of the recent messages were deleted; another round does it if it cannot be told now."""
        looked, rest = round_.recent[: self.checked_at_once], round_.recent[self.checked_at_once :]
        if not looked:
            return round_, set()
        try:
            gone = self._gone(looked)
        except (Retry, Refused):
            return round_, set()
        return replace(round_, recent=(*rest, *(id_ for id_ in looked if id_ not in gone))), gone
