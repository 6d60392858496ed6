"""Where an X account stands: the feeds of a round, the walk through one of them, and both as a cursor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from triage.core.errors import CursorExpired
from triage.core.types import Cursor
from triage.sources.base import SourceSettings
from triage.sources.x_post import first_id_at, newest, time_of
from triage.sources.x_query import WITHOUT_RETWEETS, pack, query, quotes_of, terms, without

VERSION = 2

SEARCH_REACH = timedelta(days=7)
MARGIN = timedelta(hours=1)
"""Kept from the edge of the seven days: a walk may wait for a rate limit between two pages."""

OVERLAP = timedelta(minutes=2)
"""Search ends 30 s ago, so a feed that found nothing is asked again from a little before it last was."""

PATIENCE = timedelta(minutes=1)
"""How long mentions wait for a search that goes on and on."""

MENTIONS_REACH = 700
"""From so many mentions in one walk on, we look beyond the 800 that X keeps (deleted ones count among them)."""

Done = Mapping[str, tuple[str | None, datetime]]

MENTIONS, OWN, SEARCH = "mentions", "own", "search"
SMALLEST = {MENTIONS: 5, OWN: 5, SEARCH: 10}
"""The least max_results, by kind of feed (docs.x.com)."""


def limit_of(now: datetime) -> datetime:
    """The earliest moment that search is asked for."""
    return now - SEARCH_REACH + MARGIN


@dataclass(frozen=True, kw_only=True)
class Feed:
    """One thing to walk: the mentions of a handle, its own posts, or a search for `terms`."""

    kind: str
    handle: str = ""
    terms: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its key in the cursor."""
        return f"{self.kind}:{query(self.terms) if self.terms else self.handle}"

    @property
    def keys(self) -> tuple[str, ...]:
        """What its standing is kept under. A search stands by its terms: they may be packed anew."""
        return self.terms or (self.name,)


@dataclass(frozen=True, kw_only=True)
class Walk:
    """A feed being walked from its newest post back to the id `since`.

    `until` is set when mentions are followed beyond their reach by search. `beside` leaves out of a search what the
    timelines have found and X would bill again.
    """

    feed: Feed
    began: datetime
    since: str
    token: str | None = None
    newest: str | None = None
    oldest: str | None = None
    until: str | None = None
    beside: str = ""
    read: int = 0
    restarted: bool = False

    @property
    def kind(self) -> str:
        """Where the next page comes from."""
        return SEARCH if self.until else self.feed.kind

    @property
    def query(self) -> str:
        """What to search for."""
        if self.feed.terms:
            return query(self.feed.terms, beside=self.beside)
        return f"@{self.feed.handle}{WITHOUT_RETWEETS}"

    def out_of_reach(self, now: datetime) -> bool:
        """Whether all that is left lies before what X searches: there is nothing to ask for."""
        return self.until is not None and time_of(self.until) <= limit_of(now)

    def again(self) -> Walk:
        """The same walk from its first page."""
        return replace(self, token=None, restarted=True)

    def saw(self, heads: Sequence[str], ids: Sequence[str], *, count: int) -> Walk:
        """After a page: `newest` is the first page's (pages come newest first), `oldest` goes down."""
        low = min((*ids, *([self.oldest] if self.oldest else [])), key=int, default=None)
        return replace(self, newest=self.newest or newest(heads), oldest=low, read=self.read + count)

    def beyond(self, now: datetime) -> Walk:
        """The same stretch by search, below the oldest mention."""
        since = newest([self.since, first_id_at(limit_of(now))]) or self.since
        return replace(self, since=since, token=None, until=self.oldest)


