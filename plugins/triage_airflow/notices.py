"""People are told through Airflow's own notifiers: mail (SMTP), Slack, and whatever Apprise reaches."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from triage_airflow.runtime import AlreadyTold, database, say, task_errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg2.extensions import connection as Connection

    from triage.config import Triage
    from triage.config_notify import Notify
    from triage.core.finding import Finding

DIRECT = "inbox_triage_alarmed_without_database"
"""The Airflow variable that remembers when an alarm last went out past the outbox."""

FRESH = timedelta(minutes=10)
"""Given up so lately, a notice still makes the task red; later the doctor and the digest tell of it."""


def send(to: str, subject: str, text: str, *, key: str = "") -> None:
    """Tell a recipient of triage.yaml's `notify`, at most once for each `key` (left out: for the same words).

    Whoever is not named there is stood in for by those who get `incidents`. Raises ConfigError when nobody does; a
    mail server that is away raises nothing: the DAG `tell` tries again.
    """
    from triage.config import load
    from triage.ops import notices

    triage = load().triage
    with database() as connection:
        notices.tell(connection, triage, to, subject, text, key=key)
        say(notices.send(connection, triage.notify, deliver))


def tell() -> dict[str, Any]:
    """Digests that are due, what is newly overdue, and what could not be sent before."""
    from triage.config import load
    from triage.core.errors import Fatal
    from triage.ops import notices

    with task_errors(), database() as connection:
        settings = load()
        wanted = notices.plan(connection, settings, link=queue_address())
        report = notices.send(connection, settings.triage.notify, deliver)
        report.notes.append(f"{wanted} new")
        say(report)
        notices.tidy(connection)
        if troubles := notices.troubles(connection, within=FRESH):
            raise Fatal("; ".join(troubles))
        return report.figures()


def alarm(context: Any) -> None:
    """`on_failure_callback` of every task: those who get `alarms` hear what failed, and what to do.

    A task that has failed already must not fail in telling so: whatever goes wrong here is printed.
    """
    from triage.config import load
    from triage.core.errors import Retry, TriageError
    from triage.ops import notices

    if isinstance(context.get("exception"), AlreadyTold):
        return
    try:
        triage = load().triage
        if not any(entry.alarms for entry in triage.notify.values()):
            return
        what, subject, text = _failure(context)
        try:
            with database() as connection:
                notices.alarm(connection, triage, what, subject, text)
                say(notices.send(connection, triage.notify, deliver))
        except Retry as error:
            _past_the_outbox(triage, subject, f"{text}\n{error}\n")
    except TriageError as error:
        say(f"alarm: {error}")


def alarms(connection: Connection, triage: Triage, findings: Iterable[Finding]) -> None:
    """Each finding to those who get `alarms`, with its mend; told again only after a while, by check and account."""
    from triage.ops import notices, watch

    for found in findings:
        what = f"care {found.name} {found.account}".rstrip()
        text = f"{found.text}\n\n{found.mend}\n"
        again = watch.AGAIN.get(found.name, notices.ALARM_AGAIN)
        notices.alarm(connection, triage, what, f"Alarm: {what}", text, again=again)
    say(notices.send(connection, triage.notify, deliver))


def queue_address() -> str:
    """Where the queue page is."""
    from airflow.configuration import conf

    from triage_airflow.page.registration import PREFIX

    base = conf.get("api", "base_url", fallback="") or ""
    return f"{base.rstrip('/')}{PREFIX}/" if base else ""


def _failure(context: Any) -> tuple[str, str, str]:
    """What failed, and the alarm: the error, what the DAG's page says to do, where the log is."""
    instance, dag = context["ti"], context["dag"]
    what = f"{instance.dag_id}.{instance.task_id}"
    said = str(context.get("exception") or "it was ended from outside; the log's last lines say more").strip()
    mend = _mend(dag, instance.task_id)
    log = getattr(instance, "log_url", "") or ""
    return (
        what,
        f"Alarm: {what} failed",
        "\n\n".join(part for part in (said[:2000], mend, log) if part) + "\n",
    )


