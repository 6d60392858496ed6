"""Do steps again from what is stored. Trigger by hand with:

- `what`: `decide` (classify again, humans' corrections stay), `refresh` (rebuild queue and labels from the
  messages) or `resync` (read the mailbox's window again; only what is missing costs quota),
- `since`: for `decide`, messages sent since then,
- `account`: for `resync` the account, for `decide` one account or empty for all.

**When it is red:** the log's last line names the parameter and the mend. Repeating it is safe.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param, task

from triage_airflow.notices import alarm
from triage_airflow.runtime import COLLECTED

with DAG(
    dag_id="replay",
    description="Decide, refresh or resync again from what is stored",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    tags=["inbox-triage", "replay"],
    default_args={"owner": "inbox-triage", "retries": 0, "on_failure_callback": alarm},
    params={
        "what": Param("decide", enum=["decide", "refresh", "resync"]),
        "since": Param("1970-01-01T00:00:00Z", type="string", format="date-time"),
        "account": Param("", type="string"),
    },
    doc_md=__doc__,
):

    @task(outlets=[COLLECTED], execution_timeout=timedelta(hours=2))
    def replay(*, params=None, outlet_events=None):
        """Do what the parameters say, then wake the DAG triage."""
        from triage_airflow import tasks

        return tasks.replay(params["what"], params["since"], params["account"], outlet_events)

    replay()
