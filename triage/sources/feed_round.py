"""Where an account stands in its feeds: the round, the walk through one feed, and both as a cursor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from triage.core.errors import CursorExpired
from triage.core.types import Cursor
from triage.sources.base import SourceSettings
from triage.sources.json_http import moment

VERSION = 1
OVERLAP = timedelta(minutes=5)
SWEEP = timedelta(hours=2)
SWEEP_EVERY = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One entry of a feed: `at` is the time it is sorted by, `native_id` empty when it cannot be told."""

    native_id: str
    at: datetime | None
    raw: Any


@dataclass(frozen=True, kw_only=True)
class Listing:
    """One page of a feed, newest first, and the token of the page below it."""

    items: tuple[Item, ...]
    token: str | None


@dataclass(frozen=True, kw_only=True)
class Walk:
    """A feed being walked down to `floor`. `since` is what had been read before, `newest` what is seen now."""

    feed: str
    began: datetime
    since: datetime
    floor: datetime
    swept: datetime
    token: str | None = None
    newest: datetime | None = None
    restarted: bool = False


_WALK_TIMES = ("began", "since", "floor", "swept", "newest")


@dataclass(frozen=True, kw_only=True)
class Round:
    """Where an account stands. `read`: by feed, the newest time read and when it was last swept."""

    account: str
    feeds: tuple[str, ...]
    first_sync: timedelta
    turn: str
    me: str = ""
    read: Mapping[str, tuple[datetime, datetime]] = field(default_factory=dict)
    walk: Walk | None = None
    floor: datetime | None = None
    reset: bool = False
    recent: tuple[str, ...] = ()
    memory: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, cursor: Cursor | None, settings: SourceSettings, feeds: tuple[str, ...]) -> Round:
        """The standing a cursor holds, on the feeds of today's configuration. Raises CursorExpired."""
        if cursor is not None and cursor.version != VERSION:
            raise CursorExpired(
                f"{settings.account}: the cursor is of version {cursor.version}, not {VERSION}"
            )
        value = cursor.value if cursor is not None else {}
        turn, walk = value.get("turn"), value.get("walk", {})
        return cls(
            account=settings.account,
            feeds=feeds,
            first_sync=settings.first_sync,
            turn=turn if turn in feeds else feeds[0],
            me=value.get("me", ""),
            read={name: (time_of(to), time_of(swept)) for name, (to, swept) in value.get("read", {}).items()},
            walk=_walk(walk) if walk.get("feed") in feeds else None,
            floor=moment(value.get("floor")),
            reset=bool(value.get("reset")),
            recent=tuple(value.get("recent", ())),
            memory=value.get("memory", {}),
        )

    def cursor(self) -> Cursor:
        """All of it as JSON, with nothing that is empty."""
        value = {
            "me": self.me,
            "read": {name: [to.isoformat(), swept.isoformat()] for name, (to, swept) in self.read.items()},
            "turn": self.turn,
            "walk": _walk_value(self.walk) if self.walk else None,
            "floor": self.floor.isoformat() if self.floor else None,
            "reset": self.reset,
            "recent": list(self.recent),
            "memory": dict(self.memory),
        }
        return Cursor(account=self.account, version=VERSION, value={k: v for k, v in value.items() if v})

    def begin(self, now: datetime) -> Walk:
        """The walk of the feed whose turn it is."""
        if self.turn not in self.read:
            since = self.floor or now - self.first_sync
            return Walk(feed=self.turn, began=now, since=since, floor=since, swept=now)
        since, swept = self.read[self.turn]
        sweeping = now - swept >= SWEEP_EVERY
        floor = since - (SWEEP if sweeping else OVERLAP)
        return Walk(feed=self.turn, began=now, since=since, floor=floor, swept=now if sweeping else swept)

    def after(self, walk: Walk, listing: Listing) -> Round:
        """The standing after a page of `walk`. A time that lies ahead counts as now: it must not hide others."""
        times = [item.at for item in listing.items if item.at]
        seen = [min(at, walk.began) for at in (*times, *([walk.newest] if walk.newest else []))]
        walk = replace(walk, newest=max(seen, default=None))
        below = bool(times) and times[-1] < walk.floor
        if listing.token and listing.token != walk.token and not below:
            return replace(self, walk=replace(walk, token=listing.token), reset=False)
        return self._past(walk, max(walk.since, walk.newest or walk.since))

    def without(self, walk: Walk) -> Round:
        """The standing when this feed is left for the next round: its mark stays where it was."""
        return self._past(walk, walk.since)

    def _past(self, walk: Walk, read_to: datetime) -> Round:
        read = {**self.read, walk.feed: (read_to, walk.swept)}
        following = self.feeds.index(walk.feed) + 1
        if following < len(self.feeds):
            return replace(self, read=read, walk=None, turn=self.feeds[following], reset=False)
        kept = {name: mark for name, mark in read.items() if name in self.feeds}
        return replace(self, read=kept, walk=None, turn=self.feeds[0], floor=None, reset=False)

    @property
    def finished(self) -> bool:
        """Whether this is the rest between two rounds."""
        return self.walk is None and self.turn == self.feeds[0]


def resynced(cursor: Cursor, first: datetime) -> Cursor:
    """A cursor from which every feed is read anew, from `first` or from where the earliest stood before it."""
    value = cursor.value if cursor.version == VERSION else {}
    stood = [time_of(to) - OVERLAP for to, _ in value.get("read", {}).values()]
    stood += [time_of(value["walk"]["floor"])] if "walk" in value else []
    fresh = {
        "floor": min((*stood, first)).isoformat(), "reset": True, "recent": list(value.get("recent", ())),
    }  # fmt: skip
    return Cursor(account=cursor.account, version=VERSION, value={k: v for k, v in fresh.items() if v})


def time_of(text: str) -> datetime:
    """A time that a cursor holds. Raises CursorExpired when it is none."""
    at = moment(text)
    if at is None:
        raise CursorExpired(f"the cursor holds {text!r} where a time should be")
    return at


def _walk_value(walk: Walk) -> dict[str, Any]:
    times = {name: at.isoformat() for name in _WALK_TIMES if (at := getattr(walk, name))}
    rest = {"feed": walk.feed, "token": walk.token, "restarted": walk.restarted}
    return {**times, **{name: value for name, value in rest.items() if value}}


def _walk(value: Mapping[str, Any]) -> Walk:
    stored: dict[str, Any] = {n: time_of(item) if n in _WALK_TIMES else item for n, item in value.items()}
    return Walk(**stored)
