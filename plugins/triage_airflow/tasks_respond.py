"""The bodies of the tasks that act on an incident by its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from triage_airflow.runtime import database, say, task_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

APPROVE = "Approve"


def begin(run: str) -> list[dict[str, Any]]:
    """Take the incidents that nobody responds to yet, draft their statements, tell their owners; one row each."""
    from triage.config import load
    from triage.ops import respond

    with task_errors():
        with database() as connection:
            begun = respond.begin(connection, load(), run)
        for one in begun:
            which = f" {one.number}" if one.number > 1 else ""
            _tell(one.owner, one.subject, one.body, key=f"incident {one.incident} {one.kind}{which}")
            say(f"respond: incident {one.incident}, {one.kind}")
        return [one.as_json() for one in begun if one.digest]


def publish(incident: int, number: int, digest: str, answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Note who decided what; when it was approved, publish it, and tell what became of it."""
    from functools import partial

    from triage.config import load
    from triage.core.errors import Fatal
    from triage.ops import respond
    from triage.ops.queue import Refused
    from triage_airflow import outbox, tasks_hub

    by = _name(answer.get("responded_by_user"))
    approved = answer["chosen_options"] == [APPROVE]
    with task_errors(), database() as connection:
        try:
            approved = respond.decide(connection, incident, number, by=by, digest=digest, approved=approved)
        except Refused as error:
            raise Fatal(str(error)) from error
        fault = ""
        if approved:
            respond.answer_questions(connection, load(), incident, by=by)
            fault = tasks_hub.show(connection)
        rows = respond.publish(connection, incident, partial(outbox.send_from, connection))
    for row in rows:
        what = row["url"] or row["error"] or ""
        say(f"statement: {row['channel']} {row['lang']}: {row['state']} {what}".rstrip())
    with task_errors():
        if fault:
            raise Fatal(fault)
    return [{name: row[name] for name in ("channel", "lang", "state", "url")} for row in rows]


def late(context: Any) -> None:
    """The deadline alert: a first statement is not out in time. Those who get `incidents` hear of it."""
    from triage.ops import respond

    run = context["dag_run"]["dag_run_id"]
    with database() as connection:
        rows = respond.without_statement(connection, run)
    for row in rows:
        words = (
            f"{row['topic']}: people have written since {row['onset']:%Y-%m-%d %H:%M} UTC, and we have said nothing. "
            "The draft waits to be approved."
        )
        _tell(
            row["owner"], f"Incident {row['id']}: no statement yet", words, key=f"incident {row['id']} late"
        )


def _tell(owner: str, subject: str, words: str, *, key: str) -> None:
    """Whether anybody is named to be told or not, the response goes on."""
    from triage.core.errors import ConfigError
    from triage_airflow import notices

    try:
        notices.send(owner, subject, f"{words}\n\n{_address()}\n", key=key)
    except ConfigError as error:
        say(f"nobody was told: {error}")


def _name(user: Any) -> str:
    """Who answered in Airflow's page; a timeout has nobody, and never approves."""
    if not user:
        return "nobody"
    return str(user.get("name") or user.get("id") if hasattr(user, "get") else user)


def _address() -> str:
    """Where somebody approves it."""
    from airflow.configuration import conf

    base = conf.get("api", "base_url", fallback="").rstrip("/")
    return f"{base}/required_actions" if base else "Airflow, Required actions"
