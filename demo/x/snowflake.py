"""Ids that hold their time: milliseconds since X's epoch, shifted by 22 bits."""

from __future__ import annotations

from datetime import UTC, datetime

EPOCH_MS = 1288834974657
SHIFT = 22


def first_id(ms: float) -> int:
    """The smallest id of a moment, in milliseconds since 1970."""
    return max(0, int(ms) - EPOCH_MS) << SHIFT


def milliseconds(snowflake: int) -> int:
    """When an id was made, in milliseconds since 1970."""
    return (snowflake >> SHIFT) + EPOCH_MS


def iso(ms: int) -> str:
    """A moment as X writes it: 2026-11-22T20:39:00.000Z."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def minute(ms: float) -> str:
    """A moment as X's error messages write it: 2026-11-22T20:39Z."""
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%MZ}"


def parse_ms(text: str) -> int:
    """Milliseconds since 1970 of an ISO moment; one without an offset counts as UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