@dataclass(frozen=True, kw_only=True)
class Round:
    """The whole standing of an account.

    `done` has, by key of a feed, the newest id found (None: nothing yet) and when the last complete walk began.
    `turn` is the feed to walk; `walk` is None between two feeds; `held` is a search that waits in mid-walk.
    `floor` is where a resync starts, `gap` what it could not reach, told on the last page of the round. `checked`
    is when posts that wait were last looked at for deletion.
    """

    account: str
    feeds: tuple[Feed, ...]
    first_sync: timedelta
    turn: Feed
    users: Mapping[str, str] = field(default_factory=dict)
    done: Done = field(default_factory=dict)
    walk: Walk | None = None
    held: Walk | None = None
    floor: datetime | None = None
    reset: bool = False
    gap: str = ""
    checked: datetime | None = None

    @classmethod
    def of(
        cls,
        cursor: Cursor | None,
        settings: SourceSettings,
        handles: Sequence[str],
        *,
        ours: Iterable[str] = (),
        today: date | None = None,
    ) -> Round:
        """The standing a cursor holds, on the feeds of today's configuration. Raises CursorExpired.

        `ours` are posts of our own whose quotes are to be found; what X gave `today` (UTC) it gives again for nothing.
        """
        if cursor is not None and cursor.version != VERSION:
            raise CursorExpired(
                f"{settings.account}: the cursor is of version {cursor.version}, not {VERSION}"
            )
        value = cursor.value if cursor is not None else {}
        done = {key: (id_, _moment(at)) for key, (id_, at) in value.get("done", {}).items()}
        feeds = _feeds(settings, handles, ours, done, today)
        by_name = {feed.name: feed for feed in feeds}
        return cls(
            account=settings.account,
            feeds=feeds,
            first_sync=settings.first_sync,
            turn=by_name.get(value.get("turn", ""), feeds[0]),
            users=value.get("users", {}),
            done=done,
            walk=_walk_of(value.get("walk", {}), by_name),
            held=_walk_of(value.get("held", {}), by_name),
            floor=_moment(value["floor"]) if "floor" in value else None,
            reset=bool(value.get("reset")),
            gap=value.get("gap", ""),
            checked=_moment(value["checked"]) if "checked" in value else None,
        )

    def cursor(self) -> Cursor:
        """All of it as JSON, with nothing that is empty."""
        value = {
            "users": dict(self.users),
            "done": {key: [id_, at.isoformat()] for key, (id_, at) in self.done.items()},
            "turn": self.turn.name,
            "walk": _walk_value(self.walk) if self.walk else None,
            "held": _walk_value(self.held) if self.held else None,
            "floor": self.floor.isoformat() if self.floor else None,
            "reset": self.reset,
            "gap": self.gap,
            "checked": self.checked.isoformat() if self.checked else None,
        }
        return Cursor(account=self.account, version=VERSION, value={k: v for k, v in value.items() if v})

    def late(self, now: datetime) -> bool:
        """Whether mentions have waited too long for a search."""
        last = self.done.get(self.feeds[0].name)
        return self.searching and last is not None and now - last[1] > PATIENCE

    @property
    def searching(self) -> bool:
        """Whether the next page is a search."""
        return (self.walk or self.turn).kind == SEARCH

    def walking(self, now: datetime) -> tuple[Round, Walk]:
        """The walk to go on with, or that of the feed whose turn it is; and the standing with it.

        Raises CursorExpired when search no longer reaches back to it. A search that lasts for days, for want of
        money, gives up what X no longer searches, and says so.
        """
        resumed = self.held if self._resumes(self.held) else None
        round_ = replace(self, held=None) if resumed else self
        walk, limit, gap = self.walk or resumed or self._begin(now), limit_of(now), self.gap
        if walk.kind == SEARCH and time_of(walk.since) < limit - MARGIN / 2:
            if walk.began < limit:
                raise CursorExpired(f"{self.account}: a search rested since {walk.began:%Y-%m-%d %H:%M} UTC")
            gap = gap or _gap(time_of(walk.since), limit)
            walk = replace(walk, since=first_id_at(limit))
        return replace(round_, walk=walk, gap=gap), walk

    def _resumes(self, held: Walk | None) -> bool:
        """Whether it is the turn of a walk that was held back: of old mentions, when the timelines are read."""
        if held is None or self.walk is not None:
            return False
        last = self.turn.kind == SEARCH or self.turn == self.feeds[-1]
        return last if held.until else held.feed == self.turn

    def _begin(self, now: datetime) -> Walk:
        feed, limit = self.turn, limit_of(now)
        self._check_reach(limit)
        walked = [self.done[key][1] - OVERLAP for key in feed.keys if key in self.done]
        first = first_id_at(min([self.floor or now - self.first_sync, *walked]))
        since = min((self._stand(key) or first for key in feed.keys), key=int)
        if feed.kind == SEARCH:
            since = max(since, first_id_at(limit), key=int)
        paid_before = feed.kind == SEARCH and time_of(since).date() < now.date()
        handles = [feed.handle for feed in self.feeds if feed.kind == MENTIONS]
        return Walk(feed=feed, began=now, since=since, beside=without(handles) if paid_before else "")

    def held_back(self) -> Round:
        """From the beginning again, so that mentions need not wait for a long search; that one goes on afterwards."""
        return replace(self, walk=None, held=self.walk or self.held, turn=self.feeds[0])

    def _stand(self, key: str) -> str | None:
        """The newest post that was found there. No post is quoted before it is there."""
        found = self.done[key][0] if key in self.done else None
        return found or (key.removeprefix(quotes_of("")) if key.startswith(quotes_of("")) else None)

    def _check_reach(self, limit: datetime) -> None:
        """Raises CursorExpired when a term was last searched before what X still searches."""
        keys = [key for feed in self.feeds if feed.kind == SEARCH for key in feed.keys]
        last = [self.done[key][1] for key in keys if key in self.done]
        if last and min(last) < limit:
            raise CursorExpired(
                f"{self.account}: not searched since {min(last):%Y-%m-%d %H:%M} UTC, and X searches seven days"
            )

    def after(self, walk: Walk, token: str | None, now: datetime) -> Round:
        """The standing after a page of `walk`, whose answer had this next token."""
        if token:
            return replace(self, walk=replace(walk, token=token), reset=False)
        if walk.kind == MENTIONS and walk.read >= MENTIONS_REACH and walk.oldest:
            return replace(self, walk=walk.beyond(now), done=self._done(walk), reset=False)
        done = self._done(walk)
        following = self.feeds.index(walk.feed) + 1
        if following < len(self.feeds):
            return replace(self, done=done, walk=None, turn=self.feeds[following], reset=False)
        keys = {key for feed in self.feeds for key in feed.keys}
        kept = {key: stand for key, stand in done.items() if key in keys}
        return replace(self, done=kept, walk=None, turn=self.feeds[0], floor=None, reset=False, gap="")

    def _done(self, walk: Walk) -> Done:
        """What has been read, with what this walk found."""
        stood = [self.done[key][0] for key in walk.feed.keys if key in self.done]
        highest = newest(filter(None, (*stood, walk.newest)))
        return {**self.done, **dict.fromkeys(walk.feed.keys, (highest, walk.began))}

    @property
    def finished(self) -> bool:
        """Whether this is the rest between two rounds."""
        return self.walk is None and self.turn == self.feeds[0]


