"""The bodies of the tasks that notice a crisis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from triage_airflow.runtime import INCIDENTS, NOTICED, database, say, task_errors

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from triage.config import Settings


def detect(events: Any) -> dict[str, Any]:
    """Judge what came."""
    from triage.config import load

    with task_errors(), database() as connection:
        return _judge(connection, load(), events)


def notice(connection: Connection, settings: Settings, events: Any) -> None:
    """The same in a process that is there anyway: what has arrived is judged before anybody reads or decides it.

    Trouble is printed; it is for the task `detect` to be red.
    """
    try:
        _judge(connection, settings, events)
    except Exception as error:
        say(f"detect: {type(error).__name__}: {error}; the task detect judges the same minutes")


def _judge(connection: Connection, settings: Settings, events: Any) -> dict[str, Any]:
    """One asset event for all that others must hear of."""
    from triage.ops.detect import detect as judge

    found = judge(connection, [account.name for account in settings.triage.accounts])
    say(found.report)
    if told := found.events():
        events[NOTICED].add(INCIDENTS, extra={"changes": told})
    return found.report.figures()
