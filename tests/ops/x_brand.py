"""Our account on X collected into a database as a DAG run does it, both clocks in hand, the bill beside the ledger."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import connection as Connection

from demo.common.serving import Server
from tests.builders import one, table
from tests.sources.x_world import World
from triage.ops import care, spend
from triage.ops.collect import collect
from triage.ops.report import Report
from triage.store import db, messages


class Brand:
    """One account with a daily cap in millionths of a dollar."""

    def __init__(self, server: Server, connection: Connection, *, cap: int | None = None) -> None:
        self.connection = connection
        self.world = World(server)
        self.cap = cap

    def source(self, **changes: Any) -> Any:
        """A new source, as a new process makes it."""

        def known(ids: Any) -> set[str]:
            with db.transaction(self.connection):
                return messages.known_ids(self.connection, "brand", ids)

        asks = spend.questions(self.connection, "brand", units_per_day=self.cap, now=self.world.now)
        return self.world.source(known=known, asks=asks, **changes)

    def run(self, **changes: Any) -> Report:
        """One run of collect; the ledger of conversations balances after it."""
        report = collect(self.connection, self.source(**changes), "brand", now=self.world.now)
        assert care.audit(self.connection).balanced
        return report

    def spent(self) -> int:
        """All that our ledger has."""
        return int(one(self.connection, "SELECT coalesce(sum(units), 0) AS n FROM triage.spend_day"))

    def today(self) -> int:
        """What our ledger has for today."""
        with db.transaction(self.connection):
            return spend.spend.spent(self.connection, "brand", self.world.now().date())

    def live(self) -> dict[str, str]:
        """Text by native id of the messages that are there."""
        found = table(self.connection, "SELECT native_id, text FROM triage.message WHERE deleted_at IS NULL")
        return {row["native_id"]: row["text"] for row in found}

    def waiting(self) -> list[str]:
        """What the queue shows."""
        rows = table(self.connection, "SELECT excerpt FROM triage.unanswered_queue ORDER BY waiting_since")
        return [row["excerpt"] for row in rows]
