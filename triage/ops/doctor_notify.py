"""The doctor's checks of `notify:`: can everybody be told, and does somebody hear of alarms?"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg2.extensions import connection as Connection

from triage.config import Triage
from triage.config_notify import Notify
from triage.core.errors import TriageError
from triage.core.finding import Finding, bad, ok, refused, warn
from triage.ops import connections, notices
from triage.sources.base import Now


def recipients(triage: Triage) -> Iterator[Finding]:
    """Each recipient's connection, and what nobody is told."""
    for name, entry in triage.notify.items():
        yield _connection(name, entry)
    for gets, given, what in (
        ("alarms", "true", "what is red in Airflow"),
        ("incidents", "true", "a crisis whose plan names no recipient"),
        ("weekly", '"mon 09:00"', "what a week brought, as the crisis committee should be"),
    ):
        if not any(getattr(entry, gets) for entry in triage.notify.values()):
            yield warn(
                "notify",
                f"nobody is told of {what}",
                f"give an entry of notify in triage.yaml `{gets}: {given}`",
            )


def _connection(name: str, entry: Notify) -> Finding:
    kind = "slackwebhook" if entry.kind == "slack" and not entry.addresses else entry.kind
    try:
        held = connections.find(entry.connection, kind)
    except TriageError as error:
        return _without_connect(refused("notify", error), name, entry, kind)
    if fault := _fault(kind, held.credentials.password, held.credentials.extra):
        return bad("notify", f"{name}: connection {entry.connection!r} {fault[0]}", fault[1])
    return ok(
        "notify",
        f"{name}: {entry.connection}, from {held.found_in}, to {', '.join(entry.addresses) or 'all it lists'}",
    )


def _without_connect(finding: Finding, name: str, entry: Notify, kind: str) -> Finding:
    """`triage connect` makes accounts only: these connections are made in Airflow."""
    mend = f"create it in Airflow under Admin, Connections, as type {kind} (docs/connect.md, Notices)"
    return bad(
        "notify", f"{name}: {finding.text}", mend if "triage connect" in finding.mend else finding.mend
    )


def _fault(kind: str, password: str, extra: object) -> tuple[str, str] | None:
    """What a connection lacks, and the mend."""
    given = extra if isinstance(extra, dict) else {}
    if kind == "smtp" and not given.get("from_email"):
        return "says no sender", "put `from_email` into its extra"
    if kind == "apprise" and not given.get("config"):
        return "lists no address", 'put `config` into its extra: [{"path": "ADDRESS", "tag": "NAME"}]'
    if kind in ("slack", "slackwebhook") and not password:
        return "has no token", "put the bot's token, or the webhook's address, into its password"
    return None


def undelivered(connection: Connection, now: Now) -> Iterator[Finding]:
    """What could not be told."""
    for trouble in notices.troubles(connection, now=now):
        text, _, mend = trouble.partition("; ")
        yield warn("notices", text, mend or "look at the last run of the DAG tell")
