"""Decide what new messages are about, show it on the Gmail threads, and notice when it is a crisis.

**When it is red:** `classify` failed: the log's last line says why; the messages stay in the queue as *unsure*
and are decided by the next run. `label` failed: the mailbox refused; what it refused stays in the outbox
(`SELECT * FROM triage.label_outbox WHERE wanted <> applied AND NOT gone AND NOT held`) and is sent again by the
next run. Rows that are `held` are as a person left them in Gmail, and stay so. `detect` failed: nothing was
changed; the next run judges the same minutes, and `triage incident detect` does so by hand.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, task

from triage.config import load
from triage_airflow.notices import alarm
from triage_airflow.runtime import MESSAGES, NOTICED

LABELLED = [a.name for a in load().triage.accounts if a.source == "gmail"]

with DAG(
    dag_id="triage",
    description="Classify new messages, refresh the queue, label the mailboxes, notice crises",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("*/5 * * * *", timezone="UTC"), assets=[MESSAGES]
    ),
    catchup=False,
    max_active_runs=1,
    tags=["inbox-triage", "triage"],
    default_args={
        "owner": "inbox-triage",
        "retries": 3,
        "retry_delay": timedelta(seconds=20),
        "on_failure_callback": alarm,
    },
    doc_md=__doc__,
):

    @task(execution_timeout=timedelta(minutes=30))
    def classify():
        """Decide every message that has no decision yet; the queue follows in the same transaction."""
        from triage_airflow import tasks

        return tasks.classify()

    @task(execution_timeout=timedelta(minutes=30), map_index_template="{{ task.op_kwargs['account'] }}")
    def label(account: str):
        """Bring the labels of one mailbox to the wanted state."""
        from triage_airflow import tasks

        return tasks.label(account)

    @task(outlets=[NOTICED], execution_timeout=timedelta(minutes=10))
    def detect(*, outlet_events=None):
        """Judge the counts by minute; open, escalate and close incidents."""
        from triage_airflow import tasks_incident

        return tasks_incident.detect(outlet_events)

    classify() >> [label.expand(account=LABELLED), detect()]
