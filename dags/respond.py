"""Act on an incident by its plan: tell its owner, have the first statement approved, publish it where it began first.

A run takes each open incident that no other run has. `begin` drafts the texts and tells the owner; `approve` waits, in
no process, for a person (Browse, Required actions); `publish` posts what was approved, each text at most once, and the
hub shows it at once. A statement that is late is an alert of its own.

**When it is red:** `begin`: the log's last line names the mend; the next incident's run, or this task cleared, takes
what is left. `approve`: the run was stopped; the draft stays, `triage statement approve` goes on. `publish`: the log
says which channel refused and why; clear the task when it is mended: what is out is not sent again.
`triage statement show N` has all of it.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, DeadlineAlert, DeadlineReference, SyncCallback, task, task_group

from triage.config import load
from triage_airflow.notices import alarm
from triage_airflow.runtime import INCIDENTS
from triage_airflow.tasks_respond import APPROVE

MINE = "{{{{ ti.xcom_pull(task_ids='begin')[ti.map_index]['{}'] }}}}"

with DAG(
    dag_id="respond",
    description="Tell the owner, have a statement approved, publish it",
    schedule=[INCIDENTS],
    catchup=False,
    max_active_runs=8,  # a run waits for people; the next crisis must not wait for it
    tags=["inbox-triage", "respond"],
    default_args={
        "owner": "inbox-triage",
        "retries": 3,
        "retry_delay": timedelta(seconds=20),
        "on_failure_callback": alarm,
    },
    deadline=DeadlineAlert(
        name="first statement",
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=load().triage.care.statement_within,
        callback=SyncCallback("triage_airflow.tasks_respond.late"),
    ),
    doc_md=__doc__,
):

    @task(execution_timeout=timedelta(minutes=10))
    def begin(*, run_id=None):
        """Take the incidents, draft their statements, tell their owners."""
        from triage_airflow import tasks_respond

        return tasks_respond.begin(run_id)

    @task(execution_timeout=timedelta(minutes=30))
    def publish(incident: dict, answer: dict):
        """Note the decision; publish what was approved."""
        from triage_airflow import tasks_respond

        return tasks_respond.publish(incident["incident"], incident["number"], incident["digest"], answer)

    @task_group(prefix_group_id=False)
    def act(incident):
        """One incident."""
        approve = HITLOperator(
            task_id="approve",
            subject=MINE.format("subject"),
            body=MINE.format("body"),
            options=[APPROVE, "Reject"],
            doc_md="Wait for whoever must approve the texts.",
        )
        publish(incident, approve.output)

    act.expand(incident=begin())
