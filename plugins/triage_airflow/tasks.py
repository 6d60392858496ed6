"""The bodies of our tasks: open what is needed, call one verb of `triage.ops`, print its line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from triage_airflow.runtime import announce, database, say, source_of, task_errors


def pull(account_name: str, events: Any) -> dict[str, Any]:
    """Collect one account."""
    from triage.config import load
    from triage.ops import spend
    from triage.ops.collect import collect
    from triage.ops.look import waits
    from triage.ops.sources import limits_of
    from triage_airflow import tasks_incident

    with task_errors(), database() as connection:
        settings = load()
        tasks_incident.notice(connection, settings, events)
        account = settings.triage.account(account_name)
        source = source_of(account, settings, connection)
        limits = limits_of(account, settings)
        report = collect(connection, source, account.name, **limits)
        report.notes += spend.count_unread(connection, source, account)
        return announce(report, events, waits=waits(connection, account.name))


def classify() -> dict[str, Any]:
    """Decide what has no decision yet."""
    from triage.config import load
    from triage.ops.classify import classify as decide
    from triage.ops.hours import sync_hours
    from triage.ops.inboxes import Inboxes
    from triage.ops.models import load_in_force
    from triage.ops.second_opinion import load_opinions

    with task_errors(), database() as connection:
        settings = load()
        sync_hours(connection, settings.triage.calendar)
        opinions = load_opinions(settings.triage.second_opinion, settings.topics)
        classifier = load_in_force(connection, settings)
        storm = settings.triage
        report = decide(
            connection, classifier, settings.topics, inboxes=Inboxes(classifier), opinions=opinions,
            copies=storm.copies, flood=storm.flood,
        )  # fmt: skip
        say(report)
        return report.figures()


def label(account_name: str) -> dict[str, Any]:
    """Send the label outbox of one mailbox."""
    from triage.config import load
    from triage.ops.label import label as send
    from triage.ops.label import label_names
    from triage.ops.sources import limits_of

    with task_errors(), database() as connection:
        settings = load()
        account = settings.triage.account(account_name)
        source = source_of(account, settings, connection)
        limits = limits_of(account, settings)
        report = send(connection, source, account.name, label_names(settings), **limits)
        say(report)
        return report.figures()


def audit() -> dict[str, int]:
    """Check the ledger."""
    from dataclasses import asdict

    from triage.ops.care import audit as check

    with task_errors(), database() as connection:
        ledger = asdict(check(connection))
        say("audit: " + ", ".join(f"{name} {count}" for name, count in ledger.items()))
        return ledger


def stall() -> None:
    """Check that every account is collected, and that replies go out."""
    from triage.config import load
    from triage.ops import reply
    from triage.ops.care import stalled

    with task_errors(), database() as connection:
        triage = load().triage
        stalled(connection, accounts=[a.name for a in triage.accounts], after=triage.care.stalled_after)
        reply.lying(connection, after=reply.LYING)
        say("stall: every account was collected in time, and no reply lies unsent")


def money() -> None:
    """Print what X costs, and check that it does not rest for want of money."""
    from triage.config import load
    from triage.ops.spend import report

    with task_errors(), database() as connection:
        for line in report(connection, [a.name for a in load().triage.accounts if a.source == "x"]):
            say(f"money: {line}")


def upkeep() -> None:
    """Renew Gmail's promise to push, drop old rows of the ledger of units, go on with fan-outs, empty old messages."""
    from triage.config import load
    from triage.ops import fanout
    from triage.ops.care import LEDGER_KEPT, renew_watch, tidy
    from triage.ops.retain import retain
    from triage.ops.sources import limits_of

    with task_errors(), database() as connection:
        settings = load()
        say(f"upkeep: {tidy(connection, keep=LEDGER_KEPT)} old rows of the ledger of units dropped")
        say(f"upkeep: fan-outs {fanout.advance(connection)}")  # whom a colleague held when it was their turn
        if settings.triage.retention:
            say(retain(connection, settings.triage.retention))
        for account in settings.triage.accounts:
            if account.push is not None:
                source = source_of(account, settings, connection)
                rates = limits_of(account, settings)
                until = renew_watch(connection, source, account.name, account.push.topic, **rates)
                say(f"upkeep: {account.name} is watched until {until:%Y-%m-%d %H:%M} UTC")


def replay(what: str, since: str, account_name: str, events: Any) -> dict[str, Any]:
    """Do one step again."""
    from triage.config import load
    from triage.ops import replay as again
    from triage.ops.collect import rewind
    from triage.ops.report import Report

    report = Report(verb=f"replay {what}", account=account_name)
    with task_errors(), database() as connection:
        settings = load()
        account = settings.triage.account(account_name) if account_name or what == "resync" else None
        if what == "decide":
            report.kept = again.forget(
                connection, since=_moment(since), account=account.name if account else None
            )
        elif what == "refresh":
            report.kept = again.refresh_all(connection)
        elif account is not None:
            source = source_of(account, settings, connection)
            report.kept = int(rewind(connection, source, account.name) is not None)
    return announce(report, events)


def _moment(text: str) -> datetime:
    """A date of the trigger form; without a zone it is UTC."""
    from triage.core.errors import ConfigError

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"`since` is {text!r}, not a date; write it as 2026-11-22 or 2026-11-22T08:00+01:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
