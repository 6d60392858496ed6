"""What every task of ours needs: settings, database, source, and our errors said in Airflow's terms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowRescheduleException

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from triage.config import Account, Settings
    from triage.ops.report import Report
    from triage.sources.base import Credentials, Replier
    from triage.sources.gmail_push import Push

MESSAGES = Asset("triage/messages")
"""Changes whenever something was collected; starts the DAG `triage`."""

COLLECTED = AssetAlias("triage-collected")
"""Resolves to MESSAGES only when a run gave the next step something to do."""

INCIDENTS = Asset("triage/incident")
"""Changes whenever an incident opens, gets its name or grows; starts the DAG `respond`."""

NOTICED = AssetAlias("triage-noticed")
"""Resolves to INCIDENTS only when there is something to hear of."""

LONG = timedelta(seconds=60)
"""What Airflow's own retries cover: three of 20 seconds."""


class AlreadyTold(AirflowFailException):
    """A task is red for findings, each of which has raised its own alarm."""


@contextmanager
def task_errors() -> Iterator[None]:
    """Fatal and ConfigError fail at once (a retry cannot help); Retry is retried by Airflow.

    Who asks for more patience than a retry has is given it: the task rests, in no process, until that moment.
    """
    from triage.core.errors import ConfigError, Fatal, Retry

    redact_logs()
    try:
        yield
    except (Fatal, ConfigError) as error:
        raise AirflowFailException(str(error)) from error
    except Retry as error:
        if error.after > LONG:
            until = datetime.now(UTC) + error.after
            say(f"{error}; Airflow tries again at {until:%Y-%m-%d %H:%M:%S} UTC")
            raise AirflowRescheduleException(until) from error
        raise AirflowException(f"{error}; Airflow tries again") from error


def say(line: object) -> None:
    """A line for the task's log, without people's words and addresses."""
    from triage.core.redact import scrub
    from triage.ops.logs import ours

    print(scrub(str(line), ours()))


def redact_logs() -> None:
    """From here on nothing that this process logs holds people's words and addresses; a second time changes nothing."""
    import logging

    import structlog

    from triage.core.redact import Redact
    from triage.ops.logs import ours

    processors = structlog.get_config()["processors"]
    if isinstance(processors, list) and not any(isinstance(one, Redact) for one in processors):
        processors.insert(len(processors) - 1, Redact(ours))  # in place: loggers that exist hold this list
    for handler in logging.getLogger().handlers:
        if not any(isinstance(one, Redact) for one in handler.filters):
            handler.addFilter(Redact(ours))


@contextmanager
def database() -> Iterator[Connection]:
    """Our PostgreSQL, from the connection `triage_db`."""
    from triage.store import db
    from triage_airflow.connections import database_dsn

    with db.connect(database_dsn(), name="inbox-triage airflow") as connection:
        yield connection


def source_of(account: Account, settings: Settings, connection: Connection) -> Any:
    """The source of one account, with its credentials and what the store knows already."""
    from triage.ops.sources import for_account

    return for_account(connection, account, settings, _credentials(account))


def replier_of(account: Account, settings: Settings, connection: Connection) -> Replier:
    """What writes for one account."""
    from triage.ops.sources import replier_for

    return replier_for(connection, account, settings, _credentials(account))


def push_of(account: Account) -> Push | None:
    """What to wait on between two looks at an account that pushes; None: it does not."""
    from triage.ops.sources import push_of as push

    return push(account, _credentials(account)) if account.push else None


def _credentials(account: Account) -> Credentials:
    """What the account's connection holds. Raises ConfigError with the place that names it."""
    from triage.config import place_of
    from triage.core.errors import ConfigError
    from triage_airflow.connections import credentials_of

    try:
        return credentials_of(account.connection, expected=account.source)
    except ConfigError as error:
        raise ConfigError(f"{place_of(account.name, 'connection')}: {error}") from None


def announce(report: Report, events: Any, *, waits: bool = False) -> dict[str, Any]:
    """Print the one line, and put the figures on the asset event when there is something to do.

    `waits`: there is, though this run changed nothing: what the event trigger stored, or an earlier run left.
    """
    say(report)
    if report.changed or waits:
        events[COLLECTED].add(MESSAGES, extra=report.figures())
    return report.figures()
