"""A burst is noticed by whoever reads, whatever stands still."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.dags.stage import Stage, tries
from triage.store import arrivals, db


def _found(stage: Stage, count: int) -> None:
    """So much mail was found a moment ago, and none of it is read; somebody wrote two days ago."""
    at = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=2)
    with db.connect(stage.dsn) as connection, db.transaction(connection):
        db.execute(
            connection,
            "INSERT INTO triage.volume (account, feed, bin_start, count) VALUES ('care', 'arrivals', %s, 1)",
            (at - timedelta(days=2),),
        )
        arrivals.add(connection, "care", count, at, at + timedelta(minutes=1))
        db.execute(connection, "UPDATE triage.message SET sent_at = sent_at - interval '2 days'")


def _told() -> list[dict[str, Any]]:
    """What others heard of incidents: the changes of every event."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.query(AssetEvent).order_by(AssetEvent.id).all()
        return [one for e in found if e.asset.name == "triage/incident" for one in e.extra["changes"]]


def test_a_burst_is_noticed_by_reading_before_anything_of_it_is_read_or_decided(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    """No run of `triage` at all, and Gmail is away: what was counted as it arrived is enough."""
    stage.mail("retard", "Where is my parcel?")
    stage.run("collect_care")
    _found(stage, 400)
    stage.gmail.control(
        "faults", {"kind": "status", "method": "gmail.users.history.list", "status": 503, "times": 9}
    )
    before = len(_told())
    assert tries(stage.run("collect_care", retries=0)) == {"pull": ("failed", 1)}
    assert [(c["verb"], c["topic"]) for c in _told()[before:]] == []
    assert stage.rows("SELECT state, account FROM triage.incident") == [{"state": "open", "account": "care"}]
    stage.gmail.control("faults", verb="DELETE")
    with db.connect(stage.dsn) as connection, db.transaction(connection):
        db.execute(connection, "UPDATE triage.incident_log SET at = at - interval '3 minutes'")
    stage.run("collect_care")
    assert [(c["verb"], c["topic"]) for c in _told()[before:]] == [("wait", None)], (
        "what a failed task could not tell"
    )


def test_trouble_with_noticing_holds_up_no_reading_and_is_red_in_its_own_task(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    stage.mail("burnt", "My mixer burned my hand.")
    with db.connect(stage.dsn) as connection, db.transaction(connection):
        db.execute(connection, "ALTER TABLE triage.detector RENAME TO detector_away")
    assert tries(stage.run("collect_care")) == {"pull": ("success", 1)}
    assert "the task detect judges the same minutes" in capfd.readouterr().out
    states = tries(stage.run("triage", retries=0))
    assert states == {"classify": ("success", 1), "label": ("success", 1), "detect": ("failed", 1)}
    assert "Triage/Unanswered" in stage.labels("burnt")
