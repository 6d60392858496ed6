"""What the DAG respond does for the page of facts: it is there before a post leads to it, and holds up none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import ROOT


def test_a_page_that_cannot_be_written_is_told_and_raises_nothing(
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from triage_airflow import tasks_hub

    for name in ("topics.yaml", "triage.yaml"):
        shutil.copy(ROOT / "config" / name, tmp_path)
    monkeypatch.setenv("TRIAGE_CONFIG", str(tmp_path))
    path = tmp_path / "triage.yaml"
    whole = path.read_text(encoding="utf-8")
    assert "target: hub " in whole

    path.write_text(whole.replace("target: hub ", f"target: {tmp_path}/site "), encoding="utf-8")
    assert tasks_hub.show(connection) == ""
    assert (tmp_path / "site" / "index.html").exists()
    assert capsys.readouterr().out == "hub: 3 files written, 0 unchanged\n"

    path.write_text(whole.replace("target: hub ", "target: nowhere://site "), encoding="utf-8")
    assert "nowhere://site cannot be written" in tasks_hub.show(connection)

    path.write_text("version: 1\n", encoding="utf-8")
    assert "this setting is missing" in tasks_hub.show(connection)
