"""Airflow connections without Airflow: read from the environment or through its command, written through it.

`triage` does not import Airflow. Where one is installed beside it, its own command reads and stores connections;
secrets travel in a file that only we can read, never on a command line.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from triage.core.errors import ConfigError, Fatal
from triage.sources.base import Credentials

PATIENCE_SECONDS = 180


class Exists(Fatal):
    """A connection of that name is there already."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """A connection, and where it was found (`environment`, `Airflow`)."""

    conn_id: str
    conn_type: str
    credentials: Credentials = field(repr=False)
    found_in: str = ""

    def as_json(self) -> dict[str, Any]:
        """As Airflow writes it; what is empty is left out."""
        held = self.credentials
        parts = {"login": held.login, "password": held.password, "extra": dict(held.extra)}
        return {"conn_type": self.conn_type, **{name: value for name, value in parts.items() if value}}


def variable(conn_id: str) -> str:
    """Airflow's environment variable for a connection."""
    return f"AIRFLOW_CONN_{conn_id.upper()}"


def find(conn_id: str, source: str) -> Held:
    """The connection, from its variable, else from the Airflow of this environment. Raises ConfigError or Fatal."""
    held = _from_environment(conn_id, source) or _from_airflow(conn_id)
    if held is None:
        raise ConfigError(
            f"connection {conn_id!r} is not known here; run `triage connect {source} --connection {conn_id}`, or set "
            f"{variable(conn_id)} to the same JSON that Airflow takes"
        )
    if held.conn_type != source:
        raise ConfigError(
            f"connection {conn_id!r} in {held.found_in} is of type {held.conn_type!r}; make it {source!r}"
        )
    return held


def _from_environment(conn_id: str, source: str) -> Held | None:
    text = os.environ.get(variable(conn_id))
    if text is None:
        return None
    try:
        given = json.loads(text)
        extra = given.get("extra") or {}
        extra = json.loads(extra) if isinstance(extra, str) else extra
        return _held(conn_id, given.get("conn_type") or source, given, extra, "environment")
    except (ValueError, AttributeError, TypeError) as error:
        raise ConfigError(
            f'{variable(conn_id)} is not JSON ({error}); write {{"conn_type": "{source}", …}}'
        ) from None


def _held(conn_id: str, conn_type: str, given: Mapping[str, Any], extra: Any, found_in: str) -> Held:
    credentials = Credentials(
        login=given.get("login") or "", password=given.get("password") or "", extra=dict(extra)
    )
    return Held(conn_id=conn_id, conn_type=conn_type, credentials=credentials, found_in=found_in)


def airflow() -> Path | None:
    """The command of an Airflow that is installed in our environment and has been set up.

    Without the second, asking would make a home folder and a database of its own.
    """
    command = Path(sys.executable).with_name("airflow")
    home = Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    return command if command.exists() and home.is_dir() else None


def need_airflow() -> Path:
    """`airflow`, or Fatal: better said before a person has walked through a consent than after."""
    if (command := airflow()) is None:
        raise Fatal(
            "no Airflow is set up in this environment to store the connection in; use --print-env or --file PATH, "
            "or set AIRFLOW_HOME"
        )
    return command


def _from_airflow(conn_id: str) -> Held | None:
    command = airflow()
    if command is None:
        return None
    done = _run(command, "get", conn_id, "-o", "json")
    if "Connection not found" in done.stdout + done.stderr:
        return None
    rows = [line for line in done.stdout.splitlines() if line.startswith("[{")]
    if done.returncode or not rows:
        raise Fatal(f"`airflow connections get {conn_id}` failed ({_last_line(done)}); mend Airflow first")
    given = json.loads(rows[-1])[0]
    return _held(conn_id, given.get("conn_type") or "", given, given.get("extra_dejson") or {}, "Airflow")


def store_in_airflow(held: Held, *, replace: bool) -> None:
    """Have Airflow store it. Raises Exists, or Fatal when there is no Airflow or it fails."""
    command = need_airflow()
    with tempfile.TemporaryDirectory(prefix="triage-connect-") as folder:
        path = Path(folder) / "connection.json"
        _write_secret(path, {held.conn_id: _for_import(held)})
        done = _run(command, "import", str(path), *(["--overwrite"] if replace else []))
    if "connection already exists" in done.stdout:
        raise Exists(f"connection {held.conn_id!r} exists in Airflow; --replace overwrites it")
    if done.returncode or f"Imported connection {held.conn_id}" not in done.stdout:
        raise Fatal(
            f"`airflow connections import` failed ({_last_line(done)}); mend Airflow, or use --file PATH"
        )


def store_in_file(held: Held, path: Path, *, replace: bool) -> None:
    """Add it to a JSON file that only we can read, of the form that `airflow connections import` takes.

    Airflow can also read such a file directly (its local filesystem secrets backend). Raises Exists or ConfigError.
    """
    try:
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if not isinstance(known, dict):
            raise ValueError("not an object")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is not a file of connections ({error}); name another") from None
    if held.conn_id in known and not replace:
        raise Exists(f"connection {held.conn_id!r} is in {path}; --replace overwrites it")
    fresh = path.with_name(f".{path.name}.new")
    try:
        _write_secret(fresh, {**known, held.conn_id: _for_import(held)})
        fresh.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror}); name another") from None


def env_line(held: Held) -> str:
    """The line that gives the connection to a shell, and so to Airflow and to us."""
    return f"export {variable(held.conn_id)}={shlex.quote(json.dumps(held.as_json(), ensure_ascii=False))}"


def _for_import(held: Held) -> dict[str, Any]:
    """Airflow's import wants `extra` as text."""
    made = held.as_json()
    return {**made, "extra": json.dumps(made["extra"])} if "extra" in made else made


def _write_secret(path: Path, content: Any) -> None:
    """A file that nobody else can read from the moment it exists."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=2)
        file.write("\n")


def _run(command: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [command, "connections", *arguments],
            capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Fatal(
            f"`airflow connections {arguments[0]}` failed ({type(error).__name__}); mend Airflow first"
        ) from None


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1][:200] if lines else f"status {done.returncode}"
