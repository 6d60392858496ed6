"""What the requests cost, as X's price list has it, and how many there were."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from demo.common.clock import Clock
from demo.common.database import Database

PRICES = {  # millionths of a dollar; docs.x.com pricing, August 2026; mention and own are "owned reads"
    "mention": 1_000,
    "own": 1_000,
    "post": 5_000,
    "user": 10_000,
    "counts": 5_000,
    "create": 15_000,
    "create_with_url": 200_000,
}
LEDGER_SCHEMA = """
CREATE TABLE IF NOT EXISTS billed (
    day TEXT NOT NULL, resource TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (day, resource, id)
);
CREATE TABLE IF NOT EXISTS tally (name TEXT PRIMARY KEY, count INTEGER NOT NULL);
"""


class Ledger:
    """Counts and cost; kept over restarts."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        left = database.setting("credits", "")
        self.credits: int | None = int(left) if left else None

    def set_credits(self, micros: int | None) -> None:
        """What is left to spend, in millionths of a dollar; None: no end to it."""
        self.credits = micros
        self.database.remember("credits", "" if micros is None else str(micros))

    def count(self, name: str, by: int = 1) -> None:
        """Add to a tally."""
        sql = "INSERT INTO tally VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET count = count + ?2"
        self.database.run(sql, name, by)

    def charge(self, what: str, times: int = 1) -> None:
        """Bill something at its price."""
        if times == 0:
            return
        self.count(f"billed {what}", times)
        if self.credits is not None:
            self.set_credits(self.credits - times * PRICES[what])

    def read(self, what: str, ids: list[int]) -> None:
        """Bill resources that were returned; the same one is billed once a UTC day, at its first price."""
        resource = "user" if what == "user" else "post"
        day = f"{datetime.fromtimestamp(self.clock.now(), UTC):%Y-%m-%d}"
        sql = "INSERT OR IGNORE INTO billed VALUES (?, ?, ?)"
        self.count(f"read {resource}", len(ids))
        self.charge(what, sum(self.database.run(sql, day, resource, found) for found in ids))

    def request(self, endpoint: str, status: int) -> None:
        """Count a request and its outcome; status 0 is a dropped connection."""
        self.count(f"endpoint {endpoint}")
        if status == 0 or status >= 400:
            self.count(f"error {status}")

    def as_json(self) -> dict[str, Any]:
        """The tallies, and dollars."""
        rows = self.database.rows("SELECT name, count FROM tally ORDER BY name")
        tally = {str(row["name"]): int(row["count"]) for row in rows}

        def group(word: str) -> dict[str, int]:
            return {
                name.removeprefix(f"{word} "): n for name, n in tally.items() if name.startswith(f"{word} ")
            }

        billed, endpoints = group("billed"), group("endpoint")
        micros = {what: times * PRICES[what] for what, times in billed.items()}
        return {
            "requests": sum(endpoints.values()),
            "by_endpoint": endpoints,
            "errors": group("error"),
            "posts_read": tally.get("read post", 0),
            "users_read": tally.get("read user", 0),
            "billed": billed,
            "cost": {what: amount / 1e6 for what, amount in micros.items()},
            "cost_usd": sum(micros.values()) / 1e6,
            "credits_left_usd": None if self.credits is None else self.credits / 1e6,
        }

    def reset(self) -> None:
        """Count from zero; what was billed today stays billed."""
        self.database.run("DELETE FROM tally")
