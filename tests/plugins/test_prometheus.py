"""A real Prometheus, set up as docs/ops.md says, reads our address and works out every alert rule."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml
from psycopg2.extensions import connection as Connection
from starlette.applications import Starlette
from starlette.routing import Mount

from demo.postgres import free_port
from tests.builders import ROOT
from tests.ops.figures import fill
from triage.ops.metrics import HELP

TOKEN = "a-token-of-the-test"
RULES = ROOT / "deploy" / "alert-rules.yml"
HERE = ROOT / ".venv" / "prometheus" / "usr" / "bin"
"""Where `make prometheus` puts what the machine has not."""

People = Callable[..., Any]


def binary(name: str) -> str:
    """The program, or a failure that says how to get it."""
    found = shutil.which(name, path=os.pathsep.join([os.environ["PATH"], str(HERE)]))
    return found or pytest.fail(f"{name} is missing: make prometheus (apt-get download, Debian's package)")


@contextmanager
def served(app: Any) -> Iterator[int]:
    """The page on a port of its own, where Airflow mounts it."""
    port = free_port()
    whole = Starlette(routes=[Mount("/triage", app)])
    server = uvicorn.Server(uvicorn.Config(whole, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(30)


def settings(folder: Path, target: int) -> Path:
    """The configuration of docs/ops.md with this target and token, and our rules."""
    page = (ROOT / "docs" / "ops.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(scrape_configs:.*?)```", page, flags=re.DOTALL)
    made = yaml.safe_load(block)
    (job,) = made["scrape_configs"]
    (folder / "token").write_text(TOKEN, encoding="utf-8")
    job["authorization"]["credentials_file"] = str(folder / "token")
    job["static_configs"] = [{"targets": [f"127.0.0.1:{target}"]}]
    made["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    made["rule_files"] = [str(RULES)]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(made), encoding="utf-8")
    return folder / "prometheus.yml"


@contextmanager
def prometheus(configuration: Path) -> Iterator[Callable[[str], Any]]:
    """It runs; what it gives asks its API."""
    port = free_port()
    command = [
        binary("prometheus"), f"--config.file={configuration}", f"--storage.tsdb.path={configuration.parent}/data",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=configuration.parent)

    def ask(path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}", timeout=10) as answer:
            return json.load(answer)["data"]

    try:
        yield ask
    finally:
        process.terminate()
        process.wait(30)


def until(found: Callable[[], Any], within: float = 60) -> Any:
    """What is found at last."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            if it := found():
                return it
        except urllib.error.URLError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"nothing was found within {within:g} s")


def test_the_rules_are_what_prometheus_takes() -> None:
    told = subprocess.run([binary("promtool"), "check", "rules", RULES], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr


def test_a_real_prometheus_reads_every_figure_and_works_out_every_rule(
    people: People, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TRIAGE_METRICS", json.dumps({"conn_type": "generic", "password": TOKEN}))
    fill(connection)
    with served(people(None).app) as page, prometheus(settings(tmp_path, page)) as ask:
        until(lambda: ask("query?query=up==1")["result"])
        names = {f"triage_{name}" for name in HELP}
        known = until(lambda: (found := {*ask("label/__name__/values")}) >= names and found)
        assert {name for name in known if name.startswith("triage_")} == names

        def rules() -> list[dict[str, Any]]:
            found = [rule for group in ask("rules")["groups"] for rule in group["rules"]]
            return found if all(rule["health"] != "unknown" for rule in found) else []

        worked = until(rules)
        written = [r for group in yaml.safe_load(RULES.read_text())["groups"] for r in group["rules"]]
        assert {rule["name"] for rule in worked} == {rule["alert"] for rule in written}
        assert {rule["name"]: rule.get("lastError") for rule in worked if rule["health"] != "ok"} == {}
