"""Airflow connections as plain values for `triage`."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from triage.core.errors import ConfigError
from triage.sources.base import Credentials

DATABASE = "triage_db"
"""The connection that holds our own PostgreSQL."""

METRICS = "triage_metrics"
"""The connection whose password is the bearer token of the figures."""


def _get(conn_id: str, hint: str) -> Any:
    """The connection. Only its absence is for a person to mend; Airflow's own troubles pass and are retried."""
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise ConfigError(
            f"connection {conn_id!r} does not exist; create it in Airflow under Admin, Connections, {hint} "
            f"(or mend the JSON of AIRFLOW_CONN_{conn_id.upper()}, which Airflow passes over when it cannot read it)"
        ) from None


def credentials_of(conn_id: str, *, expected: str) -> Credentials:
    """The credentials in a connection; ConfigError when it is missing or of another type."""
    connection = _get(conn_id, f"as type {expected}")
    if connection.conn_type != expected:
        raise ConfigError(f"connection {conn_id!r} is of type {connection.conn_type!r}; make it {expected!r}")
    return Credentials(
        login=connection.login or "", password=connection.password or "", extra=connection.extra_dejson
    )


def database_dsn() -> str:
    """The address of our PostgreSQL."""
    connection = _get(DATABASE, "as type Postgres, with the database of inbox-triage")
    return str(connection.get_uri()).replace("postgres://", "postgresql://", 1)


def metrics_tokens() -> list[str]:
    """The tokens that open the figures: one, or old and new with a space between while they change. None: closed."""
    try:
        return str(_get(METRICS, "with a token as its password").password or "").split()
    except ConfigError:
        return []
