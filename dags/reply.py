"""One DAG per account of config/triage.yaml: send the replies that responders wrote in the queue page or a terminal.

It starts within seconds of somebody's wanting a reply (see Assets), and for nothing else, but for a look every half
hour should no triggerer run. Each reply goes out at most once, whatever dies in between.

**When it is red:** open the log of `send`; its last line names the mend (a scope or keys that are missing, a daily cap
that is reached); whoever wrote reads the same beside the reply. Nothing is lost: what did not go out is sent by the
next run, and a reply of which nobody can know is `unknown` until a person looks: `SELECT * FROM triage.replies`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, task

from triage.config import Account, load
from triage_airflow.notices import alarm
from triage_airflow.outbox import outbox


def _reply_dag(account: Account) -> DAG:
    with DAG(
        dag_id=f"reply_{account.name}",
        description=f"Send replies of {account.name} ({account.source})",
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable("*/30 * * * *", timezone="UTC"), assets=[outbox(account)]
        ),
        catchup=False,
        max_active_runs=2,  # as in collect.py: one at work, one that waits for it
        tags=["inbox-triage", "reply", account.source],
        default_args={
            "owner": "inbox-triage",
            "retries": 2,
            "retry_delay": timedelta(seconds=20),
            "on_failure_callback": alarm,
        },
        doc_md=__doc__,
    ) as dag:

        @task(execution_timeout=timedelta(minutes=30), max_active_tis_per_dag=1)
        def send():
            """Hand over what is wanted, find out about what is in doubt."""
            from triage_airflow import outbox

            return outbox.send(account.name)

        send()
    return dag


for _account in load().triage.accounts:
    globals()[f"reply_{_account.name}"] = _reply_dag(_account)
