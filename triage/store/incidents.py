"""Incidents: what detect writes about them, what people do to them, what is read of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from triage.core.surge import Surge
from triage.store import db, queue

_SQL = db.queries(__file__)


@dataclass(frozen=True, kw_only=True)
class Incident:
    """An incident as detect needs to know it."""

    id: int
    topic: str | None
    account: str | None
    stream: str
    onset: datetime
    alarmed_at: datetime
    surge_ended_at: datetime | None
    state: str
    severity: int
    closed_at: datetime | None
    opened_by: str
    watched_until: datetime | None


def lock(connection: Connection) -> None:
    """Nobody else changes an incident until the end of the transaction; see triage.lock_incidents."""
    db.execute(connection, _SQL["lock"])


def end_watches(connection: Connection, now: datetime) -> int:
    """Close those that were watched long enough; how many."""
    return db.execute(connection, _SQL["end_watches"], {"now": now})


def watched_streams(connection: Connection) -> set[str]:
    """Streams on which less is enough for an alarm."""
    return {r["stream"] for r in db.rows(connection, _SQL["watched_streams"])}


def current(connection: Connection, closed_after: datetime) -> list[Incident]:
    """Those that are open or watched, and those that were closed after that moment."""
    return [Incident(**r) for r in db.rows(connection, _SQL["current"], (closed_after,))]


def open_new(
    connection: Connection,
    surge: Surge,
    *,
    stream: str,
    topic: str | None,
    account: str | None,
    now: datetime,
) -> int:
    """Open an incident for a surge; its id."""
    given = {**_figures(surge), "stream": stream, "topic": topic, "account": account, "now": now}
    incident = int(db.rows(connection, _SQL["open"], given)[0]["id"])
    log(connection, incident, "open", now, detail=_told(stream, surge))
    return incident


def reopen(connection: Connection, incident: int, surge: Surge, *, stream: str, now: datetime) -> None:
    """What was watched is on again."""
    db.execute(connection, _SQL["reopen"], {**_figures(surge), "id": incident, "stream": stream})
    log(connection, incident, "reopen", now, reason="a new surge", detail=_told(stream, surge))


def grow(
    connection: Connection, incident: int, surge: Surge, *, verb: str, stream: str, now: datetime
) -> None:
    """A surge of an open incident: alarmed again, or graver. `verb`: alarm or escalate."""
    db.execute(connection, _SQL["grow"], {**_figures(surge), "id": incident, "stream": stream})
    log(connection, incident, verb, now, detail=_told(stream, surge))


def end_surge(connection: Connection, incident: int, surge: Surge, *, stream: str, now: datetime) -> None:
    """The surge is over; people may still wait."""
    db.execute(connection, _SQL["end_surge"], {**_figures(surge), "id": incident, "at": surge.at})
    log(connection, incident, "end", now, detail=_told(stream, surge))


def name(
    connection: Connection,
    incident: int,
    topic: str,
    *,
    now: datetime,
    detail: dict[str, Any],
    reason: str | None = None,
) -> None:
    """What it is about is known; whoever responds takes it anew. `detail` has `was` where it had another name."""
    db.execute(connection, _SQL["name"], {"id": incident, "topic": topic, "now": now})
    log(connection, incident, "name", now, reason=reason, detail={"topic": topic, **detail})


def close(connection: Connection, incident: int, *, reason: str, days: int, now: datetime) -> None:
    """Close by rule, and watch for so many days."""
    db.execute(connection, _SQL["close"], {"id": incident, "reason": reason, "days": days, "now": now})
    log(connection, incident, "close", now, reason=reason, detail={"days": days})


def alone(connection: Connection, *, told_before: datetime) -> list[dict[str, Any]]:
    """Open incidents (`incident`, `topic`) that no run of respond has taken, and detect said nothing of since then."""
    return db.rows(connection, _SQL["alone"], (told_before,))


def log(
    connection: Connection,
    incident: int,
    verb: str,
    at: datetime,
    *,
    by: str = "detect",
    reason: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Write down what happened."""
    db.execute(connection, _SQL["log"], (incident, verb, by, at, reason, Json(detail or {})))


def read_topics(
    connection: Connection, account: str | None, since: datetime, until: datetime, *, most: int
) -> list[tuple[str, dict[str, float]]]:
    """What the newest that was read of that time is about: topic, and chances by topic where a model decided."""
    given = {"account": account, "since": since, "until": until, "most": most}
    return [
        (row["topic"], {one["topic"]: float(one["score"]) for one in row["topics"]})
        for row in db.rows(connection, _SQL["read_topics"], given)
    ]


