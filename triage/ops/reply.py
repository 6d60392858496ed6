"""Send the replies that people wrote here: each at most once, whatever dies in between.

A row is committed as `sending`, and paid for, before the request goes out. When the answer is lost or the process
dies, the next run asks the platform for what was made of the reply before anything is sent again, and waits as long
as the platform may need to show it. What cannot be told stays `unknown` for a person to look at.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.core.errors import ConfigError, Declined, Fatal, InDoubt, Retry, TriageError
from triage.core.types import Reply, Sent
from triage.ops import quota
from triage.ops.report import Report
from triage.sources.base import Now, Replier, utc_now
from triage.store import db, replies, spend
from triage.store import quota as ledger
from triage.store.replies import Waiting

GIVE_UP = timedelta(minutes=15)
"""How long it is tried to find out what became of a reply, until a person is asked to look."""

MOST_ATTEMPTS = 3
"""So often is a reply handed over whose answers are all lost."""

REST = timedelta(minutes=5)
"""Until an account is tried again that a person has to mend."""

CAP_REST = timedelta(minutes=15)
"""Until the day's dollars are looked at again: midnight comes, or somebody raises the cap."""

KEPT_FROM_BULK = 0.5
"""One reply of many leaves this share of a minute's units to reading."""

LYING = timedelta(minutes=10)
"""How long a reply that could go out may lie before it is an alarm."""

QUOTA_PAUSE = 2.0


@dataclass(frozen=True, kw_only=True)
class Means:
    """What a sender works with: one account and its limits."""

    connection: Connection
    replier: Replier
    account: str
    limits: quota.Limits
    units_per_day: int | None
    now: Now
    sleep: Callable[[float], None]

    def left_today(self) -> int | None:
        """What may still be spent today; None: there is no cap."""
        if self.units_per_day is None:
            return None
        with db.transaction(self.connection):
            return self.units_per_day - spend.spent(self.connection, self.account, self.now().date())


