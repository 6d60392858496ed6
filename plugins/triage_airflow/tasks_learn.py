"""The body of the task that learns from corrections."""

from __future__ import annotations

from typing import Any

from triage_airflow.runtime import database, say, task_errors


def learn() -> dict[str, Any]:
    """Teach the model what was corrected; promote it if it is better."""
    from triage.config import load
    from triage.ops.learn import learn as run
    from triage.ops.learn import school

    with task_errors(), database() as connection:
        settings = load()
        report = run(connection, school(settings.topics, encoder=settings.triage.encoder))
        say(report)
        return report.figures()
