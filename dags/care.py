"""Watch over the promise: the ledger must balance, no account may fall silent, and crises must be noticed.

**When it is red:** `audit`: the log names conversations in the wrong place; run the DAG `replay` with
`what = refresh`. `stall`: the log names accounts that were not collected for too long; look at their last
`collect_<account>` run, and whether its DAG is paused; or accounts whose replies lie unsent: is `reply_<account>`
paused, or no triggerer running? `triage send` sends them by hand. `money`: X rests because the daily cap or the prepaid
credits are used up; the log says which and what to do, `SELECT * FROM triage.spend` what it costs. Mail goes on.
`upkeep`: Gmail would not renew its notifications (see "push" in docs/connect.md); polling goes on meanwhile.
`hub`: the public page could not be written; the log names the target and the reason. `triage hub publish` writes it.
`watch`: the log says what was found and what to do: detectors that stand still, topics or unsure messages unlike
the days before, leases that lie about, a full disk, stale plans; more in docs/runbooks.md.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, task

from triage_airflow.notices import alarm

with DAG(
    dag_id="care",
    description="Audit the ledger, notice silent accounts",
    schedule=CronTriggerTimetable("*/10 * * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["inbox-triage", "care"],
    default_args={
        "owner": "inbox-triage",
        "retries": 1,
        "retry_delay": timedelta(seconds=30),
        "on_failure_callback": alarm,
    },
    doc_md=__doc__,
):

    @task(execution_timeout=timedelta(minutes=10))
    def audit():
        """Collected = answered + waiting + dismissed, and the queue shows exactly those who wait."""
        from triage_airflow import tasks

        return tasks.audit()

    @task(execution_timeout=timedelta(minutes=10))
    def stall():
        """No account may have been silent for longer than care.stalled_after."""
        from triage_airflow import tasks

        tasks.stall()

    @task(execution_timeout=timedelta(minutes=10))
    def money():
        """No account on X may rest because its daily cap or its credits are used up."""
        from triage_airflow import tasks

        tasks.money()

    @task(execution_timeout=timedelta(minutes=10))
    def upkeep():
        """Gmail goes on telling of changes where it pushes; the ledger of units keeps a week."""
        from triage_airflow import tasks

        tasks.upkeep()

    @task(execution_timeout=timedelta(minutes=10))
    def hub():
        """What was approved, or closed, is on the public page."""
        from triage_airflow import tasks_hub

        tasks_hub.refresh()

    @task(execution_timeout=timedelta(minutes=10))
    def watch():
        """Detectors, drift, leases, disks and plans; and our figures for Airflow's own metrics."""
        from triage_airflow import tasks_care

        tasks_care.watch()

    audit()
    stall()
    upkeep()
    money()
    hub()
    watch()
