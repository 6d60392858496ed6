"""How long each DAG file takes to parse once Airflow is imported: done again and again, each time in a new process.

python -m benchmarks dags [-- --times 7]

Milliseconds of processor, so that whoever else is at work does not count. Beside each file an empty DAG of Airflow's
own; `again` is the same process parsing the file a second time: what is left once our modules are imported.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.kit import show
from tests.dags import sandbox

LIMIT = 50.0
"""Milliseconds of processor."""

PARSE = """
import gc, json, runpy, sys, time
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, Asset, AssetAlias, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable, task
task.python  # the provider of @task is Airflow's own, and loaded when it is first asked for
gc.freeze()  # as Airflow's DagFileProcessorManager does before it forks the process that parses
took = []
for _ in range(2):
    began = time.process_time()
    runpy.run_path(sys.argv[1])
    took.append((time.process_time() - began) * 1000)
print(json.dumps(took))
"""
EMPTY = """
from airflow.sdk import DAG, task
with DAG(dag_id="empty", schedule=None):
    @task
    def nothing():
        pass
    nothing()
"""


def parsed(path: Path, times: int) -> tuple[float, float]:
    """Middle milliseconds of the first and of the second parse in a process."""
    found: list[list[float]] = []
    for _ in range(times + 1):
        done = sandbox.python(PARSE, str(path), PYTHONDONTWRITEBYTECODE="")
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        found.append(json.loads(done.stdout.splitlines()[-1]))
    del found[0]  # compiled what was changed since
    return median(first for first, _ in found), median(again for _, again in found)


def measure(times: int) -> list[dict[str, Any]]:
    """A row for each file."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY, encoding="utf-8")
        for path in [empty, *sorted(sandbox.DAGS.glob("*.py"))]:
            first, again = parsed(path, times)
            rows.append({"file": path.name, "ms": first, "again ms": again,
                         f"{LIMIT:g} ms": "yes" if first <= LIMIT else "NO"})  # fmt: skip
    return rows


def main(argv: list[str] | None = None) -> int:
    """Print the table; 1 when a file takes longer than the limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks dags", description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, default=7)
    args = parser.parse_args(argv)
    rows = measure(args.times)
    show("DAG files, parsed after Airflow's own import", rows)
    return int(any(row["ms"] > LIMIT for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
