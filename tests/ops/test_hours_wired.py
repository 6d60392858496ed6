"""`hours:` of triage.yaml reaches the database with every decision, and the shipped example is right."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from psycopg2.extensions import connection as Connection

from tests.builders import ROOT, message, one
from triage import config
from triage.cli import main
from triage.store import conversations, db, messages

SUNDAY = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped configuration, in force."""
    for name in ("triage.yaml", "topics.yaml"):
        shutil.copy(ROOT / "config" / name, tmp_path)
    monkeypatch.setenv("TRIAGE_CONFIG", str(tmp_path))
    return tmp_path


def uncommented(text: str) -> str:
    """triage.yaml with its example of `hours:` in force."""
    head, _, example = text.partition("# hours:")
    return head + "\n".join(line.removeprefix("# ") for line in ("# hours:" + example).splitlines())


def test_the_shipped_example_is_a_calendar(folder: Path) -> None:
    path = folder / "triage.yaml"
    assert config.load().triage.calendar is None
    path.write_text(uncommented(path.read_text(encoding="utf-8")), encoding="utf-8")
    calendar = config.load().triage.calendar
    assert calendar is not None
    assert calendar.zone == "Europe/Paris"
    assert sorted(calendar.week) == [0, 1, 2, 3, 4]
    assert len(calendar.holidays) == 3


def test_decide_lays_the_calendar_out_and_takes_it_away(
    connection: Connection, dsn: str, folder: Path
) -> None:
    with db.transaction(connection):
        _, touched = messages.upsert(connection, [message("m1", sent_at=SUNDAY, text="My parcel is late.")])
        conversations.refresh(connection, touched)
    path = folder / "triage.yaml"
    shipped = path.read_text(encoding="utf-8")
    plain = {**yaml.safe_load(shipped), "encoder": False}
    hours = {"zone": "UTC", "week": {"mon": "09:00-17:00"}}
    target = "SELECT t.target FROM triage.unanswered_queue q JOIN triage.topic t ON t.key = q.topic"
    for given, opens in (({**plain, "hours": hours}, SUNDAY + timedelta(hours=23)), (plain, SUNDAY)):
        path.write_text(yaml.safe_dump(given), encoding="utf-8")
        assert main(["decide", "--dsn", dsn]) == 0
        due = one(connection, "SELECT due_at FROM triage.unanswered_queue")
        assert due == opens + one(connection, target)
