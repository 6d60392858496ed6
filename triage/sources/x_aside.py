"""What X is asked beside the walk of its feeds: counts of posts, and whether posts are still there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from triage.core.errors import Retry
from triage.sources.x_http import XClient
from triage.sources.x_post import is_id
from triage.sources.x_round import Round

Bins = Mapping[str, Sequence[tuple[datetime, int]]]
"""Posts a minute, (start of the minute, count) in order, by query."""

CHECK_EVERY = timedelta(minutes=15)
"""How often posts that wait are looked at for deletion."""

NEAR_MIDNIGHT = timedelta(minutes=1)
"""So short before a new day nothing is looked at again: it would be billed anew."""

AT_A_TIME = 100
MOST_CHECKED = 1000
"""Posts of one request (docs.x.com, post lookup), and of one check."""

LONGEST_COUNT = timedelta(days=1)
SETTLED = timedelta(seconds=30)
"""Counts end so long ago, like search."""


def due(round_: Round, now: datetime) -> bool:
    """Whether it is time to look for deleted posts: between two rounds, and not as a day ends."""
    recent = round_.checked is not None and now - round_.checked < CHECK_EVERY
    return round_.finished and not recent and (now + NEAR_MIDNIGHT).date() == now.date()


def deleted_among(client: XClient, ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """Which of the posts are gone, and which X returned and bills, unless it did today. Protected ones are neither."""
    gone: list[str] = []
    there: list[str] = []
    for start in range(0, min(len(ids), MOST_CHECKED), AT_A_TIME):
        body = client.get(client.api.get_tweets, list(ids[start : start + AT_A_TIME]))
        posts, errors = body.get("data", []), body.get("errors", [])
        there += [p["id"] for p in posts if isinstance(p, dict) and is_id(p.get("id"))]
        gone += [
            str(e.get("resource_id") or e.get("value"))
            for e in errors
            if isinstance(e, dict) and str(e.get("type", "")).endswith("/resource-not-found")
        ]
    return [id_ for id_ in gone if id_ in ids], there


def counted(client: XClient, queries: Sequence[str], since: datetime, now: datetime) -> Bins:
    """Posts a minute of each query since then, a day at most; only minutes that are over."""
    end = (now - SETTLED).replace(second=0, microsecond=0)
    start = max(since, end - LONGEST_COUNT).replace(second=0, microsecond=0)
    if start >= end:
        return {}
    return {query: _minutes(client, query, start, end) for query in queries}


def _minutes(client: XClient, query: str, start: datetime, end: datetime) -> list[tuple[datetime, int]]:
    body = client.get(
        client.api.get_recent_tweets_count, query, granularity="minute", start_time=start, end_time=end
    )
    return [_bin(entry) for entry in body.get("data", [])]


def _bin(entry: Any) -> tuple[datetime, int]:
    try:
        return datetime.fromisoformat(entry["start"]).astimezone(UTC), int(entry["tweet_count"])
    except (KeyError, TypeError, ValueError):
        raise Retry("X answered something that is not a list of counts") from None
