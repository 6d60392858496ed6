"""What every task of ours needs: settings, database, source, and our errors said in Airflow's terms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias
from airflow.sdk.exceptions import AirflowException, AirflowFailException

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from triage.config import Account, Settings
    from triage.ops.report import Report

MESSAGES = Asset("triage/messages")
"""Changes whenever something was collected; starts the DAG `triage`."""

COLLECTED = AssetAlias("triage-collected")
"""Resolves to MESSAGES only when a run gave the next step something to do."""


@contextmanager
def task_errors() -> Iterator[None]:
    """Fatal and ConfigError fail at once (a retry cannot help); Retry is retried by Airflow."""
    from triage.core.errors import ConfigError, Fatal, Retry

    try:
        yield
    except (Fatal, ConfigError) as error:
        raise AirflowFailException(str(error)) from error
    except Retry as error:
        raise AirflowException(f"{error}; Airflow tries again") from error


@contextmanager
def database() -> Iterator[Connection]:
    """Our PostgreSQL, from the connection `triage_db`."""
    from triage.store import db
    from triage_airflow.connections import database_dsn

    with db.connect(database_dsn(), name="inbox-triage airflow") as connection:
        yield connection


def source_of(account: Account, settings: Settings, connection: Connection) -> Any:
    """The source of one account, with its credentials and what the store knows already."""
    from triage.config import place_of
    from triage.core.errors import ConfigError
    from triage.ops.sources import for_account
    from triage_airflow.connections import credentials_of

    try:
        credentials = credentials_of(account.connection, expected=account.source)
    except ConfigError as error:
        raise ConfigError(f"{place_of(account.name, 'connection')}: {error}") from None
    return for_account(connection, account, settings, credentials)


def announce(report: Report, events: Any) -> dict[str, Any]:
    """Print the one line, and put the figures on the asset event when there is something to do."""
    print(report)
    if report.changed:
        events[COLLECTED].add(MESSAGES, extra=report.figures())
    return report.figures()
