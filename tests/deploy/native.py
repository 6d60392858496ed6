"""docker-compose.yml without containers: each service as processes on loopback, started as Compose would start it.

Commands, environment, health checks, dependencies, mounts and restart policy are read from the file. Only what a
container would be given differs: each service has a folder of its own in place of a root, names and ports become
loopback's, and PostgreSQL is the embedded one, prepared by what its image runs at the first start.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from demo.postgres import running
from tests.builders import ROOT
from tests.deploy.compose import SERVICES, image_environment, interpolated, is_ours, outside, wanted
from tests.deploy.places import Places, name_of

READY_WITHIN = 240.0
STOP_WITHIN = 20.0


class ClusterError(RuntimeError):
    """A service did not start, ended by itself, or did not get well; the text has the end of its log."""


@dataclass
class Cluster:
    """The running services by label: the service's name, with a number where there are several of it."""

    base: Path
    config: Path = ROOT / "config"
    profiles: frozenset[str] = frozenset({"demo"})
    given: Mapping[str, str] = field(default_factory=dict)
    """What .env would set."""

    connections: dict[str, Any] = field(default_factory=dict)
    """More of them in the file that deploy/keys.py makes."""

    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    places: Places = field(init=False)
    _binaries: Path = Path(sys.executable).parent

    def __post_init__(self) -> None:
        self.places = Places(base=self.base, config=self.config, given=self.given)

    def start(self, name: str) -> None:
        """Start a service once what it depends on is as it wants it; again changes nothing."""
        for other, how in SERVICES[name].get("depends_on", {}).items():
            self.start(other)
            if how["condition"] == "service_completed_successfully":
                self.completed(other)
            elif how["condition"] == "service_healthy":
                self.wait_healthy(other)
        for label in self.labels(name):
            if label not in self.processes:
                self._launch(label)

    def up(self, *, without: Collection[str] = ()) -> None:
        """Start every service of the profiles."""
        for name in SERVICES:
            if wanted(name, self.profiles) and name not in without:
                self.start(name)

    def labels(self, name: str) -> list[str]:
        """The containers of a service."""
        count = int(interpolated(str(SERVICES[name]["deploy"].get("replicas", 1)), self.given))
        return [name] if count == 1 else [f"{name}-{number}" for number in range(1, count + 1)]

    def completed(self, name: str) -> None:
        """Return once a service that runs once has ended well."""
        process = self.processes[name]
        try:
            status = process.wait(READY_WITHIN)
        except subprocess.TimeoutExpired:
            status = -1
        if status:
            raise ClusterError(f"{name} did not end well ({status}):\n{self.log(name)[-3000:]}")
        if name == "keys":
            self._add_connections()

    def wait_healthy(self, name: str) -> None:
        """Return once the health check of each of its containers passes."""
        end = time.monotonic() + READY_WITHIN
        for label in self.labels(name):
            while not self.healthy(label):
                status = self.processes[label].poll()
                if status is not None or time.monotonic() > end:
                    raise ClusterError(f"{label} did not get well ({status}):\n{self.log(label)[-3000:]}")
                time.sleep(1.0)

    def healthy(self, label: str) -> bool:
        """Run the health check of the file."""
        test = [self.places.placed(word, label) for word in SERVICES[name_of(label)]["healthcheck"]["test"]]
        command = test[1:] if test[0] == "CMD" else ["sh", "-c", *test[1:]]
        done = subprocess.run(
            command, env=self.environment(label), cwd=self.places.workdir(label), check=False, timeout=60,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return done.returncode == 0

    def kill(self, label: str) -> None:
        """kill -9 of everything the container runs."""
        process = self.processes.pop(label)
        for member in self.family(process):
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        process.wait()

    def restart(self, label: str) -> None:
        """What Compose does when a container has ended."""
        assert SERVICES[name_of(label)]["restart"] == "unless-stopped"
        assert label not in self.processes
        self._launch(label)

    def stop(self, label: str) -> int:
        """Ask it to stop, as Compose does, and insist after a while; its status."""
        process = self.processes.pop(label)
        family = self.family(process)
        process.send_signal(signal.SIGINT if label == "postgres" else signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_WITHIN)
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        return process.wait()

    def down(self) -> None:
        """Stop everything, what started last first."""
        for label in reversed(list(self.processes)):
            self.stop(label)

    def family(self, process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """A container's processes."""
        try:
            top = psutil.Process(process.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def log(self, label: str) -> str:
        """What it has printed."""
        return (self.base / f"{label}.log").read_text(errors="replace")

    def url(self, name: str) -> str:
        """Where a service answers."""
        return f"http://127.0.0.1:{self.places.ports[name]}"

    @property
    def dsn(self) -> str:
        """Our database, as tasks see it."""
        held = json.loads(self._connections_file.read_text())["triage_db"]
        return f"postgresql://{held['login']}:{quote(held['password'])}@{held['host']}:{held['port']}/triage"

    def environment(self, label: str) -> dict[str, str]:
        """What its processes see."""
        service = SERVICES[name_of(label)]
        said = image_environment() if is_ours(name_of(label)) else {}
        said |= service.get("environment", {})
        return {
            **outside(),
            **{key: self.places.placed(value, label) for key, value in said.items()},
            "PATH": f"{Path(sys.executable).parent}:{self._binaries}:{os.environ['PATH']}",
            "HOME": str(self.places.root(label) / "opt/airflow"), "TMPDIR": str(self.places.root(label) / "tmp"),
            "HOSTNAME": label, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
            "PYTHONDONTWRITEBYTECODE": "1", "PGPORT": str(self.places.ports["postgres"]),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.places.ports["scheduler"]),
        }  # fmt: skip

    def _launch(self, label: str) -> None:
        name = name_of(label)
        self.places.furnish(label)
        if name == "postgres":
            self._prepare_postgres(label)
        command = [self.places.placed(word, label) for word in SERVICES[name]["command"]]
        if shutil.which(command[0], path=self.environment(label)["PATH"]) is None:
            raise ClusterError(f"{command[0]} is missing; install it (Debian: apt-get install {command[0]})")
        with (self.base / f"{label}.log").open("ab") as out:
            self.processes[label] = subprocess.Popen(
                [*command, *self._addresses(label)], cwd=self.places.workdir(label), env=self.environment(label),
                stdout=out, stderr=out, start_new_session=True, **self._account(name),
            )  # fmt: skip

    def _addresses(self, label: str) -> list[str]:
        """Options that name a place on this machine where the container's own is the default."""
        here = {name: f"127.0.0.1:{port}" for name, port in self.places.ports.items()}
        data = self.base / "postgres" / "cluster" / "data"
        settings = {
            "listen_addresses": "127.0.0.1", "port": self.places.ports["postgres"], "unix_socket_directories": "",
            "fsync": "off",
        }  # fmt: skip
        return {
            "keys": ["--postgres", here["postgres"], "--redis", here["redis"]],
            "postgres": ["-D", str(data), *(w for k, v in settings.items() for w in ("-c", f"{k}={v}"))],
            "redis": ["--bind", "127.0.0.1"],
            "worker": ["--celery-hostname", label],
        }.get(name_of(label), [])

    def _account(self, name: str) -> dict[str, Any]:
        """PostgreSQL runs as the owner of its data, who is not root."""
        if name != "postgres" or os.geteuid() != 0:
            return {}
        owner = (self.base / "postgres" / "cluster" / "data").stat()
        return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}

    def _prepare_postgres(self, label: str) -> None:
        """What the image does with an empty volume: make the cluster, run the scripts, stop."""
        if (self.base / "postgres").exists():
            return
        with running(self.base / "postgres", durable=False) as server:
            self._binaries = server.bin
            script = self.places.root(label) / "docker-entrypoint-initdb.d" / "databases.sql"
            subprocess.run(
                [server.bin / "psql", "--no-psqlrc", "--quiet", "--dbname", server.dsn(), "--file", script],
                env=self.environment(label), check=True,
            )  # fmt: skip

    def _add_connections(self) -> None:
        held = json.loads(self._connections_file.read_text())
        self._connections_file.write_text(json.dumps({**held, **self.connections}))

    @property
    def _connections_file(self) -> Path:
        return self.places.volume("keys_airflow") / "connections.json"
