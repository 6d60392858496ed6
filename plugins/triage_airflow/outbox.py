"""The outbox of replies: a trigger that looks into it, in no process of its own, and the task that it wakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetWatcher

from triage_airflow.runtime import database, replier_of, say, task_errors
from triage_airflow.triggers import ArrivalTrigger, Lane

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg2.extensions import connection as Connection

    from triage.config import Account
    from triage.ops.look import Sight
    from triage.ops.report import Report

EVERY = 2.0
"""Seconds between two looks: one query of an index, for each account."""


def outbox(account: Account) -> Asset:
    """The asset that changes when somebody wants a reply sent from an account; it starts the DAG `reply_<account>`."""
    trigger = OutboxTrigger(account=account.name, poll=EVERY)
    watcher = AssetWatcher(name=f"outbox_{account.name}", trigger=trigger)
    return Asset(f"triage/outbox/{account.name}", watchers=[watcher])


class OutboxTrigger(ArrivalTrigger):
    """Fires once for what responders wrote, and again when nobody came for it."""

    purpose = ("replies", "sends")

    @staticmethod
    def make_lane(account: str) -> Lane:
        """The thread that looks."""
        return OutboxLane(account)


class OutboxLane(Lane):
    """Looks into our database only."""

    def _open(self) -> Callable[[], Sight | None]:
        from triage.ops import reply
        from triage.ops.look import Sight

        connection = self._opened.enter_context(database())
        newest = 0

        def look() -> Sight:
            nonlocal newest
            waiting = reply.waiting(connection, self._account)
            arrived = (waiting.newest or 0) > newest
            newest = max(newest, waiting.newest or 0)
            return Sight(arrived=arrived, stored=waiting.count, waiting=waiting)

        return look


def send(account_name: str) -> dict[str, Any]:
    """Send what people wrote, of one account, and the next of every approved fan-out, until there is no more."""
    from triage.ops import fanout
    from triage.ops.report import Report

    total = Report(verb="reply", account=account_name)
    with task_errors(), database() as connection:
        while True:
            report = send_from(connection, account_name)
            say(report)
            total.add(report)
            advanced = fanout.advance(connection)
            if not advanced.queued:
                return total.figures()
            say(f"fan-out: {advanced}")


def send_from(connection: Connection, account_name: str) -> Report:
    """Send what the outbox holds for one account. Raises Fatal or ConfigError."""
    from functools import partial

    from triage.config import load
    from triage.ops import reply
    from triage.ops.sources import limits_of, quota_of

    settings = load()
    account = settings.triage.account(account_name)
    return reply.send(
        connection,
        partial(replier_of, account, settings, connection),
        account.name,
        units_per_day=quota_of(account, settings).units_per_day,
        **limits_of(account, settings),
    )
