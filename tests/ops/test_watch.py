"""What care notices beside ledger and cursors: each fault is found with its mend, and health is not a fault."""

from __future__ import annotations

import re
import shutil
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import ROOT
from tests.ops.figures import SETTINGS, fill
from triage.core.finding import Finding
from triage.ops import queue, watch
from triage.store import db


def found(connection: Connection, check: str) -> list[tuple[str, str, str]]:
    """State, text and mend of each finding of a check."""
    return [(f.state, f.text, f.mend) for f in watch.CHECKS[check](connection, lambda: datetime.now(UTC))]


def change(connection: Connection, sql: str) -> None:
    with db.transaction(connection):
        db.execute(connection, sql)


def test_all_is_well_where_people_wait_and_are_answered(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fill(connection)
    monkeypatch.setenv("TRIAGE_CONFIG", str(tmp_path))
    findings = list(watch.findings(connection, SETTINGS))
    assert [(f.name, f.state) for f in findings if f.name != "disk"] == [
        ("detector", "ok"), ("drift", "ok"), ("leases", "ok"),
    ]  # fmt: skip


def test_a_detector_that_stands_still(connection: Connection) -> None:
    fill(connection)
    change(connection, "UPDATE triage.detector SET closed_to = now() - interval '59 minutes'")
    assert found(connection, "detector") == [("ok", "minutes are judged", "")]
    change(connection, "UPDATE triage.detector SET closed_to = now() - interval '61 minutes'")
    ((state, text, mend),) = found(connection, "detector")
    assert state == "bad"
    assert re.match(r"no minute was judged for 1:01:0\d, so no crisis is noticed; 1 streams wait", text)
    assert "task `detect` of the DAG triage" in mend


def test_one_stream_that_rests_is_not_all(connection: Connection) -> None:
    fill(connection)
    change(connection, "INSERT INTO triage.detector VALUES ('feed:gone', now() - interval '9 days', '{}')")
    assert [state for state, _, _ in found(connection, "detector")] == ["ok"]


def test_a_detector_that_never_began(connection: Connection) -> None:
    assert found(connection, "detector") == [("ok", "nothing to judge yet", "")]
    change(connection, "UPDATE triage.account SET created_at = now() - interval '2 hours'")
    assert [state for state, _, _ in found(connection, "detector")] == ["bad"]


def bins(connection: Connection, topic: str, day: int, messages: int) -> None:
    """So many messages about a topic, so many days ago, in one minute of its stream."""
    with db.transaction(connection):
        db.execute(
            connection,
            "INSERT INTO triage.detector_bin VALUES (%s, now() - make_interval(days => %s, hours => 3), %s, 0, 0)",
            (f"topic:{topic}", day, messages),
        )


def usual(connection: Connection) -> None:
    for day in range(1, 9):
        bins(connection, "delivery", day, 150)
        bins(connection, "unsure", day, 30)


def test_more_unsure_than_in_the_days_before(connection: Connection) -> None:
    usual(connection)
    bins(connection, "delivery", 0, 90)
    bins(connection, "unsure", 0, 90)
    findings = found(connection, "drift")
    assert {state for state, _, _ in findings} == {"bad"}
    unsure = next(one for one in findings if one[1].startswith("unsure"))
    assert unsure[1] == "unsure is 50% of the last day's messages, 17% in the days before"
    assert "triage queue --topic unsure" in unsure[2]
    assert "triage learn" in unsure[2]


def test_less_unsure_is_no_trouble(connection: Connection) -> None:
    """A quarter of the mail before, a tenth today; the others share what came free."""
    for day, delivery, billing, unsure in [(0, 118, 62, 20), *((n, 100, 50, 50) for n in range(1, 9))]:
        bins(connection, "delivery", day, delivery)
        bins(connection, "billing", day, billing)
        bins(connection, "unsure", day, unsure)
    assert [state for state, _, _ in found(connection, "drift")] == ["ok"]


def test_a_mix_that_moved_and_a_crisis_that_explains_it(connection: Connection) -> None:
    usual(connection)
    bins(connection, "delivery", 0, 150)
    bins(connection, "unsure", 0, 30)
    bins(connection, "tampering", 0, 200)
    assert [text.split()[0] for _, text, _ in found(connection, "drift")] == ["tampering", "delivery"]
    change(connection, "SELECT triage.open_incident('tampering', 'people call')")
    assert [state for state, _, _ in found(connection, "drift")] == ["ok"]


def test_leases_that_lie_about(connection: Connection) -> None:
    ids = fill(connection)
    change(connection, "UPDATE triage.unanswered_queue SET lease_until = now() - interval '2 hours' "
                       "WHERE claimed_by IS NOT NULL")  # fmt: skip
    ((state, text, mend),) = found(connection, "leases")
    assert (state, text) == ("warn", "2 leases ended over 1 h ago, and nobody has claimed anything since")
    assert "next `triage claim` takes them back" in mend
    queue.claim(connection, count=1, by="ben")
    assert found(connection, "leases")[0][0] == "ok"
    assert ids


def test_one_person_who_holds_everything(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(connection)
    monkeypatch.setattr(watch, "MOST_HELD", 2)
    assert found(connection, "leases")[0][0] == "ok"
    queue.claim(connection, count=5, by="ana")
    ((state, text, mend),) = found(connection, "leases")
    assert (state, text) == ("bad", "ana holds 3 conversations, which nobody else is shown as free")
    assert "triage release" in mend


@pytest.mark.parametrize(
    ("free", "state"), [(999_999_999, "bad"), (4_999_999_999, "warn"), (5_000_000_001, "ok")]
)
def test_a_disk_that_fills(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, free: int, state: str
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100_000_000_000, 0, free))
    monkeypatch.delenv("AIRFLOW_HOME", raising=False)
    assert {one[0] for one in found(connection, "disk")} == {state}
    assert all("free where" in text for _, text, _ in found(connection, "disk"))


def test_plans_that_nobody_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "config", tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("TRIAGE_CONFIG", str(tmp_path))
    reviewed = max(
        re.findall(
            r"^reviewed_on: (\S+)", "".join(p.read_text() for p in (tmp_path / "plan").iterdir()), re.M
        )
    )
    last = datetime.fromisoformat(reviewed).replace(tzinfo=UTC)

    def stale(days: int) -> list[Finding]:
        return list(watch.plans(SETTINGS, lambda: last + timedelta(days=days)))

    assert stale(1) == []
    (finding,) = stale(91)
    assert (finding.name, finding.state) == ("plan", "bad")
    assert "not reviewed for over 90 days" in finding.text
    assert "set reviewed_on to today" in finding.mend