def _mend(dag: Any, task_id: str) -> str:
    """What the DAG's page says to do when this task is red; where it does not tell tasks apart, all it says."""
    found = re.search(r"\*\*When it is red:\*\*(.+?)(?:\n\n|\Z)", dag.doc_md or "", re.S)
    advice = " ".join(found[1].split()) if found else ""
    others = "|".join(map(re.escape, dag.task_ids))
    own = re.search(rf"`{task_id}`(?: failed)?: (.+?)(?= `(?:{others})`(?: failed)?: |$)", advice)
    return (own[1] if own else advice).replace("`", "")


def _past_the_outbox(triage: Triage, subject: str, text: str) -> None:
    """Our database is away, and with it the outbox: straight to those who get alarms, once in some hours."""
    from airflow.sdk import Variable

    from triage.core.errors import TriageError
    from triage.ops.notices import ALARM_AGAIN

    now, last = datetime.now(UTC), Variable.get(DIRECT, default="")
    if last and now - datetime.fromisoformat(last) < ALARM_AGAIN:
        return
    Variable.set(DIRECT, now.isoformat())
    for entry in triage.notify.values():
        for address in entry.targets if entry.alarms else ():
            try:
                deliver(entry, address, subject, text)
            except TriageError as error:
                say(f"alarm: {error}")


def deliver(entry: Notify, address: str, subject: str, text: str) -> None:
    """One notice to one address. Raises Retry, naming the connection and what the service said.

    `notify` is called, and not the notifier itself, which would take what others wrote for a template.
    """
    from triage.core.errors import Retry

    subject = " ".join(subject.split())
    try:
        _notifier(entry, address, subject, text).notify({})
    except Exception as error:  # whatever a provider raises: the next notice may well go out
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise Retry(
            f"{entry.kind} connection {entry.connection!r}: {reason}; mend the address in triage.yaml or the "
            "connection in Airflow",
            after=timedelta(minutes=5),
        ) from error


def _notifier(entry: Notify, address: str, subject: str, text: str) -> Any:
    if entry.kind == "smtp":
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        return SmtpNotifier(
            smtp_conn_id=entry.connection,
            to=[address],
            subject=subject,
            html_content=f'<pre style="font: inherit; white-space: pre-wrap">{html.escape(text)}</pre>',
            custom_headers={
                "Auto-Submitted": "auto-generated"
            },  # where we watch that mailbox, nobody is to answer us
        )
    if entry.kind == "apprise":
        return _apprise(entry, address, subject, text)
    said = f"*{_slack(subject)}*\n{_slack(text)}"
    if address:
        from airflow.providers.slack.notifications.slack import SlackNotifier

        return SlackNotifier(
            slack_conn_id=entry.connection,
            channel=address,
            text=said,
            username="inbox-triage",
            unfurl_links=False,
        )
    from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

    return SlackWebhookNotifier(slack_webhook_conn_id=entry.connection, text=said, unfurl_links=False)


def _slack(text: str) -> str:
    """Slack's three signs: no text of others may call a channel or hide a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _apprise(entry: Notify, tag: str, subject: str, text: str) -> Any:
    import apprise
    from airflow.providers.apprise.notifications.apprise import AppriseNotifier

    class Checked(AppriseNotifier):
        """Airflow's own passes over that Apprise could not deliver."""

        def notify(self, context: Any) -> None:
            box = apprise.Apprise()
            self.hook.set_config_from_conn(self.hook.get_connection(entry.connection), box)
            if not box.notify(body=self.body, title=self.title, body_format=self.body_format, tag=self.tag):
                raise RuntimeError("Apprise delivered to none, or not to all; the task's log says which")

    return Checked(apprise_conn_id=entry.connection, body=text, title=subject, tag=tag or "all")
