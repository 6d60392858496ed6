"""Tell people: the morning digest, what is overdue, and what could not be sent before.

Who is told what stands under `notify` in config/triage.yaml; while nobody is, this DAG has no timetable.

**When it is red:** somebody could not be told: the log's last line names the recipient, the address and what the mail
server, Slack or Apprise said. Mend the address in triage.yaml or the connection in Airflow; what waits is tried again
for six hours, everybody else is told meanwhile, and nobody is told twice. `SELECT * FROM triage.notice` has them all.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, task

from triage.config import load
from triage_airflow.notices import alarm

with DAG(
    dag_id="tell",
    description="Send digests and notices of what is overdue",
    schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC") if load().triage.notify else None,
    catchup=False,
    max_active_runs=1,
    tags=["inbox-triage", "tell"],
    default_args={"owner": "inbox-triage", "retries": 0, "on_failure_callback": alarm},
    doc_md=__doc__,
):

    @task(execution_timeout=timedelta(minutes=10))
    def tell():
        """Write what is due into the outbox, then send it, one address at a time."""
        from triage_airflow import notices

        return notices.tell()

    tell()
