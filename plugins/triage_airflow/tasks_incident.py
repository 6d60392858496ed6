"""The bodies of the tasks that notice a crisis."""

from __future__ import annotations

from typing import Any

from triage_airflow.runtime import INCIDENTS, NOTICED, database, task_errors


def detect(events: Any) -> dict[str, Any]:
    """Judge what came; one asset event for all that others must hear of."""
    from triage.config import load
    from triage.ops.detect import detect as judge

    with task_errors(), database() as connection:
        found = judge(connection, [account.name for account in load().triage.accounts])
        print(found.report)
        if found.changes:
            events[NOTICED].add(INCIDENTS, extra={"changes": found.events()})
        return found.report.figures()
