"""The body of the task that watches over what the other tasks of `care` do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triage_airflow.runtime import AlreadyTold, database, say, task_errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from triage.ops.metrics import Figure


def watch() -> None:
    """Send the figures to Airflow's own metrics, look at everything, and raise an alarm for each bad finding."""
    from triage.config import load
    from triage.ops import metrics
    from triage.ops import watch as checks
    from triage_airflow import notices

    with task_errors(), database() as connection:
        settings = load()
        emit(metrics.measure(connection, settings))
        findings = list(checks.findings(connection, settings))
        for found in findings:
            say(
                f"watch: {found.state}: {found.name}: {found.text}"
                + (f"; {found.mend}" if found.mend else "")
            )
        if wrong := [found for found in findings if found.state == "bad"]:
            notices.alarms(connection, settings.triage, wrong)
            raise AlreadyTold("; ".join(f"{found.text} ({found.mend})" for found in wrong))


def emit(figures: Iterable[Figure]) -> None:
    """The figures as gauges `triage.<name>`, tagged: StatsD, Datadog or OpenTelemetry, whichever Airflow is set to."""
    from airflow.sdk.observability import stats

    for figure in figures:
        stats.gauge(f"triage.{figure.name}", figure.value, tags=dict(figure.labels))
