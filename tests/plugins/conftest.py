"""Plugin tests run in Airflow's sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from tests.dags import sandbox
from tests.plugins.incident_kit import recall
from tests.plugins.page_kit import SAME, connection_json

People = Callable[..., Any]


@pytest.fixture(scope="package", autouse=True)
def airflow_home() -> Iterator[Path]:
    """Every test of this folder sees only the sandbox's Airflow."""
    with sandbox.entered() as home:
        yield home


@pytest.fixture
def people(dsn: str, monkeypatch: pytest.MonkeyPatch) -> People:
    """`people(role, name=…)`: a browser of that person; without a role, of nobody."""
    sandbox.metadata_database()
    monkeypatch.setenv("AIRFLOW_CONN_TRIAGE_DB", connection_json(dsn))
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.security import get_user
    from starlette.testclient import TestClient

    from triage_airflow.page.app import build

    create_auth_manager()

    def make(role: str | None, name: str = "") -> Any:
        app = build()
        if role:
            person = SimpleAuthManagerUser(username=name or role.lower(), role=role)
            app.dependency_overrides[get_user] = lambda: person
        return TestClient(app, headers=SAME if role else {})

    return make


@pytest.fixture
def incident(connection: Connection) -> int:
    """An open incident about a recall; its number."""
    return recall(connection)
