"""What the templates show: links we trust, a row's place in the queue as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from triage.ops.queue import Place, Wanted

AGES = {"1": "hour", "4": "hours4", "24": "day", "72": "days3", "168": "week"}
"""Hours, and the word for them."""

CHANNELS = {"gmail": "Gmail", "x": "X", "bluesky": "Bluesky", "mastodon": "Mastodon"}


def link(url: str) -> str:
    """The address when a browser may open it, else nothing (no script, no data, no file)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("https", "http") and parts.netloc else ""


def wanted_of(given: dict[str, str], user: str) -> Wanted:
    """The filters of an address; what is not understood is not asked for."""
    show, older = given.get("show"), given.get("age")
    cluster = given.get("cluster", "")
    return Wanted(
        topic=given.get("topic") or None,
        lang=given.get("lang") or None,
        source=given.get("channel") or None,
        older=timedelta(hours=int(older)) if older in AGES else None,
        mine=user if show == "mine" else None,
        overdue=show == "overdue",
        snoozed=show == "snoozed",
        held=show == "held",
        words=(given.get("q") or "").replace("\x00", "").strip()[:200] or None,
        cluster=int(cluster) if cluster.isdecimal() and len(cluster) < 19 else None,
    )


def place_text(row: dict[str, Any]) -> str:
    """A row's place, for the address of the next page."""
    return f"{row['priority']}~{row['due_at'].isoformat()}~{row['conversation_id']}"


def place_of(text: str | None) -> Place | None:
    """The place that such a text names; None when it names none."""
    try:
        priority, due_at, conversation_id = (text or "").split("~")
        due = datetime.fromisoformat(due_at)
        if due.tzinfo is None:
            return None
        return Place(priority=int(priority), due_at=due, conversation_id=int(conversation_id))
    except ValueError:
        return None


def now() -> datetime:
    """The moment that ages are counted to."""
    return datetime.now(UTC)
