"""The streams of counts, and where their detectors stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from triage.store import db

_SQL = db.queries(__file__)

ARRIVALS = "arrivals"
"""The feed of a mailbox that counts mail as it is found, before it is read."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A detector as it was left. `judged`: how many messages its last bins held, as long as a latecomer may be late."""

    stream: str
    closed_to: datetime
    state: Mapping[str, Any]
    held_since: datetime | None = None
    judged: int = 0


@dataclass(frozen=True, kw_only=True)
class Horizon:
    """How far an account is read: `complete_at` all of it, `updated_at` when it was asked last.

    `arrivals_from`: since when mail is counted as it is found, before it is read; None: it is not.
    """

    account: str
    updated_at: datetime | None
    complete_at: datetime | None
    arrivals_from: datetime | None


@dataclass(frozen=True, kw_only=True)
class Feed:
    """A term that is counted at an account, and its oldest and newest minute."""

    account: str
    term: str
    oldest: datetime
    newest: datetime


def lock(connection: Connection) -> None:
    """One run at a time, until the end of the transaction."""
    db.execute(connection, _SQL["lock"])


def load(connection: Connection, *, late: timedelta) -> dict[str, Kept]:
    """All detectors by stream."""
    return {r["stream"]: Kept(**r) for r in db.rows(connection, _SQL["load"], {"late": late})}


def save(connection: Connection, detectors: Sequence[Kept]) -> None:
    """Keep where they stand now."""
    rows = [(d.stream, d.closed_to, Json(d.state), d.held_since) for d in detectors]
    db.values(connection, _SQL["save"], rows)


def add_bins(connection: Connection, bins: Sequence[tuple[str, datetime, int, float, float]]) -> None:
    """Keep what bins brought: stream, beginning, count, expected, score."""
    db.values(connection, _SQL["add_bins"], bins)


def prune(connection: Connection, before: datetime) -> int:
    """Drop bins from before then that belong to no incident; how many."""
    return db.execute(connection, _SQL["prune"], (before,))


def topics(connection: Connection) -> list[str]:
    """Topics that a crisis can be about."""
    return [r["key"] for r in db.rows(connection, _SQL["topics"])]


def horizons(connection: Connection, accounts: Sequence[str]) -> list[Horizon]:
    """How far each of the accounts is read."""
    return [Horizon(**r) for r in db.rows(connection, _SQL["horizons"], (list(accounts),))]


def feeds(connection: Connection, accounts: Sequence[str], since: datetime) -> list[Feed]:
    """What was counted and not read since then."""
    return [Feed(**r) for r in db.rows(connection, _SQL["feeds"], (list(accounts), since))]


def first_messages(connection: Connection, accounts: Sequence[str], since: datetime) -> dict[str, datetime]:
    """When the first message since then was sent, by account."""
    return {
        r["account"]: r["at"] for r in db.rows(connection, _SQL["first_messages"], (list(accounts), since))
    }


def by_topic(
    connection: Connection, accounts: Sequence[str], since: datetime, until: datetime
) -> list[dict[str, Any]]:
    """Minutes in which people wrote about a topic: `topic`, `bin`, `count`, `authors`."""
    return db.rows(connection, _SQL["by_topic"], _span(accounts, since, until))


def by_account(
    connection: Connection, accounts: Sequence[str], since: datetime, until: datetime
) -> list[dict[str, Any]]:
    """Minutes in which people wrote to an account: `account`, `bin`, `count`, `authors`."""
    return db.rows(connection, _SQL["by_account"], _span(accounts, since, until))


def by_feed(
    connection: Connection, accounts: Sequence[str], since: datetime, until: datetime
) -> list[dict[str, Any]]:
    """Minutes in which something was counted before it was read: `account`, `feed`, `bin`, `count`."""
    return db.rows(connection, _SQL["by_feed"], _span(accounts, since, until))


def _span(accounts: Sequence[str], since: datetime, until: datetime) -> dict[str, Any]:
    return {"accounts": list(accounts), "since": since, "until": until}
