"""Airflow reads the DAG files again and again: reading them asks nobody and loads nothing heavy."""

from __future__ import annotations

import importlib.machinery
import json
import sys
from pathlib import Path

import pytest

from tests.dags import sandbox

HEAVY = [
    "spacy",
    "thinc",
    "googleapiclient",
    "google.auth",
    "tweepy",
    "psycopg2",
    "sklearn",
    "numpy",
    "pandas",
]

PARSE = """
import json, runpy, sys
import airflow.sdk
import croniter  # Airflow's own reader of cron lines asks the system for its word size

asked = []
WATCHED = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "sqlite3.connect", "subprocess.Popen")
sys.addaudithook(lambda event, arguments: asked.append(event) if event in WATCHED else None)
found = {}
for path in sys.argv[2:]:
    before = set(sys.modules)
    asked.clear()
    runpy.run_path(path)
    heavy = [name for name in json.loads(sys.argv[1]) if name in sys.modules and name not in before]
    found[path] = {"asked": asked[:], "heavy": heavy}
print(json.dumps(found))
"""

GREEDY = """
import psycopg2, socket
try:
    socket.create_connection(("127.0.0.1", 1))
except OSError:
    pass
"""


def test_parsing_asks_nobody_and_imports_nothing_heavy(tmp_path: Path) -> None:
    greedy = tmp_path / "greedy.py"
    greedy.write_text(GREEDY)
    files = sorted(sandbox.DAGS.glob("*.py"))
    done = sandbox.python(PARSE, json.dumps(HEAVY), *map(str, [*files, greedy]))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    noticed = found.pop(str(greedy))
    assert noticed["heavy"] == ["psycopg2"], "the check itself would notice"
    assert "socket.connect" in noticed["asked"]
    assert found == {str(path): {"asked": [], "heavy": []} for path in files}


def _installed(name: str) -> bool:
    """Whether the interpreter has a module of that name without our own folders."""
    ours = {sandbox.ROOT, sandbox.DAGS, sandbox.PLUGINS}
    path = [entry for entry in sys.path if entry and Path(entry).resolve() not in ours]
    return name in sys.stdlib_module_names or importlib.machinery.PathFinder.find_spec(name, path) is not None


OURS = sorted({p.stem for folder in (sandbox.DAGS, sandbox.PLUGINS) for p in folder.glob("*.py")})


@pytest.mark.parametrize("name", OURS)
def test_no_file_on_airflows_path_shadows_a_package(name: str) -> None:
    assert name not in {"triage", "triage_airflow", "demo", "airflow"}
    assert not _installed(name), f"{name}.py would hide the package {name} from everything Airflow runs"


def test_the_check_of_names_would_notice() -> None:
    assert _installed("queue")
    assert _installed("spacy")


def test_dags_and_plugins_do_not_share_a_name() -> None:
    names = [
        p.stem
        for folder in (sandbox.DAGS, sandbox.PLUGINS)
        for p in folder.iterdir()
        if not p.name.startswith((".", "_"))
    ]
    assert len(names) == len(set(names))


def test_the_dags_folder_holds_only_dag_files() -> None:
    for path in sandbox.DAGS.glob("*.py"):
        assert "DAG(" in path.read_text(encoding="utf-8"), (
            f"{path.name} defines no DAG; helpers belong to triage_airflow"
        )
