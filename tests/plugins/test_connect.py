"""`triage connect` stores in a real Airflow through its own command, and the doctor's way reads it back."""

from __future__ import annotations

import threading
from pathlib import Path

import psutil
import pytest

import demo.x
from tests.dags import sandbox
from triage import cli
from triage.ops.connections import Exists, find, store_in_airflow


def watch(seen: set[str], done: threading.Event) -> None:
    """Every command line of every process, as anybody on the machine could read it."""
    while not done.wait(0.1):
        for process in psutil.process_iter(["cmdline"]):
            seen.add(" ".join(process.info["cmdline"] or ()))


def test_a_connection_goes_into_airflow_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.metadata_database()
    monkeypatch.setenv("AIRFLOW_CONN_X_IN_AIRFLOW", "{}")
    seen: set[str] = set()
    done = threading.Event()
    watcher = threading.Thread(target=watch, args=(seen, done))
    with demo.x.serve() as x:
        x.control("users", {"handle": "volmera", "name": "Volmera", "app_tokens": ["s3cret"]})
        (tmp_path / "token").write_text("s3cret\n")
        watcher.start()
        try:
            status = cli.main(["connect", "x", "in_airflow", "--handle", "volmera", "--secret-file",
                               str(tmp_path / "token"), "--api-endpoint", x.url])  # fmt: skip
        finally:
            done.set()
            watcher.join()
    shown = capsys.readouterr().err
    assert status == 0, shown
    assert "AIRFLOW_CONN_X_IN_AIRFLOW is set here and wins over it" in shown
    monkeypatch.delenv("AIRFLOW_CONN_X_IN_AIRFLOW")
    imports = [line for line in seen if "airflow connections import" in line]
    assert imports
    assert [line for line in seen if "s3cret" in line] == []
    assert not Path(imports[0].split()[-1]).exists()
    held = find("x_in_airflow", "x")
    assert (held.found_in, held.credentials.login, held.credentials.password) == (
        "Airflow",
        "@volmera",
        "s3cret",
    )
    assert held.credentials.extra == {"api_endpoint": x.url}
    with pytest.raises(Exists, match="--replace overwrites it"):
        store_in_airflow(held, replace=False)