def waiting(connection: Connection, incident: Incident) -> int:
    """How many of those who wrote in an incident still wait."""
    given = {"topic": incident.topic, "account": incident.account, "onset": incident.onset}
    return int(db.rows(connection, _SQL["waiting"], given)[0]["waiting"])


def said(connection: Connection, incident: int, *, most: int) -> list[tuple[str, str]]:
    """Author and text of the newest messages of an incident."""
    return [(r["author"], r["text"]) for r in db.rows(connection, _SQL["said"], (incident, most))]


def said_before(connection: Connection, incident: int, *, most: int) -> list[str]:
    """The newest texts of the weeks before an incident, whatever they are about."""
    return [r["text"] for r in db.rows(connection, _SQL["said_before"], (incident, most))]


def set_terms(connection: Connection, incident: int, terms: Sequence[dict[str, Any]]) -> None:
    """Keep what distinguishes the messages of an incident."""
    db.execute(connection, _SQL["set_terms"], (Json(terms), incident))


def untold(connection: Connection) -> list[dict[str, Any]]:
    """Incidents (`id`, `topic`, `state`, what it `was` said to be about) that the queue does not follow yet."""
    return db.rows(connection, _SQL["untold"])


def rows_about(connection: Connection, topics: Sequence[str]) -> list[int]:
    """The conversations that wait on these topics."""
    return [r["id"] for r in db.rows(connection, _SQL["rows_about"], (list(topics),))]


def told(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """The queue follows these, as they were when they were read."""
    for row in rows:
        db.execute(connection, _SQL["told"], (row["id"], row["state"], row["topic"]))


def board(connection: Connection, *, closed: bool = False) -> list[dict[str, Any]]:
    """The board as the caller may see it, what is open first."""
    return db.rows(connection, _SQL["board"], {"all": closed})


def one(connection: Connection, incident: int) -> dict[str, Any] | None:
    """One row of the board."""
    found = db.rows(connection, _SQL["one"], (incident,))
    return found[0] if found else None


def history(connection: Connection, incident: int) -> list[dict[str, Any]]:
    """What happened, in order."""
    return db.rows(connection, _SQL["history"], (incident,))


def volume(connection: Connection, incident: int, since: datetime) -> list[dict[str, Any]]:
    """The minutes of its stream since then: `started_at`, `count`, `expected`, `score`."""
    return db.rows(connection, _SQL["volume"], {"id": incident, "since": since})


def open_by_hand(
    connection: Connection, topic: str, *, by: str, reason: str, account: str | None = None
) -> int:
    """A person says that there is a crisis; its id. Raises Refused."""
    return int(_call(connection, "open_by_hand", by, topic, reason, account)[0]["id"])


def close_by_hand(connection: Connection, incident: int, *, by: str, reason: str, days: int) -> None:
    """A person closes it. Raises Refused."""
    _call(connection, "close_by_hand", by, incident, reason, days)


def watch_by_hand(connection: Connection, incident: int, *, by: str, days: int) -> None:
    """A person prolongs or ends the watch. Raises Refused."""
    _call(connection, "watch_by_hand", by, incident, days)


def reopen_by_hand(connection: Connection, incident: int, *, by: str, reason: str) -> None:
    """A person opens it again. Raises Refused."""
    _call(connection, "reopen_by_hand", by, incident, reason)


def note_by_hand(connection: Connection, incident: int, *, by: str, text: str) -> None:
    """A person leaves a word. Raises Refused."""
    _call(connection, "note_by_hand", by, incident, text)


def _call(connection: Connection, query: str, by: str, *arguments: Any) -> list[dict[str, Any]]:
    return queue.call(connection, _SQL[query], arguments, by=by)


def _figures(surge: Surge) -> dict[str, Any]:
    return {
        "onset": surge.started_at, "observed": surge.observed, "expected": surge.expected, "peak": surge.peak,
        "severity": surge.severity,
    }  # fmt: skip


def _told(stream: str, surge: Surge) -> dict[str, Any]:
    return {
        "stream": stream, "onset": surge.started_at.isoformat(), "at": surge.at.isoformat(), "observed": surge.observed,
        "expected": surge.expected, "peak": surge.peak, "severity": surge.severity,
    }  # fmt: skip
