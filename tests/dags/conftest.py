"""DAG tests run in Airflow's sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dags import sandbox
from tests.dags.stage import stage

__all__ = ["stage"]


@pytest.fixture(scope="package", autouse=True)
def airflow_home() -> Iterator[Path]:
    """Every test of this folder sees only the sandbox's Airflow."""
    with sandbox.entered() as home:
        yield home


@pytest.fixture(scope="package")
def bag() -> Any:
    """The DAG files as Airflow reads them."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(sandbox.DAGS)