def _feeds(
    settings: SourceSettings, handles: Sequence[str], ours: Iterable[str], done: Done, today: date | None
) -> tuple[Feed, ...]:
    """What is walked, cheapest first. A changed list of terms must not read again what was paid for on other days.

    So terms that stand elsewhere are searched apart, until they meet on one day.
    """
    wanted = terms(settings.track) if settings.read == "all" else []
    quoted = [quotes_of(native_id) for native_id in ours] if settings.read == "all" else []
    apart: dict[str, list[str]] = {}
    for one in wanted:
        stand = done[one][0] if one in done else None
        apart.setdefault("today" if stand and time_of(stand).date() == today else stand or "", []).append(one)
    beside = without(handles)
    searched = [group for same in (*apart.values(), quoted) for group in pack(same, beside=beside)]
    return (
        *(Feed(kind=kind, handle=handle) for kind in (MENTIONS, OWN) for handle in handles),
        *(Feed(kind=SEARCH, terms=group) for group in searched),
    )


def resynced(cursor: Cursor, now: datetime) -> Cursor:
    """A cursor from which every feed is read anew: searches from as far back as X searches.

    Timelines, which reach further, from where they stood if that is earlier. User ids are kept.
    """
    known = cursor.value if cursor.version == VERSION else {}
    floor = limit_of(now)
    done: Mapping[str, tuple[str | None, str]] = known.get("done", {})
    timelines = {key: at for key, (_, at) in done.items() if key.startswith((f"{MENTIONS}:", f"{OWN}:"))}
    stood = [_moment(at) for key, (_, at) in done.items() if key not in timelines]
    walk = known.get("walk", {})
    stood += [time_of(walk["since"])] if str(walk.get("feed", "")).startswith(SEARCH) else []
    value: dict[str, Any] = {
        "users": known.get("users", {}),
        "done": {key: [None, at] for key, at in timelines.items()},
        "floor": floor.isoformat(),
        "reset": True,
    }
    if stood and min(stood) < floor:
        value["gap"] = _gap(min(stood), floor)
    return Cursor(account=cursor.account, version=VERSION, value=value)


def _gap(since: datetime, until: datetime) -> str:
    return (
        f"gap: posts of {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC are beyond the seven days that X "
        "searches; only mentions and our own posts were read there"
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _walk_value(walk: Walk) -> dict[str, Any]:
    value = {
        "feed": walk.feed.name, "began": walk.began.isoformat(), "since": walk.since, "token": walk.token,
        "newest": walk.newest, "oldest": walk.oldest, "until": walk.until, "beside": walk.beside, "read": walk.read,
        "restarted": walk.restarted,
    }  # fmt: skip
    return {name: item for name, item in value.items() if item}


def _walk_of(value: Mapping[str, Any], feeds: Mapping[str, Feed]) -> Walk | None:
    """The walk as it was stored; None when there is none, or its feed is no longer wanted."""
    if value.get("feed") not in feeds:
        return None
    stored = {name: item for name, item in value.items() if name not in ("feed", "began")}
    return Walk(feed=feeds[value["feed"]], began=_moment(value["began"]), **stored)
