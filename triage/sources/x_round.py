"""Where an X account stands: the feeds of a round, the walk through one of them, and both as a cursor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from triage.core.errors import CursorExpired
from triage.core.types import Cursor
from triage.sources.base import SourceSettings
from triage.sources.x_post import first_id_at, newest, time_of
from triage.sources.x_query import WITHOUT_RETWEETS, pack

VERSION = 1

SEARCH_REACH = timedelta(days=7)
MARGIN = timedelta(hours=1)
"""Kept from the edge of the seven days: a walk may wait for a rate limit between two pages."""

OVERLAP = timedelta(minutes=2)
"""Search ends 30 s ago, so a feed that found nothing is asked again from a little before it last was."""

MENTIONS_REACH = 700
"""From so many mentions in one walk on, we look beyond the 800 that X keeps (deleted ones count among them)."""

_SMALLEST = {True: 5, False: 10}
"""The least max_results, for the mention timeline and for search (docs.x.com)."""


def limit_of(now: datetime) -> datetime:
    """The earliest moment that search is asked for."""
    return now - SEARCH_REACH + MARGIN


@dataclass(frozen=True, kw_only=True)
class Feed:
    """One thing to walk: the mentions of a handle (`query` empty) or a search."""

    handle: str = ""
    query: str = ""

    @property
    def name(self) -> str:
        """Its key in the cursor. A search is its query: when the tracked terms change, the query starts anew."""
        return f"search:{self.query}" if self.query else f"mentions:{self.handle}"

    @property
    def mentions(self) -> bool:
        """Whether it is the mention timeline."""
        return not self.query

    @property
    def smallest(self) -> int:
        """The smallest page X gives."""
        return _SMALLEST[self.mentions]


@dataclass(frozen=True, kw_only=True)
class Walk:
    """A feed being walked from its newest post back to `since` (an id) or `start` (a time).

    `until` is set when mentions are followed beyond their reach by search. `newest` is what `since` becomes.
    """

    feed: Feed
    began: datetime
    since: str | None = None
    start: datetime | None = None
    token: str | None = None
    newest: str | None = None
    oldest: str | None = None
    until: str | None = None
    read: int = 0
    restarted: bool = False

    @property
    def mentions(self) -> bool:
        """Whether the next page comes from the mention timeline."""
        return self.feed.mentions and self.until is None

    @property
    def query(self) -> str:
        """What to search for."""
        return self.feed.query or f"@{self.feed.handle}{WITHOUT_RETWEETS}"

    @property
    def smallest(self) -> int:
        """The smallest page X gives here."""
        return _SMALLEST[self.mentions]

    def again(self) -> Walk:
        """The same walk from its first page."""
        return replace(self, token=None, restarted=True)

    def saw(self, heads: Sequence[str], ids: Sequence[str], *, count: int) -> Walk:
        """After a page: `newest` is the first page's (pages come newest first), `oldest` goes down."""
        low = min((*ids, *([self.oldest] if self.oldest else [])), key=int, default=None)
        return replace(self, newest=self.newest or newest(heads), oldest=low, read=self.read + count)

    def beyond(self, now: datetime) -> Walk:
        """The same stretch by search, below the oldest mention. X takes no start_time beside until_id."""
        bounds = [self.since, first_id_at(self.start) if self.start else None, first_id_at(limit_of(now))]
        since = newest(filter(None, bounds))
        return replace(self, since=since, start=None, token=None, until=self.oldest)


