"""Tell people: digests, what is overdue, alarms and incidents, through an outbox, at most once each.

What is to be told is written in one transaction with the mark that it was; each notice is then sent by itself, so that
one address that fails stops no other. How a notice is sent is the caller's (`Deliver`): by Airflow's notifiers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.config import Settings, Triage
from triage.config_notify import Notify
from triage.core import digest as text
from triage.core import weekly
from triage.core.digest import Late, Told
from triage.core.errors import ConfigError, TriageError
from triage.ops import weekly as week
from triage.ops.digest import TROUBLED_FOR, figures
from triage.ops.report import Report
from triage.sources.base import Now, utc_now
from triage.store import db, notices

Deliver = Callable[[Notify, str, str, str], None]
"""Send to one address of a recipient: entry, address, subject, text. Raises TriageError when it could not."""

GIVE_UP = timedelta(hours=6)
"""After so long a notice is no news any more."""

PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
"""Between the first two tries, doubled each time, and at most."""

ALARM_AGAIN = timedelta(hours=6)
"""An alarm that goes on is told again after so long."""

KEPT = timedelta(days=30)


def plan(connection: Connection, settings: Settings, *, link: str = "", now: Now = utc_now) -> int:
    """Want the digests that are due and the notices of what is newly overdue; how many notices."""
    moment, triage = now(), settings.triage
    return sum(
        _plan_digest(connection, name, entry, triage, link, moment)
        + _plan_weekly(connection, name, entry, settings, moment)
        + _plan_overdue(connection, name, entry, triage, link, moment)
        for name, entry in triage.notify.items()
    )


def accounts_of(entry: Notify, triage: Triage) -> list[str]:
    """The accounts a recipient is told of."""
    return list(entry.accounts) or [account.name for account in triage.accounts]


def digest_of(
    connection: Connection, entry: Notify, triage: Triage, *, link: str = "", now: Now = utc_now
) -> Told:
    """The digest as this recipient would get it now."""
    moment = now()
    found = figures(
        connection, accounts=accounts_of(entry, triage), zone=entry.zone, now=moment, person=entry.person
    )
    return text.digest(found, at=moment, zone=entry.zone, language=entry.language, link=link)


def weekly_of(
    connection: Connection,
    entry: Notify,
    settings: Settings,
    *,
    day: datetime | None = None,
    now: Now = utc_now,
) -> Told:
    """The weekly digest as this recipient would get it now, of the seven days before `day` (left out: before today)."""
    moment = now()
    found = week.figures(
        connection, settings, accounts=accounts_of(entry, settings.triage), zone=entry.zone, now=moment,
        day=day or moment,
    )  # fmt: skip
    return weekly.digest(found, at=moment, zone=entry.zone, language=entry.language)


def _plan_digest(
    connection: Connection, name: str, entry: Notify, triage: Triage, link: str, now: datetime
) -> int:
    due = entry.digest_day(now)
    if due is None:
        return 0
    return _put_once(
        connection, name, entry, f"digest {due:%Y-%m-%d}", now,
        lambda: digest_of(connection, entry, triage, link=link, now=lambda: now),
    )  # fmt: skip


def _plan_weekly(connection: Connection, name: str, entry: Notify, settings: Settings, now: datetime) -> int:
    due = entry.weekly_day(now)
    if due is None:
        return 0
    return _put_once(
        connection, name, entry, f"weekly {due:%Y-%m-%d}", now,
        lambda: weekly_of(connection, entry, settings, day=due, now=lambda: now),
    )  # fmt: skip


def _put_once(
    connection: Connection, name: str, entry: Notify, key: str, now: datetime, make: Callable[[], Told]
) -> int:
    """A digest is made only when it was not wanted before: its figures cost something."""
    with db.transaction(connection):
        if notices.has(connection, name, key):
            return 0
    told = make()
    with db.transaction(connection):
        return _put(connection, {name: entry}, "digest", key, told, now)


def _plan_overdue(
    connection: Connection, name: str, entry: Notify, triage: Triage, link: str, now: datetime
) -> int:
    if not entry.overdue:
        return 0
    with db.transaction(connection):
        rows = notices.overdue(
            connection, recipient=name, accounts=accounts_of(entry, triage), steps=entry.overdue,
            quiet=entry.is_quiet(now), now=now,
        )  # fmt: skip
        if not rows:
            return 0
        late = [
            Late(conversation_id=r["conversation_id"], en=r["en"], fr=r["fr"], source=r["source"], due_at=r["due_at"],
                 again=r["again"], alike=r["alike"], excerpt=r["excerpt"])
            for r in rows
        ]  # fmt: skip
        told = text.overdue(late, at=now, language=entry.language, excerpt=entry.excerpt, link=link)
        return _put(connection, {name: entry}, "overdue", f"overdue {now.isoformat()}", told, now)


def tell(
    connection: Connection,
    triage: Triage,
    to: str,
    subject: str,
    words: str,
    *,
    key: str = "",
    now: Now = utc_now,
) -> int:
    """Want a notice to the recipient `to`, at most once for each `key` (left out: for the same words).

    Whom triage.yaml does not name is stood in for by those who get `incidents`: in a crisis somebody must hear of it.
    Raises ConfigError when there is nobody.
    """
    chosen = {to: triage.notify[to]} if to in triage.notify else _getting(triage, "incidents")
    if not chosen:
        raise ConfigError(
            f"nobody is named {to!r} under notify in triage.yaml, and nobody gets `incidents`; add one"
        )
    key = key or hashlib.sha256(f"{to}\0{subject}\0{words}".encode()).hexdigest()
    with db.transaction(connection):
        return _put(connection, chosen, "incident", key, Told(subject=subject, text=words), now())


def alarm(
    connection: Connection,
    triage: Triage,
    what: str,
    subject: str,
    words: str,
    *,
    again: timedelta = ALARM_AGAIN,
    now: Now = utc_now,
) -> int:
    """Want an alarm to all who get alarms, unless they were told of the same `what` less than `again` ago."""
    moment = now()
    key = f"alarm {what} "
    with db.transaction(connection):
        heard = notices.told_since(connection, kind="alarm", key=key, after=moment - again)
        chosen = {name: entry for name, entry in _getting(triage, "alarms").items() if name not in heard}
        told = Told(subject=subject, text=words)
        return _put(connection, chosen, "alarm", f"{key}{moment:%Y-%m-%dT%H}", told, moment)


def _getting(triage: Triage, what: str) -> Mapping[str, Notify]:
    return {name: entry for name, entry in triage.notify.items() if getattr(entry, what)}


def _put(
    connection: Connection, chosen: Mapping[str, Notify], kind: str, key: str, told: Told, now: datetime
) -> int:
    rows = [
        (name, address, kind, key, told.subject, told.text)
        for name, entry in chosen.items()
        for address in entry.targets
    ]
    return notices.put(connection, rows, now=now)


def send(
    connection: Connection, notify: Mapping[str, Notify], deliver: Deliver, *, now: Now = utc_now
) -> Report:
    """Send what is due, each at most once. `failed` counts what could not be sent; it is tried again later.

    Only one task sends at a time. Who finds another at work waits a little, then leaves it to that one.
    """
    report = Report(verb="tell")
    with db.transaction(connection):
        if not notices.lock(connection):
            report.notes.append("another task is sending, and takes these too")
            return report
    try:
        with db.transaction(connection):
            if lost := notices.orphans(connection, now()):
                report.notes.append(f"{lost} may have gone out when a task died, and are not sent again")
        while (notice := _next(connection, now())) is not None:
            error = _deliver(deliver, notify, notice)
            _settle(connection, notice, error, now())
            report.read += 1
            report.kept += error is None
            report.failed += error is not None
    finally:
        connection.rollback()
        with db.transaction(connection):
            notices.unlock(connection)
    return report


def _next(connection: Connection, now: datetime) -> dict[str, Any] | None:
    with db.transaction(connection):
        return notices.take(connection, now)


def _deliver(deliver: Deliver, notify: Mapping[str, Notify], notice: dict[str, Any]) -> str | None:
    """Why it could not be told; None: it was."""
    entry = notify.get(notice["recipient"])
    if entry is None:
        return f"triage.yaml no longer names {notice['recipient']} under notify; put it back, or leave it: this expires"
    try:
        deliver(entry, notice["address"], notice["subject"], notice["text"])
    except TriageError as error:
        return str(error)
    return None


def _settle(connection: Connection, notice: dict[str, Any], error: str | None, now: datetime) -> None:
    state, again = "sent", None
    if error is not None:
        again = now + min(PAUSE * 2 ** (notice["attempts"] - 1), LONGEST_PAUSE)
        state = "wanted" if again < notice["wanted_at"] + GIVE_UP else "failed"
    with db.transaction(connection):
        notices.settle(connection, notice["id"], state, now=now, error=error, again=again)


def troubles(connection: Connection, *, within: timedelta = TROUBLED_FOR, now: Now = utc_now) -> list[str]:
    """One sentence for each address that cannot be told, or that was given up `within` so long."""
    with db.transaction(connection):
        rows = notices.troubles(connection, now() - within)
    said = {"wanted": "waiting to be sent again", "failed": "given up", "unknown": "perhaps sent"}
    return [
        f"{r['recipient']}{' ' + r['address'] if r['address'] else ''}: {r['notices']} {said[r['state']]}: {r['error']}"
        for r in rows
    ]


def tidy(connection: Connection, *, now: Now = utc_now) -> int:
    """Forget notices older than KEPT; how many."""
    with db.transaction(connection):
        return notices.prune(connection, now() - KEPT)
