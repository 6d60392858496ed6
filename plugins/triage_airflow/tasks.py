"""The bodies of our tasks: open what is needed, call one verb of `triage.ops`, print its line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from triage_airflow.runtime import announce, database, source_of, task_errors


def pull(account_name: str, events: Any) -> dict[str, Any]:
    """Collect one account."""
    from triage.config import load
    from triage.ops.collect import collect
    from triage.ops.sources import quota_of

    with task_errors(), database() as connection:
        settings = load()
        account = settings.triage.account(account_name)
        source = source_of(account, settings, connection)
        limit = quota_of(account, settings).units_per_minute
        return announce(collect(connection, source, account.name, units_per_minute=limit), events)


def classify() -> dict[str, Any]:
    """Decide what has no decision yet."""
    from triage.classify import load_classifier
    from triage.config import load
    from triage.ops.classify import classify as decide

    with task_errors(), database() as connection:
        settings = load()
        classifier = load_classifier(settings.topics, cascade=settings.triage.encoder)
        report = decide(connection, classifier, settings.topics)
        print(report)
        return report.figures()


def label(account_name: str) -> dict[str, Any]:
    """Send the label outbox of one mailbox."""
    from triage.config import load
    from triage.ops.label import label as send
    from triage.ops.label import label_names
    from triage.ops.sources import quota_of

    with task_errors(), database() as connection:
        settings = load()
        account = settings.triage.account(account_name)
        source = source_of(account, settings, connection)
        limit = quota_of(account, settings).units_per_minute
        report = send(connection, source, account.name, label_names(settings), units_per_minute=limit)
        print(report)
        return report.figures()


def audit() -> dict[str, int]:
    """Check the ledger."""
    from dataclasses import asdict

    from triage.ops.care import audit as check

    with task_errors(), database() as connection:
        ledger = asdict(check(connection))
        print("audit: " + ", ".join(f"{name} {count}" for name, count in ledger.items()))
        return ledger


def stall() -> None:
    """Check that every account is collected."""
    from triage.config import load
    from triage.ops.care import stalled

    with task_errors(), database() as connection:
        triage = load().triage
        stalled(connection, accounts=[a.name for a in triage.accounts], after=triage.care.stalled_after)
        print("stall: every account was collected in time")


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
