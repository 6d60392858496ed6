"""How far the pipeline is, read from its own database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from triage.store import db

_SQL = db.queries(__file__)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What is stored, decided, queued and labelled at a moment."""

    mails: int
    posts: int
    quarantined: int
    undecided: int
    queue: int
    labels_pending: int
    labels: int

    @property
    def settled(self) -> bool:
        """Everything stored is decided, and every mailbox shows it."""
        return self.undecided == 0 and self.labels_pending == 0

    def line(self) -> str:
        """For the terminal."""
        return (
            f"mails {self.mails:4}  posts {self.posts:4}  to classify {self.undecided:4}  queue {self.queue:4}  "
            f"labels on mails {self.labels:4} ({self.labels_pending} to send)"
        )


class Watch:
    """Reads the figures; one connection for each look, so that a restart of the database does not matter."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def counts(self) -> Counts:
        """The figures now."""
        with db.connect(self.dsn, name="demo") as connection:
            return Counts(**db.rows(connection, _SQL["counts"])[0])

    def collected_since(self, moment: datetime, accounts: int) -> bool:
        """Whether every account was collected to its end after `moment`."""
        with db.connect(self.dsn, name="demo") as connection:
            found = db.rows(connection, _SQL["cursors"])
        return len(found) == accounts and all(row["updated_at"] > moment for row in found)

    def known(self) -> set[str]:
        """Ids of mails and posts that are stored or in quarantine."""
        with db.connect(self.dsn, name="demo") as connection:
            return {row["native_id"] for row in db.rows(connection, _SQL["known"])}

    def label_changes(self) -> int:
        """How many labels were ever decided on."""
        with db.connect(self.dsn, name="demo") as connection:
            return int(db.rows(connection, _SQL["label_changes"])[0]["n"])

    def quarantined(self) -> list[str]:
        """What could not be read, and why."""
        with db.connect(self.dsn, name="demo") as connection:
            return [
                f"{r['source']} {r['native_id']}: {r['reason']}"
                for r in db.rows(connection, _SQL["quarantined"])
            ]


def wait(
    condition: Callable[[], bool], each: Callable[[], None], pause: Callable[[float], None], limit: float
) -> bool:
    """Look every second until the condition holds or `limit` seconds are over; whether it held."""
    passed = 0.0
    while passed < limit:
        each()
        if condition():
            return True
        pause(1.0)
        passed += 1.0
    return False
