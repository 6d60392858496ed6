"""Registers inbox-triage with Airflow's plugin manager, nothing else (the code is in triage_airflow)."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from triage_airflow.page import registration


class TriagePlugin(AirflowPlugin):
    """The pages of inbox-triage in the Airflow UI are registered here."""

    name = "inbox_triage"
    fastapi_apps = registration.apps()
    external_views = registration.views()
