"""One DAG per account of config/triage.yaml: pull what is new, page by page.

**When it is red:** open the log of `pull`; its last line names the thing and the mend. A revoked token or a
missing connection fails at once; a busy or broken service is retried and then left to the next run. Nothing is
lost meanwhile: the cursor moves only together with the messages it passed.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, DeltaTriggerTimetable, task

from triage.config import Account, load, parse_duration
from triage_airflow.runtime import COLLECTED


def _timetable(schedule: str) -> CronTriggerTimetable | DeltaTriggerTimetable:
    """A cron expression has spaces, an interval such as 30s has none."""
    if " " in schedule:
        return CronTriggerTimetable(schedule, timezone="UTC")
    return DeltaTriggerTimetable(parse_duration(schedule))


def _collect_dag(account: Account) -> DAG:
    with DAG(
        dag_id=f"collect_{account.name}",
        description=f"Pull new messages of {account.name} ({account.source})",
        schedule=_timetable(account.schedule),
        catchup=False,
        max_active_runs=1,
        tags=["inbox-triage", "collect", account.source],
        default_args={"owner": "inbox-triage", "retries": 3, "retry_delay": timedelta(seconds=20)},
        doc_md=__doc__,
    ) as dag:

        @task(outlets=[COLLECTED], execution_timeout=timedelta(minutes=30))
        def pull(*, outlet_events=None):
            """Read the new messages of the account into the database."""
            from triage_airflow import tasks

            return tasks.pull(account.name, outlet_events)

        pull()
    return dag


for _account in load().triage.accounts:
    globals()[f"collect_{_account.name}"] = _collect_dag(_account)
