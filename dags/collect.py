"""One DAG per account of config/triage.yaml: pull what is new, page by page.

It starts when its event trigger (see Assets) has found something, and by the timetable, which alone collects while
no triggerer runs.

**When it is red:** open the log of `pull`; its last line names the thing and the mend. A revoked token or a
missing connection fails at once; a busy or broken service is retried and then left to the next run. Nothing is
lost meanwhile: the cursor moves only together with the messages it passed.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, DeltaTriggerTimetable, task

from triage.config import Account, Settings, load
from triage.config_values import parse_duration
from triage_airflow.notices import alarm
from triage_airflow.runtime import COLLECTED, NOTICED
from triage_airflow.triggers import arrivals


def _timetable(schedule: str) -> CronTriggerTimetable | DeltaTriggerTimetable:
    """A cron expression has spaces, an interval such as 30s has none."""
    if " " in schedule:
        return CronTriggerTimetable(schedule, timezone="UTC")
    return DeltaTriggerTimetable(parse_duration(schedule))


def _schedule(
    account: Account, settings: Settings
) -> CronTriggerTimetable | DeltaTriggerTimetable | AssetOrTimeSchedule:
    """The timetable, and the event trigger unless `poll` is null."""
    timetable = _timetable(account.schedule)
    if account.poll is None:
        return timetable
    return AssetOrTimeSchedule(timetable=timetable, assets=[arrivals(account, settings)])


def _collect_dag(account: Account, settings: Settings) -> DAG:
    with DAG(
        dag_id=f"collect_{account.name}",
        description=f"Pull new messages of {account.name} ({account.source})",
        schedule=_schedule(account, settings),
        catchup=False,
        max_active_runs=2,  # one at work and one that waits for it, see pull
        tags=["inbox-triage", "collect", account.source],
        default_args={
            "owner": "inbox-triage",
            "retries": 3,
            "retry_delay": timedelta(seconds=20),
            "on_failure_callback": alarm,
        },
        doc_md=__doc__,
    ) as dag:
        # With one active run, a parse of this file while that run ends leaves Airflow 3.3 believing until the next
        # parse (30 s) that the DAG is full (DagModel.exceeds_max_non_backfill). The task itself never overlaps.
        @task(outlets=[COLLECTED, NOTICED], execution_timeout=timedelta(minutes=30), max_active_tis_per_dag=1)
        def pull(*, outlet_events=None):
            """Judge what has arrived, then read the new messages of the account into the database."""
            from triage_airflow import tasks

            return tasks.pull(account.name, outlet_events)

        pull()
    return dag


_settings = load()
for _account in _settings.triage.accounts:
    globals()[f"collect_{_account.name}"] = _collect_dag(_account, _settings)
