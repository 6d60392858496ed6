"""Airflow in a throw-away home: no test may see, or touch, the Airflow of the machine it runs on."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DAGS = ROOT / "dags"
PLUGINS = ROOT / "plugins"


@cache
def home() -> Path:
    """One folder for the whole test process; it goes when the process goes."""
    folder = Path(tempfile.mkdtemp(prefix="inbox-triage-airflow-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def variables() -> dict[str, str]:
    """The whole of Airflow's configuration for tests."""
    return {
        "AIRFLOW_HOME": str(home()),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PLUGINS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home() / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home() / "logs"),
    }


def clean(environment: dict[str, str]) -> dict[str, str]:
    """An environment without the caller's Airflow and triage settings, and with ours."""
    kept = {k: v for k, v in environment.items() if not k.startswith(("AIRFLOW", "_AIRFLOW", "TRIAGE_"))}
    return kept | variables()


@cache
def _airflow_is_not_imported_yet() -> None:
    """Airflow reads where its home is when it is imported: at the first entry it must not be there."""
    if "airflow.configuration" in sys.modules:
        raise RuntimeError(
            "airflow was imported before its sandbox was made; import it inside the tests only"
        )


@contextmanager
def entered() -> Iterator[Path]:
    """The sandbox's variables in this process, and the former ones afterwards."""
    _airflow_is_not_imported_yet()
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - set(clean(dict(os.environ))):
            patch.delenv(name)
        for name, value in variables().items():
            patch.setenv(name, value)
        yield home()


@cache
def metadata_database() -> None:
    """Airflow's own database, made once a process; call it inside the sandbox."""
    from airflow.utils.db import initdb

    initdb()


def python(code: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter inside the sandbox; `more` are environment variables."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=clean(dict(os.environ)) | more,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
