"""Look at everything that must be right before anybody relies on it, and say of each thing what to mend.

Every check is small and stands alone: one that fails, or cannot be made, stops no other.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from psycopg2.extensions import connection as Connection

from triage import hub, plan
from triage.config import Account, Settings, config_dir, load
from triage.core.errors import TriageError
from triage.core.finding import Checkup, Finding, bad, ok, refused, warn
from triage.ops import connections, doctor_database, doctor_notify, watch
from triage.ops.sources import build, quota_of
from triage.sources.base import Credentials, Now, SourceSettings, utc_now
from triage.store import db

Check = Callable[[], Iterable[Finding]]


def doctor(*, dsn: str | None = None, accounts: Sequence[str] = (), now: Now = utc_now) -> Iterator[Finding]:
    """Findings, one by one as they are made. `dsn` None: `TRIAGE_DSN`; `accounts` empty: all.

    Raises ConfigError only for an account that triage.yaml does not name.
    """
    settings: Settings | None = None
    chosen: Sequence[Account] = ()
    try:
        settings = load()
    except TriageError as error:
        yield refused("configuration", error)
    else:
        chosen = [settings.triage.account(name) for name in accounts] or settings.triage.accounts
        yield from _configuration(settings, now)
        yield from _guarded("plan", partial(plan.findings, settings, config_dir() / "plan", now().date()))
        yield from _guarded("hub", partial(_hub, settings))
        yield from _guarded("classifier", partial(_classifier, settings))
    yield from _guarded("folders", _folders)
    with ExitStack() as stack:
        connection = None
        try:
            connection = stack.enter_context(db.connect(dsn or db.dsn_from_environment()))
        except TriageError as error:
            yield refused("database", error)
        else:
            for name, check in doctor_database.CHECKS.items():
                yield from _guarded(name, partial(check, connection, now))
            connection = connection if doctor_database.migrated(connection) else None
        if connection is not None:
            for name, check in watch.CHECKS.items():
                yield from _guarded(name, partial(check, connection, now))
        if settings is not None and settings.triage.notify and not accounts:
            yield from _guarded("notify", partial(doctor_notify.recipients, settings.triage))
            if connection is not None:
                yield from _guarded("notices", partial(doctor_notify.undelivered, connection, now))
        if settings is not None:
            for account in chosen:
                yield from _account(account, settings, connection, now)


def checkup(
    source: str, settings: SourceSettings, credentials: Credentials, *, now: Now = utc_now
) -> Checkup:
    """What the source can know about an account: its own checkup, else who the service says we are.

    A source has one when there is a module triage/sources/<source>_checkup.py. Nothing is raised.
    """
    name = f"triage.sources.{source}_checkup"
    try:
        if importlib.util.find_spec(name) is not None:
            made: Checkup = importlib.import_module(name).checkup(settings, credentials, now=now)
            return made
        return Checkup(findings=(ok("auth", build(source, settings, credentials).whoami()),))
    except TriageError as error:
        return Checkup(findings=(refused("auth", error),))


def _guarded(name: str, check: Check) -> Iterator[Finding]:
    """The findings of a check; whatever it raises is one more."""
    try:
        yield from check()
    except TriageError as error:
        yield refused(name, error)
    except Exception as error:
        reason = str(error).strip().splitlines()
        text = f"could not be checked ({type(error).__name__}: {reason[0][:200] if reason else 'no reason'})"
        yield bad(name, text, "mend what the reason names; if it names nothing of yours, report it")


def _configuration(settings: Settings, now: Now) -> Iterator[Finding]:
    triage, topics = settings.triage, settings.topics.topics
    folder = config_dir()
    yield ok("configuration", f"{len(triage.accounts)} accounts, {len(topics)} topics in {folder}")
    for source in {a.source for a in triage.accounts} - triage.quota.keys():
        yield warn(
            "quota",
            f"triage.yaml has no quota for {source}: it is asked without a limit",
            f"add quota.{source}",
        )
    if triage.hours and triage.hours.holidays and max(triage.hours.holidays) < now().date():
        text = f"every holiday in triage.yaml is past, the last was {max(triage.hours.holidays)}"
        yield warn("hours", text, "add the next ones to hours.holidays: due times count them as working days")


def _classifier(settings: Settings) -> Iterator[Finding]:
    """A topic that is neither trained nor has rules is never chosen."""
    from triage.classify import load_classifier

    classifier = load_classifier(settings.topics, cascade=False)
    trained = set(classifier.settings.topics) | {"unsure"}
    idle = [
        key for key, t in settings.topics.topics.items()
        if key not in trained and not (t.phrases or t.hashtags or t.patterns)
    ]  # fmt: skip
    if idle:
        text = f"never chosen, because the model was not trained on it and it has no rules: {', '.join(idle)}"
        yield warn(
            "classifier", text, "add phrases or hashtags in topics.yaml, or a corpus file and `triage train`"
        )
    else:
        yield ok("classifier", f"{classifier.model} loads and knows every topic")


def _hub(settings: Settings) -> Iterator[Finding]:
    """Where the page of facts is written to; what the plans say about it is theirs."""
    if configured := settings.triage.hub:
        holds = "holds" if hub.is_there(configured.target) else "can hold"
        yield ok("hub", f"{hub.without_password(configured.target)} {holds} the page of facts")


def _folders() -> Iterator[Finding]:
    home = os.environ.get("AIRFLOW_HOME")
    wanted = [Path(tempfile.gettempdir()), *([Path(home)] if home and Path(home).exists() else [])]
    closed = [str(folder) for folder in wanted if not os.access(folder, os.W_OK | os.X_OK)]
    if closed:
        yield bad(
            "folders", f"cannot be written: {', '.join(closed)}", "give this user the right, or set TMPDIR"
        )
    else:
        yield ok("folders", f"{', '.join(map(str, wanted))} can be written")


def _account(
    account: Account, settings: Settings, connection: Connection | None, now: Now
) -> Iterator[Finding]:
    """`connection` is None where the database cannot be asked."""

    def checks() -> Iterator[Finding]:
        units: dict[str, int] = {}
        yield from _guarded("auth", lambda: _credentials(account, settings, units, now))
        if connection is None:
            return
        limits, after = quota_of(account, settings), settings.triage.care.stalled_after
        left = partial(doctor_database.units, per_minute=limits.units_per_minute)
        yield from _guarded("quota", lambda: left(connection, account.name, units))
        cap = limits.dollars_per_day
        yield from _guarded("spend", lambda: doctor_database.money(connection, account.name, cap))
        yield from _guarded("cursor", lambda: doctor_database.cursor(connection, account.name, after))
        if account.push is not None:
            yield from _guarded("push", lambda: doctor_database.push(connection, account.name, now))

    for finding in checks():
        yield replace(finding, account=account.name)


def _credentials(account: Account, settings: Settings, units: dict[str, int], now: Now) -> Iterator[Finding]:
    """The connection and what the source says to it; `units` takes what asking cost."""
    try:
        held = connections.find(account.connection, account.source)
    except TriageError as error:
        yield refused("connection", error)
        return
    yield ok("connection", f"{account.connection}, from {held.found_in}")
    prices = quota_of(account, settings).prices
    asked = SourceSettings(
        account=account.name, addresses=account.addresses, track=account.track, prices=prices
    )
    made = checkup(account.source, asked, held.credentials, now=now)
    units |= made.units
    yield from made.findings