def send(
    connection: Connection,
    open_replier: Callable[[], Replier],
    account: str,
    *,
    units_per_minute: int | None = None,
    project_units_per_minute: int | None = None,
    units_per_day: int | None = None,
    patience: timedelta = timedelta(minutes=5),
    now: Now = utc_now,
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """Send what is wanted of one account, as far as quota and cap go. Raises Fatal or ConfigError with the mend.

    `read` counts the replies taken up, `kept` those that went out, `skipped` the withdrawn, `failed` the refused.
    """
    started = time.monotonic()
    report = Report(verb="reply", account=account)
    with db.transaction(connection):
        if not replies.lock_account(connection, account):
            report.notes.append("another run is sending from this account")
            return report
    try:
        means = Means(
            connection=connection, replier=open_replier(), account=account, units_per_day=units_per_day, now=now,
            limits=quota.Limits(account=units_per_minute, project=project_units_per_minute), sleep=sleep,
        )  # fmt: skip
        _clear_up(means, report)
        deadline = time.monotonic() + patience.total_seconds()
        while _next(means, report, deadline):
            pass
    except (Fatal, ConfigError) as error:
        connection.rollback()
        _rest(connection, account, report, REST, str(error))
        raise
    finally:
        replies.unlock_account(connection, account)
    report.seconds = time.monotonic() - started
    return report


def waiting(connection: Connection, account: str) -> Waiting:
    """What could be sent now: what the DAG `reply` is woken for."""
    with db.transaction(connection):
        return replies.waiting(connection, account)


def about(connection: Connection, conversation_id: int) -> list[dict[str, Any]]:
    """The replies written here in a conversation, oldest first, as the login may see them."""
    with db.transaction(connection):
        return replies.about(connection, conversation_id)


def lying(connection: Connection, *, after: timedelta) -> None:
    """Raises Fatal naming accounts whose replies nobody has tried to send for so long."""
    with db.transaction(connection):
        found = replies.left_lying(connection, after)
    if found:
        named = ", ".join(
            f"{f['account']} ({f['count']} since {f['since']:%Y-%m-%d %H:%M} UTC)" for f in found
        )
        raise Fatal(
            f"replies are not sent: {named}; is the DAG reply_<account> paused, or no triggerer running?"
        )


def _next(means: Means, report: Report, deadline: float) -> bool:
    """Send one reply; whether to go on."""
    with db.transaction(means.connection):
        row = replies.following(means.connection, means.account)
    if row is None:
        return False
    reply = _reply(row)
    price = means.replier.price(reply)
    want, left = sum(price.values()), means.left_today()
    if left is not None and left < want:
        _rest(means.connection, means.account, report, CAP_REST, _cap(left, want))
        return False
    keep = KEPT_FROM_BULK if row["bulk"] else 0.0
    with quota.taken(
        means.connection, means.replier, means.account, means.limits, want=want, keep=keep
    ) as grant:
        if grant.units is None or grant.in_full:
            return _hand_over(means, report, grant, row, reply, price)
    if time.monotonic() >= deadline:
        report.notes.append("the minute's units are spent; the next run goes on")
        return False
    means.sleep(QUOTA_PAUSE)
    return True


def _hand_over(
    means: Means,
    report: Report,
    grant: quota.Grant,
    row: Mapping[str, Any],
    reply: Reply,
    price: Mapping[str, int],
) -> bool:
    """Note that it goes out, let it go out, note what became of it; whether to go on."""
    connection, reply_id = means.connection, row["id"]
    with db.transaction(connection):
        state = replies.start(connection, reply_id, charged=sum(price.values()))
        if state == "sending":
            quota.settle(connection, grant, price)
    if state is None:
        return True
    report.read += 1
    if state != "sending":
        report.skipped += 1
        return True
    try:
        made = (_found(means, reply) if row["attempts"] else None) or means.replier.send(reply)
    except Declined as error:
        with db.transaction(connection):
            replies.failed(connection, reply_id, state="refused", why=str(error))
            report.spend(_correct(means, price))
        report.failed += 1
        return True
    except (Retry, Fatal, ConfigError) as error:
        with db.transaction(connection):
            replies.failed(connection, reply_id, state="wanted", why=str(error))
            report.spend(_correct(means, price))
        if not isinstance(error, Retry):
            raise
        _rest(connection, means.account, report, error.after, str(error))
        return False
    except TriageError as error:  # InDoubt, and whatever else says nothing of what became of it
        with db.transaction(connection):
            replies.failed(connection, reply_id, state="sending", why=str(error))
        report.notes.append(f"reply {reply_id}: {error}; it is looked for before it is sent again")
        return False
    with db.transaction(connection):
        replies.sent(connection, reply_id, made)
        report.spend(_correct(means, price))
    report.kept += 1
    return True


def _cap(left: int, want: int) -> str:
    return (
        f"cap: ${max(0, left) / 1e6:.3f} of today's dollars are left and this costs ${want / 1e6:.3f}; it goes out "
        "after 00:00 UTC, or when quota.x.dollars_per_day is raised"
    )


def _correct(means: Means, charged: Mapping[str, int]) -> dict[str, int]:
    """Bring the ledger from what was charged beforehand to what was spent, which is given."""
    spent, beforehand = Counter(means.replier.owed()), Counter(charged)
    wrong = {method: spent[method] - beforehand[method] for method in spent | beforehand}
    ledger.spend(means.connection, means.account, {m: units for m, units in wrong.items() if units})
    return {method: units for method, units in spent.items() if units}


def _rest(connection: Connection, account: str, report: Report, patience: timedelta, why: str) -> None:
    """Let the account rest; whoever wrote is shown why."""
    with db.transaction(connection):
        replies.rest(connection, account, patience=patience, why=why)
    report.notes.append(why)


def _clear_up(means: Means, report: Report) -> None:
    """Find out what became of replies that a run handed over and did not see the end of. Raises Fatal."""
    with db.transaction(means.connection):
        rows = replies.in_doubt(means.connection, means.account)
    for row in rows:
        reply = _reply(row)
        want = sum(means.replier.price(reply).values())
        with quota.taken(means.connection, means.replier, means.account, means.limits, want=want) as grant:
            if grant.units is not None and not grant.in_full:
                report.notes.append("too few units are left to look for replies; the next run does")
                return
            _look_for(means, report, grant, row, reply)


def _look_for(means: Means, report: Report, grant: quota.Grant, row: Mapping[str, Any], reply: Reply) -> None:
    found: Sent | None = None
    fault: TriageError | None = None
    try:
        found = means.replier.find(reply)
    except TriageError as error:
        fault = error
    state, why = _verdict(row, found, fault, means.replier.settles)
    with db.transaction(means.connection):
        spent = means.replier.owed()
        quota.settle(means.connection, grant, spent)
        report.spend(spent)
        if state == "wanted" and means.limits == quota.Limits():  # units of a minute come back by themselves
            given_back = {method: -units for method, units in means.replier.price(reply).items()}
            ledger.spend(means.connection, means.account, given_back)
        if found is not None:
            replies.sent(means.connection, row["id"], found)
        else:
            replies.failed(means.connection, row["id"], state=state, why=why)
    report.kept += found is not None
    report.notes.append(f"reply {row['id']} was in doubt: {'it went out' if found else f'{state}, {why}'}")
    if isinstance(fault, Fatal | ConfigError):
        raise fault


def _found(means: Means, reply: Reply) -> Sent | None:
    """What an earlier try made of it. Raises Fatal, Retry or InDoubt."""
    try:
        return means.replier.find(reply)
    except Declined as error:
        raise InDoubt(str(error)) from None


def _verdict(
    row: Mapping[str, Any], found: Sent | None, fault: Exception | None, settles: timedelta
) -> tuple[str, str]:
    """The state of a reply in doubt after we looked for it, and why."""
    if found is not None:
        return "sent", ""
    if fault is not None:
        state = "unknown" if row["age"] > GIVE_UP else "sending"
        return state, f"it may have gone out, and it could not be found out: {fault}"
    if row["age"] < settles:
        return "sending", f"it is not there yet; looked for again once it is {settles} old"
    if row["attempts"] >= MOST_ATTEMPTS:
        return "unknown", f"no answer came {row['attempts']} times, and it is not there"
    return "wanted", "the first try did not arrive; it is sent again"


def _reply(row: Mapping[str, Any]) -> Reply:
    return Reply(
        key=row["key"], number=row["id"], wanted_at=row["wanted_at"], text=row["text"], to=row["answers"],
        lang=row["lang"],
    )  # fmt: skip
