"""The DAG `learn`: with little to learn from it says so and changes nothing; a rejected configuration is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.dags import sandbox


def _run() -> Any:
    from airflow.dag_processing.dagbag import DagBag

    dag = DagBag(sandbox.DAGS).dags["learn"]
    for task in dag.tasks:
        task.retries = 0
    return dag.test()


@pytest.fixture
def pipeline(login: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The connection `triage_db` with the pipeline's rights, and a cache folder."""
    sandbox.metadata_database()
    at = urlsplit(login("triage_pipeline"))
    given = {
        "conn_type": "postgres", "host": at.hostname, "port": at.port, "schema": at.path[1:], "login": at.username,
        "password": at.password,
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_TRIAGE_DB", json.dumps(given))
    monkeypatch.setenv("TRIAGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_with_nothing_to_learn_from_it_says_so(pipeline: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert _run().state == "success"
    assert "learn: read 0, kept 0" in capfd.readouterr().out


def test_a_cache_that_cannot_be_written_is_told(pipeline: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pipeline.write_text("a file where the folder should be", encoding="utf-8")
    assert _run().state == "failed"
    assert "set TRIAGE_CACHE to a folder that can" in capfd.readouterr().out
