"""The figures for Prometheus, at /triage/metrics: for whoever has the bearer token, not for Airflow's users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, BackgroundTasks, Request
from fastapi.responses import PlainTextResponse

from triage.config import load
from triage.ops import metrics
from triage_airflow.page import guard

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

TYPE = "text/plain; version=0.0.4"
TOKEN_WANTED = (
    "The figures are for Prometheus. Give the password of the Airflow connection triage_metrics as a bearer token; "
    "where there is no such connection, create it under Admin, Connections (docs/ops.md, Metrics).\n"
)

router = APIRouter()


def counted(connection: Connection) -> list[metrics.Figure]:
    """What is kept for a while: see `Figures`."""
    return metrics.counted(connection, load())


@router.get("/metrics")
def scrape(request: Request, later: BackgroundTasks) -> PlainTextResponse:
    """All figures; those that are dear to count are as old as `triage_counted_timestamp_seconds` says."""
    if not guard.has_metrics_token(request):
        return PlainTextResponse(TOKEN_WANTED, status_code=401, headers={"WWW-Authenticate": "Bearer"})
    state = request.app.state
    kept = state.metrics.get(state.pool, later)
    with state.pool.connection() as connection:
        figures = [*metrics.pulse(connection, load()), *kept.figures]
    return PlainTextResponse(metrics.exposition(figures), media_type=TYPE)
