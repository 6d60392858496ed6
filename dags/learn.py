"""Teach the classifier what people corrected: train, measure, and promote the model only if it is better.

A rejected model is no failure: the log and `triage model list` say why. `triage model rollback` has the model before
decide again, `triage model promote N` overrules the gate.

**When it is red:** the log's last line says why: scikit-learn is missing (install the extra `train`), or
`TRIAGE_CACHE` is a folder that the worker cannot write. The model that decides stays as it is; the next day's run
starts anew, and a run that was cut off leaves nothing behind.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, task

from triage_airflow.notices import alarm

with DAG(
    dag_id="learn",
    description="Learn from corrections, promote a better model",
    schedule=CronTriggerTimetable("15 3 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["inbox-triage", "learn"],
    default_args={
        "owner": "inbox-triage",
        "retries": 1,
        "retry_delay": timedelta(seconds=60),
        "on_failure_callback": alarm,
    },
    doc_md=__doc__,
):

    @task(execution_timeout=timedelta(hours=2))
    def learn():
        """Corrections to a trained, measured and, if it is better, promoted model."""
        from triage_airflow import tasks_learn

        return tasks_learn.learn()

    learn()
