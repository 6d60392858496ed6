"""Registers inbox-triage with Airflow's plugin manager, nothing else (the code is in triage_airflow)."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class TriagePlugin(AirflowPlugin):
    """The pages of inbox-triage in the Airflow UI are registered here."""

    name = "inbox_triage"
