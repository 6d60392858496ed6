"""The doctor's checks of the database, and of what it knows about an account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal

import psycopg2
from psycopg2.extensions import connection as Connection

from triage.core.finding import Finding, bad, ok, warn
from triage.sources.base import Now
from triage.store import checkup, db, messages, migrate, quota, spend

OLDEST = 140000
"""PostgreSQL 14, as the README promises and sql/ needs."""

ROLES = ("triage_owner", "triage_pipeline", "triage_responder", "triage_reader")
SKEW = timedelta(seconds=10)
EXPIRES_SOON = timedelta(days=4)
"""A watch lasts seven days and is renewed daily: with so little left, three days have failed."""


def server(connection: Connection, now: Now) -> Iterator[Finding]:
    """Version and encoding."""
    with db.transaction(connection):
        found = checkup.server(connection)
    if found["number"] < OLDEST:
        yield bad(
            "database", f"PostgreSQL {found['version']} is too old", "upgrade the server to 14 or newer"
        )
    else:
        yield ok("database", f"PostgreSQL {found['version']}, as {found['login']}")
    if found["encoding"] != "UTF8":
        yield bad(
            "encoding",
            f"the database is encoded in {found['encoding']}: messages with other characters cannot be stored",
            "make the database anew with ENCODING 'UTF8' TEMPLATE template0",
        )


def clock(connection: Connection, now: Now) -> Iterator[Finding]:
    """The server's clock against ours: leases and due times are the server's, arrival times ours."""
    with db.transaction(connection):
        ahead = now() - checkup.server(connection)["now"]
    seconds = abs(int(ahead.total_seconds()))
    if abs(ahead) < SKEW:
        yield ok("database clock", f"within {seconds + 1} s of ours")
    else:
        text = f"the database's clock is {seconds} s {'behind' if ahead > timedelta(0) else 'ahead of'} ours"
        yield bad("database clock", text, "set both clocks by NTP")


def schema(connection: Connection, now: Now) -> Iterator[Finding]:
    """Whether every migration, function and view of this version is in force."""
    with db.transaction(connection):
        there, readable = checkup.tables(connection)
        if there and not readable:
            mend = "use the address of a member of triage_pipeline in TRIAGE_DSN"
            yield warn("schema", "this login may not look at it", mend)
            return
        missing = migrate.outstanding(connection) if there else []
    if not there:
        yield bad("schema", "the database has none of our tables", "run `triage migrate`")
    elif missing:
        yield bad("schema", f"not applied yet: {', '.join(missing)}", "run `triage migrate`")
    else:
        yield ok("schema", "up to date")


def roles(connection: Connection, now: Now) -> Iterator[Finding]:
    """The group roles, and whether this login may work."""
    with db.transaction(connection):
        found = {row["name"]: row for row in checkup.roles(connection, ROLES)}
        superuser = checkup.server(connection)["superuser"]
    if absent := [name for name in ROLES if not found[name]["there"]]:
        yield bad("roles", f"there is no role {', '.join(absent)}", "run `triage migrate`")
    elif superuser:
        yield warn(
            "roles", "this login is a superuser: nothing it does is held in bounds",
            "let the DAGs connect as a login that is a member of triage_pipeline, and nothing more",
        )  # fmt: skip
    elif not (found["triage_pipeline"]["member"] or found["triage_owner"]["member"]):
        login = connection.info.user
        yield bad("roles", f"{login} is no member of triage_pipeline", f"GRANT triage_pipeline TO {login}")
    else:
        yield ok("roles", "there, and this login is a member of one that may work")


CHECKS: Mapping[str, Callable[[Connection, Now], Iterator[Finding]]] = {
    "database": server,
    "database clock": clock,
    "schema": schema,
    "roles": roles,
}
"""By the name under which their failure is told."""


def migrated(connection: Connection) -> bool:
    """Whether our tables are there and can be asked, so that accounts can be looked up in them."""
    try:
        with db.transaction(connection):
            return checkup.tables(connection)[0]
    except psycopg2.Error:
        return False


def units(
    connection: Connection, account: str, spent: Mapping[str, int], per_minute: int | None
) -> Iterator[Finding]:
    """Writes down what the doctor `spent`, then tells what is left of this minute, from the ledger.

    Nothing is told where there is no limit, nor of an account that no run has shown to the database.
    """
    with db.transaction(connection):
        if checkup.account(connection, account) is None:
            return
        quota.spend(connection, account, spent)
        used, _ = quota.used(connection, account)
    if per_minute is None:
        return
    if (left := per_minute - used) > 0:
        yield ok("quota", f"{left:,} of {per_minute:,} units left this minute")
    else:
        yield warn(
            "quota", f"all {per_minute:,} units of this minute are spent", "nothing: runs go on as it fills"
        )


def money(connection: Connection, account: str, cap: Decimal | None) -> Iterator[Finding]:
    """What an account that costs dollars has spent today, where that leads, and whether it rests for any reason."""
    with db.transaction(connection):
        rest = spend.pauses(connection, [account])
        spent = spend.overview(connection, [account])
    for row in rest:
        text = f"rests since {row['since']:%Y-%m-%d %H:%M} UTC: {row['reason']}"
        yield warn("pause", text, "what the reason asks for; if nothing, it goes on by itself")
    for row in spent:
        text = f"${row['today']:.2f} spent today" + (
            f" of ${cap:.2f}" if cap is not None else ", without a cap"
        )
        if (forecast := row["day_forecast"]) is not None:
            text += f", ${forecast:.2f} by midnight UTC at the rate of the last hours"
        if cap is None:
            yield warn(
                "spend",
                text,
                "set quota.x.dollars_per_day in triage.yaml, so that no storm can empty the account",
            )
        elif row["today"] >= cap or (forecast is not None and forecast > cap):
            mend = "raise quota.x.dollars_per_day, or follow less (`track`, `read: mentions`)"
            yield warn("spend", text, mend)
        else:
            yield ok("spend", text)


def cursor(connection: Connection, account: str, stalled_after: timedelta) -> Iterator[Finding]:
    """How long ago the account was collected."""
    with db.transaction(connection):
        found = checkup.account(connection, account)
    collect = f"`triage collect {account}`, or unpause the DAG collect_{account}"
    if found is None or not found["collected"]:
        yield warn("cursor", "never collected", collect)
        return
    age = timedelta(seconds=int(found["age"].total_seconds()))
    if age > stalled_after:
        text = f"not collected for {age} (care.stalled_after is {stalled_after})"
        yield bad("cursor", text, f"look at the last run of collect_{account}; {collect}")
    elif found["behind"]:
        yield warn(
            "cursor",
            f"collected {age} ago, and more is waiting than the quota allowed",
            "nothing: it goes on",
        )
    else:
        yield ok("cursor", f"collected {age} ago")


def push(connection: Connection, account: str, now: Now) -> Iterator[Finding]:
    """Until when Gmail tells of new mail by itself."""
    with db.transaction(connection):
        until = messages.watched_until(connection, account)
    renew = "look at the last run of `upkeep` in the DAG care, which asks anew every day; polling goes on meanwhile"
    if until is None:
        yield warn("push", "Gmail was not asked to push yet", renew)
    elif until <= now():
        yield bad("push", f"Gmail pushes no more since {until:%Y-%m-%d %H:%M} UTC", renew)
    elif until <= now() + EXPIRES_SOON:
        yield warn(
            "push", f"Gmail pushes until {until:%Y-%m-%d %H:%M} UTC only: it was not asked anew", renew
        )
    else:
        yield ok("push", f"Gmail pushes until {until:%Y-%m-%d %H:%M} UTC")
