"""Airflow's four processes on loopback, with settings of their own, started and ended cleanly."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PROCESSES = {
    "api-server": ["api-server"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
}
"""In the order of their start."""

HEALTHY_WITHIN = 180.0
STOP_WITHIN = 30.0


class AirflowError(RuntimeError):
    """Airflow did not start or died; the text says where to look."""


def settings(
    home: Path, *, port: int, database: str, config: Path, connections: dict[str, dict[str, object]]
) -> dict[str, str]:
    """The environment that Airflow runs in. Nothing of the caller's AIRFLOW_* survives."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "_AIRFLOW", "TRIAGE_"))}
    chosen = {
        "CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "3",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__FERNET_KEY": "",
        "DATABASE__SQL_ALCHEMY_CONN": database.replace("postgresql://", "postgresql+psycopg2://"),
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "API__WORKERS": "1",
        "API__SECRET_KEY": _secret(home, "api"),
        "API_AUTH__JWT_SECRET": _secret(home, "jwt"),
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "20",
        "LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
    }
    return {
        **kept,
        "AIRFLOW_HOME": str(home),
        "TRIAGE_CONFIG": str(config),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "PYTHONUNBUFFERED": "1",
        **{f"AIRFLOW__{name}": value for name, value in chosen.items()},
        **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()},
    }


def _secret(home: Path, name: str) -> str:
    """One secret per home, the same for every process and every start."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / f"{name}.secret"
    if not path.exists():
        path.write_text(secrets.token_urlsafe(48))
        path.chmod(0o600)
    return path.read_text()


def refuse_busy_port(port: int, option: str) -> None:
    """Raise with the mend when somebody listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise AirflowError(
                f"port {port} is busy; end what listens there or choose another: make demo ARGS='{option} {port + 100}'"
            ) from None


@dataclass
class Airflow:
    """The running processes; `with Airflow(...)` starts and ends them."""

    env: dict[str, str]
    home: Path
    port: int
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address of the Airflow UI."""
        return f"http://127.0.0.1:{self.port}"

    def command(self, *arguments: str) -> None:
        """Run one airflow command to its end; its output goes to a file that an error names."""
        log = self.home / f"{arguments[0]}.log"
        with log.open("ab") as out:
            done = subprocess.run(
                [sys.executable, "-m", "airflow", *arguments],
                env=self.env,
                cwd=CHECKOUT,
                stdout=out,
                stderr=out,
                check=False,
            )
        if done.returncode != 0:
            raise AirflowError(f"airflow {' '.join(arguments)} failed; see {log}")

    def __enter__(self) -> Airflow:
        self.command("db", "migrate")
        for name in PROCESSES:
            # A task that starts before the API server answers would fail its first try.
            if name == "scheduler":
                self._wait(("metadatabase",))
            with (self.home / f"{name}.log").open("ab") as out:
                self.running[name] = subprocess.Popen(
                    [sys.executable, "-m", "airflow", *PROCESSES[name]],
                    env=self.env,
                    cwd=CHECKOUT,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )
        return self

    def wait_healthy(self) -> None:
        """Return once every component reports healthy; raise when one died or time is up."""
        self._wait(("metadatabase", "scheduler", "dag_processor", "triggerer"))

    def _wait(self, parts: tuple[str, ...]) -> None:
        end = time.monotonic() + HEALTHY_WITHIN
        while time.monotonic() < end:
            self.check()
            if self._healthy(parts):
                return
            time.sleep(0.5)
        raise AirflowError(
            f"Airflow was not healthy within {HEALTHY_WITHIN:.0f} s; see the logs in {self.home}"
        )

    def _healthy(self, parts: tuple[str, ...]) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}/api/v2/monitor/health", timeout=5) as response:
                told = json.load(response)
        except (OSError, urllib.error.URLError, ValueError):
            return False
        return all(told.get(name, {}).get("status") == "healthy" for name in parts)

    def check(self) -> None:
        """Raise when a process has ended by itself; without a triggerer the timetables go on alone."""
        for name, process in self.running.items():
            if name != "triggerer" and process.poll() is not None:
                raise AirflowError(
                    f"airflow {name} ended by itself (status {process.returncode}); see {self.home / name}.log"
                )

    def __exit__(self, *_: object) -> None:
        # The scheduler first: it lets running tasks end, and these still need the API server.
        rest = [process for name, process in self.running.items() if name != "scheduler"]
        if scheduler := self.running.get("scheduler"):
            _end([scheduler])
        _end(rest)
        self.running.clear()


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    """Ask them to stop (each ends its own workers), insist after a while, clear what is left of their groups."""
    for process in processes:
        process.terminate()
    end = time.monotonic() + STOP_WITHIN
    for process in processes:
        try:
            process.wait(max(0.1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _signal(process, signal.SIGKILL)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal the process's own group, which is ours alone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
