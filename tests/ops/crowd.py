"""Many people writing: messages that are stored and decided at once, and what detect makes of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from tests.builders import START, decision, message, one, table
from triage.core.types import Cursor, Direction
from triage.ops.detect import Detected, detect
from triage.store import conversations, db, detectors, messages

ACCOUNTS = ("care", "volmera_x")
M = timedelta(minutes=1)


def burst(start: float, count: int = 30, length: float = 3) -> list[float]:
    """So many minutes, evenly spread over `length` minutes from `start`."""
    return [start + i * length / count for i in range(count)]


@dataclass
class Crowd:
    """People who write to two accounts, and a pipeline that reads them. Minutes count from START."""

    connection: Connection
    topic: str = "product_defect"
    numbers: itertools.count[int] = field(init=False)

    def __post_init__(self) -> None:
        """Nobody writes under a number that is taken."""
        self.numbers = itertools.count(one(self.connection, "SELECT count(*) FROM triage.message"))

    def write(
        self, minutes: Sequence[float], *, topic: str | None = None, account: str = "care", **given: Any
    ) -> list[str]:
        """One message of somebody else at each of these minutes; decided unless `topic` is empty."""
        about = self.topic if topic is None else topic
        names = [f"m{next(self.numbers)}" for _ in minutes]
        page = [
            message(n, f"t{n}", account=account, minute=m, **{"author": f"{n}@example.org", **given})
            for n, m in zip(names, minutes, strict=True)
        ]
        with db.transaction(self.connection):
            new, touched = messages.upsert(self.connection, page)
            if about:
                conversations.decide(self.connection, [(i, decision(about)) for i in new])
            conversations.refresh(self.connection, touched)
        return names

    def usual(self, days: float = 2, *, every: float = 30, **given: Any) -> None:
        """Quiet days before START: somebody writes every so many minutes."""
        count = int(days * 1440 / every)
        self.write([-every * (count - i) for i in range(count)], **given)

    def complete_to(self, minute: float, *accounts: str) -> None:
        """Note when accounts (all, unless named) were read to their end last."""
        with db.transaction(self.connection):
            for account in accounts or ACCOUNTS:
                messages.write_cursor(self.connection, Cursor(account=account))
            db.execute(
                self.connection,
                "UPDATE triage.cursor SET complete_at = %s, updated_at = %s WHERE account = ANY (%s)",
                (START + minute * M, START + minute * M, list(accounts or ACCOUNTS)),
            )

    def detect(self, minute: float, *, read: bool = True, heard: bool = True) -> Detected:
        """One run at that minute, with every account read to its end, or as far as was said before.

        `heard`: the DAG respond takes at once what it is told of.
        """
        if read:
            self.complete_to(minute)
        found = detect(self.connection, ACCOUNTS, now=lambda: START + minute * M)
        with db.transaction(self.connection):
            db.execute(
                self.connection,
                "UPDATE triage.incident SET respond_run = 'run' WHERE respond_run IS NULL AND %s",
                (heard,),
            )
        return found

    def incidents(self) -> list[dict[str, Any]]:
        """All there ever were."""
        return table(self.connection, "SELECT * FROM triage.incident ORDER BY id")

    def verbs(self, incident: int | None = None) -> list[str]:
        """What happened in one incident, or in all."""
        sql = "SELECT verb FROM triage.incident_log WHERE %s::bigint IS NULL OR incident_id = %s ORDER BY id"
        return [r["verb"] for r in table(self.connection, sql, incident, incident)]

    def answer(self, names: Sequence[str], minute: float) -> None:
        """Our replies to these."""
        ours = [
            message(
                f"r{n}", f"t{n}", minute=minute, direction=Direction.OUTBOUND, author="care@volmera.example"
            )
            for n in names
        ]
        with db.transaction(self.connection):
            _, touched = messages.upsert(self.connection, ours)
            conversations.refresh(self.connection, touched)

    def rows(self, topic: str) -> list[tuple[int, datetime]]:
        """Priority and due time of who waits on a topic."""
        sql = "SELECT priority, due_at FROM triage.unanswered_queue WHERE topic = %s ORDER BY conversation_id"
        return [(r["priority"], r["due_at"]) for r in table(self.connection, sql, topic)]

    def detectors(self) -> dict[str, Any]:
        """Where they stand."""
        with db.transaction(self.connection):
            return {name: kept.closed_to for name, kept in detectors.load(self.connection, late=M).items()}
