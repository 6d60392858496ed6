"""What the figures for Prometheus are counted from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.store import db

_SQL = db.queries(__file__)

PULSE = (
    "accounts", "spend", "pauses", "replies", "replies_aside", "notices", "leases", "detectors", "incidents", "model",
)  # fmt: skip
"""Milliseconds whatever the size of the database."""

COUNTS = ("queue", "labels", "unread", "mix", "size")
"""These grow with the queue, or with what came in a day."""


def rows(connection: Connection, names: Sequence[str], accounts: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of these queries, one after another."""
    return [row for name in names for row in db.rows(connection, _SQL[name], {"accounts": list(accounts)})]
