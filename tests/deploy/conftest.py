"""Deployment tests compare with Airflow's own options and commands, inside its sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dags import sandbox


@pytest.fixture(scope="package", autouse=True)
def airflow_home() -> Iterator[Path]:
    """Every test of this folder sees only the sandbox's Airflow."""
    with sandbox.entered() as home:
        yield home
