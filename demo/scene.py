"""Everything the demo runs, started in order and ended in reverse: PostgreSQL, the stand-ins, Airflow."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import yaml
from psycopg2 import sql

from demo import airflow, postgres
from demo.common.serving import ControlFailed, call_control
from demo.stage import X_KEYS
from triage.store import db
from triage.store.migrate import migrate

CHECKOUT = airflow.CHECKOUT
PIPELINE_USER = "demo_pipeline"
COLLECT_EVERY = "10s"


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where things listen, all on 127.0.0.1. Without `mail` there is no mail server, and nobody is told anything."""

    ui: int
    gmail: int
    x: int
    mail: int | None = None


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The running parts."""

    dsn: str
    gmail: str
    x: str
    airflow: airflow.Airflow
    state: Path
    config: Path


def postgres_base(state: Path) -> Path:
    """Where PostgreSQL keeps its files: in the state folder, or aside when its user cannot get there."""
    state.mkdir(parents=True, exist_ok=True)
    if postgres.reachable(state):
        return state / "postgres"
    digest = hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"inbox-triage-{os.getuid()}-{digest}"


def write_config(
    folder: Path,
    *,
    addresses: tuple[str, ...],
    first_sync: timedelta,
    schedule: str = COLLECT_EVERY,
    mail: bool = False,
) -> Path:
    """config/ as the demo runs it: collected every few seconds; topics.yaml is the checkout's own, live."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = yaml.safe_load((CHECKOUT / "config" / "triage.yaml").read_text(encoding="utf-8"))
    for account in settings["accounts"]:
        account["schedule"] = schedule
        if account["source"] == "gmail":
            account["addresses"] = list(addresses)
            account["first_sync"] = f"{max(7, first_sync.days + 2)}d"
        else:
            account["first_sync"] = "7d"  # as far as X's search reaches
            account["names"] = "always"
    if mail:
        settings["notify"] = notify(datetime.now(UTC) + timedelta(minutes=1))
    (folder / "triage.yaml").write_text(
        yaml.safe_dump(settings, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    for name in ("topics.yaml", "plan"):
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(CHECKOUT / "config" / name)
    return folder


def notify(morning: datetime) -> dict[str, dict[str, object]]:
    """Who is told what in the demo, all by mail; the digest's morning is now."""
    usual = {"kind": "smtp", "connection": "smtp_default"}
    return {
        "responders": {
            **usual, "addresses": ["responders@volmera.example"], "digest": f"{morning:%H:%M}", "overdue": ["0m", "2h"],
        },
        "ops": {**usual, "addresses": ["ops@volmera.example"], "alarms": True},
        "crisis": {**usual, "addresses": ["crisis@volmera.example"], "incidents": True},
    }  # fmt: skip


@contextmanager
def _child(name: str, arguments: list[str], log: Path) -> Iterator[None]:
    """A process of ours, ended at the end."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=CHECKOUT, stdout=out, stderr=out, start_new_session=True
        )
    try:
        time.sleep(0.1)
        if process.poll() is not None:
            raise airflow.AirflowError(f"{name} did not start: {log.read_text().strip().splitlines()[-1]}")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answering(url: str) -> None:
    for _ in range(150):
        try:
            call_control(url, "health")
        except (OSError, ControlFailed):
            time.sleep(0.1)
        else:
            return
    raise airflow.AirflowError(f"the stand-in at {url} does not answer")


def _listening(port: int) -> None:
    for _ in range(150):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise airflow.AirflowError(f"the mail server on port {port} does not answer")


def databases(server: postgres.Postgres) -> str:
    """Make what is missing, migrate ours, and give the address that the pipeline uses."""
    password = server.password
    with db.connect(server.dsn()) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            there = {row[0] for row in cursor.fetchall()}
            for name in {"airflow", "triage"} - there:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with db.connect(server.dsn("triage")) as connection:
        migrate(connection)
        with db.transaction(connection), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (PIPELINE_USER,))
            if not cursor.fetchone():
                user = sql.Identifier(PIPELINE_USER)
                cursor.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD %s IN ROLE triage_pipeline").format(user),
                    (password,),
                )
    return server.dsn("triage", user=PIPELINE_USER, password=password)


def connections(
    dsn: str, gmail: str, x: str, mailbox: str, mail: int | None = None
) -> dict[str, dict[str, object]]:
    """The connections of config/triage.yaml, pointed at the stand-ins and at the mail server on port `mail`."""
    at = urllib.parse.urlsplit(dsn)
    return {
        "triage_db": {
            "conn_type": "postgres", "host": at.hostname, "port": at.port, "schema": at.path[1:],
            "login": at.username, "password": at.password,
        },
        "gmail_care": {
            "conn_type": "gmail", "login": mailbox,
            "extra": {
                "client_id": "client-id", "client_secret": "client-secret", "refresh_token": f"refresh-{mailbox}",
                "token_uri": f"{gmail}/token", "api_endpoint": gmail,
            },
        },
        "x_volmera": {
            "conn_type": "x", "login": "@volmera", "password": "app-token",
            "extra": {
                "api_endpoint": x, "consumer_key": X_KEYS["consumer_key"], "consumer_secret": X_KEYS["consumer_secret"],
                "access_token": X_KEYS["token"], "access_token_secret": X_KEYS["token_secret"],
            },
        },
        **({"smtp_default": {
            "conn_type": "smtp", "host": "127.0.0.1", "port": mail,
            "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "triage@volmera.example"},
        }} if mail else {}),
    }  # fmt: skip


@contextmanager
def running(
    state: Path,
    ports: Ports,
    *,
    addresses: tuple[str, ...],
    first_sync: timedelta,
    schedule: str = COLLECT_EVERY,
) -> Iterator[Scene]:
    """Start everything but wait for nothing that Airflow does; end everything at the end."""
    listed = (
        (ports.ui, "--port"),
        (ports.gmail, "--gmail-port"),
        (ports.x, "--x-port"),
        (ports.mail, "--mail-port"),
    )
    for port, option in listed:
        if port is not None:
            airflow.refuse_busy_port(port, option)
    with ExitStack() as stack:
        server = stack.enter_context(postgres.running(postgres_base(state)))
        dsn = databases(server)
        urls = {}
        for name, port in (("gmail", ports.gmail), ("x", ports.x)):
            command = [f"demo.{name}", "--port", str(port), "--state", str(state / f"{name}.sqlite")]
            stack.enter_context(_child(f"the {name} stand-in", command, state / f"{name}.log"))
            urls[name] = f"http://127.0.0.1:{port}"
            _answering(urls[name])
        if ports.mail:
            command = ["demo.smtp", "--port", str(ports.mail), "--folder", str(state / "mail")]
            stack.enter_context(_child("the mail server", command, state / "smtp.log"))
            _listening(ports.mail)
        (state / "dsn").touch(mode=0o600)
        (state / "dsn").write_text(dsn)
        config = write_config(state / "config", addresses=addresses, first_sync=first_sync, schedule=schedule,
                              mail=ports.mail is not None)  # fmt: skip
        home = state / "airflow"
        env = airflow.settings(
            home, port=ports.ui, database=server.dsn("airflow"), config=config,
            connections=connections(dsn, urls["gmail"], urls["x"], addresses[0], ports.mail),
        )  # fmt: skip
        flow = stack.enter_context(airflow.Airflow(env=env, home=home, port=ports.ui))
        yield Scene(dsn=dsn, gmail=urls["gmail"], x=urls["x"], airflow=flow, state=state, config=config)


def trouble(error: BaseException) -> str:
    """One sentence for what a person can mend."""
    if isinstance(error, psycopg2.Error):
        return f"the demo's database: {str(error).strip().splitlines()[0]}; try again with --fresh"
    return str(error)
