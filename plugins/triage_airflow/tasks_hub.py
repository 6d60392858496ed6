"""The bodies of what keeps the public page of facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triage_airflow.runtime import database, say, task_errors

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def refresh() -> None:
    """Draft what people ask, and publish what changed."""
    from triage.config import load
    from triage.ops import hub

    with task_errors(), database() as connection:
        say(hub.refresh(connection, load()))


def show(connection: Connection) -> str:
    """Publish before any post leads there. A page that cannot be written holds up no post: the fault is returned."""
    from triage.config import load
    from triage.core.errors import TriageError
    from triage.ops import hub

    try:
        settings = load()
        if settings.triage.hub is not None:
            done = hub.publish(connection, settings)
            say(f"hub: {len(done.written)} files written, {done.unchanged} unchanged")
    except TriageError as error:
        return str(error)
    return ""
