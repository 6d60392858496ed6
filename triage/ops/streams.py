"""The streams of counts that crises show in, minute by minute, and up to where each may be judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from psycopg2.extensions import connection as Connection

from triage.core.incident import Stream
from triage.store import detectors
from triage.store.detectors import Horizon, Kept

BIN = timedelta(minutes=1)

GRACE = timedelta(minutes=1)
"""Networks show a post some seconds after it was written."""

LATE = timedelta(minutes=10)
"""Who is found so late still counts, in the first minute that is open."""

PATIENCE = timedelta(minutes=20)
"""How long all wait for an account that is not read to its end; then they go on with what there is."""

LAGGING = timedelta(minutes=5)

HISTORY = timedelta(days=7)
"""What a new detector learns from."""

REST = timedelta(hours=1)
"""A stream that cannot be closed for so long is let be until it can."""

EVERYTHING = "all"

Counts = Mapping[datetime, tuple[int, int | None]]
"""Minute to messages and different people; None: nobody counted those."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A stream with its counts from some minutes before `kept.closed_to` on; `closes`: up to where it may be closed.

    `late`: messages sent in minutes that were closed, and found since. `changed`: `kept` is to be saved.
    """

    stream: Stream
    kept: Kept
    closes: datetime
    counts: Counts
    late: int
    changed: bool


def floor(moment: datetime) -> datetime:
    """The beginning of its minute."""
    return moment.replace(second=0, microsecond=0)


def streams(connection: Connection, accounts: Sequence[str], *, now: datetime) -> list[Counted]:
    """All streams that live: topics first, then accounts and counted terms, then everything."""
    known = detectors.load(connection, late=LATE)
    horizons = [h for h in detectors.horizons(connection, accounts) if h.updated_at is not None]
    if not horizons:
        return []
    plans = _plans(connection, horizons, known.get(EVERYTHING), now)
    starts: dict[str, datetime] = {}
    if any(plan.stream.name not in known for plan in plans):
        starts = detectors.first_messages(connection, [h.account for h in horizons], now - HISTORY)
    placed = [(plan, plan.placed(known.get(plan.stream.name), starts, now)) for plan in plans]
    living = [(p, kept) for p, kept in placed if kept.closed_to < p.closes or kept.closed_to > now - REST]
    if not living:
        return []
    since = min(kept.closed_to for _, kept in living) - LATE
    counts = _counts(connection, horizons, since, now)
    return [
        plan.counted(kept, counts.get(plan.stream.name, {}), known.get(plan.stream.name))
        for plan, kept in living
    ]


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """A stream, up to where it may be closed, and where it begins if it is new."""

    stream: Stream
    closes: datetime
    begins: datetime | None = None
    held_since: datetime | None = None

    def placed(self, known: Kept | None, starts: Mapping[str, datetime], now: datetime) -> Kept:
        """Where its detector stands, or begins: with the first message there is of it, or now."""
        if known is not None:
            return replace(
                known, closed_to=max(known.closed_to, floor(now - HISTORY)), held_since=self.held_since
            )
        own = [at for account, at in starts.items() if self.stream.account in (None, account)]
        begins = self.begins or min(own, default=now)
        return Kept(stream=self.stream.name, closed_to=floor(begins), state={}, held_since=self.held_since)

    def counted(self, kept: Kept, counts: Counts, known: Kept | None) -> Counted:
        """With its counts, and those who came late."""
        late = 0
        if known is not None and known.closed_to == kept.closed_to:
            there = sum(n for at, (n, _) in counts.items() if kept.closed_to - LATE <= at < kept.closed_to)
            late = max(0, there - known.judged)
        return Counted(
            stream=self.stream, kept=kept, closes=self.closes, counts=counts, late=late,
            changed=known is None or known.held_since != kept.held_since,
        )  # fmt: skip


def _plans(
    connection: Connection, horizons: Sequence[Horizon], everything: Kept | None, now: datetime
) -> list[_Plan]:
    closes, held = _all_read_to(horizons, everything.held_since if everything else None, now)
    plans = [
        _Plan(stream=Stream(name=f"topic:{topic}", topic=topic), closes=closes)
        for topic in detectors.topics(connection)
    ]
    plans += [
        _Plan(stream=Stream(name=f"account:{h.account}", account=h.account), closes=_read_to(h, now))
        for h in horizons
    ]
    accounts = [h.account for h in horizons]
    plans += [
        _Plan(
            stream=Stream(name=f"feed:{feed.account}:{feed.term}", account=feed.account),
            closes=feed.newest + BIN,
            begins=feed.oldest,
        )
        for feed in detectors.feeds(connection, accounts, floor(now - HISTORY))
    ]
    return [*plans, _Plan(stream=Stream(name=EVERYTHING), closes=closes, held_since=held)]


def _read_to(horizon: Horizon, now: datetime) -> datetime:
    """Up to where everything that an account got is counted."""
    counted = horizon.updated_at if horizon.arrivals_from else horizon.complete_at
    return floor(min(counted or now - HISTORY, now) - GRACE)


def _all_read_to(
    horizons: Sequence[Horizon], held_since: datetime | None, now: datetime
) -> tuple[datetime, datetime | None]:
    """Up to where all accounts are read, and since when they are waited for (None: they are not)."""
    complete = {h.account: h.complete_at or now - HISTORY for h in horizons}
    lagging = {account for account, at in complete.items() if at < now - LAGGING}
    if not lagging:
        return floor(min(*complete.values(), now) - GRACE), None
    held = held_since or now
    at_work = {h.account: h.updated_at for h in horizons if h.updated_at and h.updated_at >= now - LAGGING}
    if now - held <= PATIENCE or not at_work:
        return floor(min(complete.values()) - GRACE), held
    there = [at if account in lagging else complete[account] for account, at in at_work.items()]
    return floor(min(*there, now) - GRACE), held


def _counts(
    connection: Connection, horizons: Sequence[Horizon], since: datetime, until: datetime
) -> Mapping[str, Counts]:
    """By stream. The volume of a mailbox is what was found there, from when that is counted."""
    accounts = [h.account for h in horizons]
    found: dict[str, dict[datetime, tuple[int, int | None]]] = defaultdict(dict)
    for row in detectors.by_topic(connection, accounts, since, until):
        found[f"topic:{row['topic']}"][row["bin"]] = (row["count"], row["authors"])
    arrivals_from = {h.account: h.arrivals_from for h in horizons}
    for row in detectors.by_account(connection, accounts, since, until):
        begun = arrivals_from[row["account"]]
        if begun is None or row["bin"] < begun:
            found[f"account:{row['account']}"][row["bin"]] = (row["count"], row["authors"])
    for row in detectors.by_feed(connection, accounts, since, until):
        of_account = row["feed"] == detectors.ARRIVALS
        name = f"account:{row['account']}" if of_account else f"feed:{row['account']}:{row['feed']}"
        found[name][row["bin"]] = (row["count"], None)
    for account in accounts:
        for at, (count, authors) in found[f"account:{account}"].items():
            others, people = found[EVERYTHING].get(at, (0, 0))
            found[EVERYTHING][at] = (others + count, (people or 0) + (count if authors is None else authors))
    return found