@dataclass(frozen=True, kw_only=True)
class Round:
    """The whole standing of an account.

    `done` has, by feed name, the newest id (None: nothing found yet) and when the last complete walk began.
    `turn` is the feed to walk; `walk` is None between two feeds. `floor` is where a resync starts, `gap` what
    it could not reach, told on the last page of the round.
    """

    account: str
    feeds: tuple[Feed, ...]
    first_sync: timedelta
    turn: Feed
    users: Mapping[str, str] = field(default_factory=dict)
    done: Mapping[str, tuple[str | None, datetime]] = field(default_factory=dict)
    walk: Walk | None = None
    floor: datetime | None = None
    reset: bool = False
    gap: str = ""

    @classmethod
    def of(cls, cursor: Cursor | None, settings: SourceSettings, handles: Sequence[str]) -> Round:
        """The standing a cursor holds, on the feeds of today's configuration. Raises CursorExpired."""
        if cursor is not None and cursor.version != VERSION:
            raise CursorExpired(
                f"{settings.account}: the cursor is of version {cursor.version}, not {VERSION}"
            )
        value = cursor.value if cursor is not None else {}
        feeds = (
            *(Feed(handle=handle) for handle in handles),
            *(Feed(query=query) for query in pack(settings.track, handles)),
        )
        by_name = {feed.name: feed for feed in feeds}
        return cls(
            account=settings.account,
            feeds=feeds,
            first_sync=settings.first_sync,
            turn=by_name.get(value.get("turn", ""), feeds[0]),
            users=value.get("users", {}),
            done={name: (id_, _moment(at)) for name, (id_, at) in value.get("done", {}).items()},
            walk=_walk_of(value.get("walk", {}), by_name),
            floor=_moment(value["floor"]) if "floor" in value else None,
            reset=bool(value.get("reset")),
            gap=value.get("gap", ""),
        )

    def cursor(self) -> Cursor:
        """All of it as JSON, with nothing that is empty."""
        value = {
            "users": dict(self.users),
            "done": {name: [id_, at.isoformat()] for name, (id_, at) in self.done.items()},
            "turn": self.turn.name,
            "walk": _walk_value(self.walk) if self.walk else None,
            "floor": self.floor.isoformat() if self.floor else None,
            "reset": self.reset,
            "gap": self.gap,
        }
        return Cursor(account=self.account, version=VERSION, value={k: v for k, v in value.items() if v})

    def with_user(self, handle: str, user_id: str) -> Round:
        """The same, knowing the user id of one of our handles."""
        return replace(self, users={**self.users, handle: user_id})

    def at(self, walk: Walk) -> Round:
        """The same, at this point of a walk."""
        return replace(self, walk=walk)

    def begin(self, now: datetime) -> Walk:
        """The walk of the feed whose turn it is. Raises CursorExpired when search no longer reaches back to it."""
        feed, limit = self.turn, limit_of(now)
        self._check_reach(limit)
        since, at = self.done.get(feed.name, (None, None))
        if since and (feed.mentions or time_of(since) >= limit):
            return Walk(feed=feed, began=now, since=since)
        start = min(self.floor or now - self.first_sync, (at or now) - OVERLAP)
        return Walk(feed=feed, began=now, start=start if feed.mentions else max(start, limit))

    def _check_reach(self, limit: datetime) -> None:
        """Raises CursorExpired when a search was last walked before what X still searches."""
        last = [
            self.done[feed.name][1] for feed in self.feeds if not feed.mentions and feed.name in self.done
        ]
        if last and min(last) < limit:
            raise CursorExpired(
                f"{self.account}: not searched since {min(last):%Y-%m-%d %H:%M} UTC, and X searches seven days"
            )

    def after(self, walk: Walk, token: str | None, now: datetime) -> Round:
        """The standing after a page of `walk`, whose answer had this next token."""
        if token:
            return replace(self, walk=replace(walk, token=token), reset=False)
        if walk.mentions and walk.read >= MENTIONS_REACH and walk.oldest:
            return replace(self, walk=walk.beyond(now), reset=False)
        before, _ = self.done.get(walk.feed.name, (None, None))
        highest = newest(filter(None, (before, walk.newest)))
        done = {**self.done, walk.feed.name: (highest, walk.began)}
        following = self.feeds.index(walk.feed) + 1
        if following < len(self.feeds):
            return replace(self, done=done, walk=None, turn=self.feeds[following], reset=False)
        names = {feed.name for feed in self.feeds}
        kept = {name: state for name, state in done.items() if name in names}
        return replace(self, done=kept, walk=None, turn=self.feeds[0], floor=None, reset=False, gap="")

    @property
    def finished(self) -> bool:
        """Whether this is the rest between two rounds."""
        return self.walk is None and self.turn == self.feeds[0]


def resynced(cursor: Cursor, now: datetime) -> Cursor:
    """A cursor from which every feed is read anew: searches from as far back as X searches.

    Mentions, which reach further, from where they stood if that is earlier. User ids are kept.
    """
    known = cursor.value if cursor.version == VERSION else {}
    floor = limit_of(now)
    done: Mapping[str, tuple[str | None, str]] = known.get("done", {})
    stood = [_moment(at) for name, (_, at) in done.items() if name.startswith("search:")]
    stood += [_moment(start)] if (start := known.get("walk", {}).get("start")) else []
    value: dict[str, Any] = {
        "users": known.get("users", {}),
        "done": {name: [None, at] for name, (_, at) in done.items() if name.startswith("mentions:")},
        "floor": floor.isoformat(),
        "reset": True,
    }
    if stood and min(stood) < floor:
        value["gap"] = (
            f"gap: posts of {min(stood):%Y-%m-%d %H:%M} to {floor:%Y-%m-%d %H:%M} UTC are beyond the seven days "
            "that X searches; only mentions were read there"
        )
    return Cursor(account=cursor.account, version=VERSION, value=value)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _walk_value(walk: Walk) -> dict[str, Any]:
    value = {
        "feed": walk.feed.name, "began": walk.began.isoformat(), "since": walk.since,
        "start": walk.start.isoformat() if walk.start else None, "token": walk.token, "newest": walk.newest,
        "oldest": walk.oldest, "until": walk.until, "read": walk.read, "restarted": walk.restarted,
    }  # fmt: skip
    return {name: item for name, item in value.items() if item}


def _walk_of(value: Mapping[str, Any], feeds: Mapping[str, Feed]) -> Walk | None:
    """The walk as it was stored; None when there is none, or its feed is no longer wanted."""
    if value.get("feed") not in feeds:
        return None
    stored = {name: item for name, item in value.items() if name not in ("feed", "began", "start")}
    start = _moment(value["start"]) if "start" in value else None
    return Walk(feed=feeds[value["feed"]], began=_moment(value["began"]), start=start, **stored)
