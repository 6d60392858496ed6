"""Collecting: page by page, what was read is kept whatever happens next, and never two runs at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import at, message, one, table
from tests.ops.kit import PRICE, Shelf
from triage.core.errors import CursorExpired, Fatal, Retry
from triage.core.types import Quarantined
from triage.ops import care
from triage.ops.collect import LABEL_RESERVE, collect, rewind
from triage.store import db, quota

FIVE = tuple(message(f"m{i}", f"t{i}", minute=i) for i in range(1, 6))


def stored(connection: Connection) -> list[str]:
    return [r["native_id"] for r in table(connection, "SELECT native_id FROM triage.message ORDER BY id")]


def passed(connection: Connection) -> int:
    return int(one(connection, "SELECT (value ->> 'passed')::int AS n FROM triage.cursor"))


def test_all_pages_are_stored_with_their_figures(connection: Connection) -> None:
    report = collect(connection, Shelf(FIVE), "care")
    assert stored(connection) == ["m1", "m2", "m3", "m4", "m5"]
    assert (report.read, report.kept, report.skipped, report.units) == (5, 5, 0, {"messages.get": 5 * PRICE})
    assert report.changed
    assert str(report).startswith(
        "collect care: read 5, kept 5, skipped 0, quarantined 0, failed 0, quota 100, "
    )
    assert care.audit(connection).waiting == 5
    again = collect(connection, Shelf(FIVE), "care")
    assert (again.read, again.kept, again.changed) == (0, 0, False)


def test_every_page_is_a_transaction_of_its_own(connection: Connection, dsn: str) -> None:
    seen: list[tuple[int, int]] = []

    def look() -> None:
        with db.connect(dsn) as other:
            seen.append((len(stored(other)), passed(other)))

    collect(connection, Shelf(FIVE, before={2: look, 3: look}), "care")
    assert seen == [(2, 2), (4, 4)]


def test_a_crash_between_pages_costs_nothing(connection: Connection) -> None:
    with pytest.raises(MemoryError):
        collect(connection, Shelf(FIVE, before={3: MemoryError()}), "care")
    assert (len(stored(connection)), passed(connection)) == (4, 4)
    report = collect(connection, Shelf(FIVE), "care")
    assert (report.read, report.kept) == (1, 1)
    assert stored(connection) == ["m1", "m2", "m3", "m4", "m5"]


def test_a_page_that_was_read_before_is_skipped(connection: Connection) -> None:
    collect(connection, Shelf(FIVE), "care")
    with db.transaction(connection):
        db.execute(connection, "DELETE FROM triage.cursor")
    report = collect(connection, Shelf(FIVE), "care")
    assert (report.read, report.kept, report.skipped) == (5, 0, 5)


def test_patience_is_asked_only_when_nothing_was_read(connection: Connection) -> None:
    with pytest.raises(Retry, match="too fast"):
        collect(connection, Shelf(FIVE, before={1: Retry("too fast", after=timedelta(seconds=9))}), "care")
    report = collect(connection, Shelf(FIVE, before={2: Retry("too fast")}), "care")
    assert report.kept == 2
    assert report.notes == ["stopped early: too fast; the next run goes on"]
    assert collect(connection, Shelf(FIVE), "care").kept == 3


def test_an_expired_cursor_is_exchanged_once_for_one_that_closes_the_gap(connection: Connection) -> None:
    collect(connection, Shelf(FIVE[:3]), "care")
    source = Shelf(FIVE, forgotten=1, before={1: CursorExpired("history 3 is too old")})
    report = collect(connection, source, "care")
    assert source.resyncs == 1
    assert (report.kept, report.skipped) == (2, 2)
    assert report.notes == ["cursor expired (history 3 is too old): bounded resync"]
    assert len(stored(connection)) == 5


def test_a_cursor_that_stays_expired_pages_somebody(connection: Connection) -> None:
    collect(connection, Shelf(FIVE), "care")
    expired = CursorExpired("too old")
    with pytest.raises(Fatal, match="care: the source refuses even a fresh cursor"):
        collect(connection, Shelf(FIVE, before={1: expired, 2: expired}), "care")
    with db.transaction(connection):
        db.execute(connection, "DELETE FROM triage.cursor")
    with pytest.raises(Fatal, match="run `triage doctor`"):
        collect(connection, Shelf(FIVE, before={1: expired}), "care")


def test_the_budget_is_what_the_last_minute_left(connection: Connection) -> None:
    source = Shelf(FIVE)
    report = collect(connection, source, "care", units_per_minute=100)
    share = int(100 * (1 - LABEL_RESERVE))
    assert source.budgets == [share, share - 2 * PRICE, share - 4 * PRICE]
    assert report.kept == 4
    assert report.notes == ["paused: quota; the next run goes on"]
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.quota_use SET at = at - interval '61 seconds'")
    assert collect(connection, Shelf(FIVE), "care", units_per_minute=100).kept == 1
    assert one(connection, "SELECT behind FROM triage.cursor") is False


def test_what_others_spent_counts_and_nothing_is_spent_beyond_it(connection: Connection) -> None:
    with db.transaction(connection):
        quota.spend(connection, "care", {"messages.send": 500})
    source = Shelf(FIVE)
    report = collect(connection, source, "care", units_per_minute=100)
    assert (source.budgets, report.read, report.units) == ([0], 0, {})
    assert one(connection, "SELECT behind FROM triage.cursor") is True


def test_a_run_stops_after_its_share_of_pages(connection: Connection) -> None:
    assert collect(connection, Shelf(FIVE), "care", max_pages=2).kept == 4


def test_two_collects_of_one_account_do_not_meet(connection: Connection, dsn: str) -> None:
    met: list[str] = []

    def meanwhile() -> None:
        with db.connect(dsn) as other:
            met.append(str(collect(other, Shelf(FIVE), "care", patience=timedelta(0)).notes))
            met.append(
                str(collect(other, Shelf((message("p1", account="volmera_x"),), name="x"), "volmera_x").kept)
            )

    collect(connection, Shelf(FIVE, before={2: meanwhile}), "care")
    assert met == ["['another run is collecting this account']", "1"]
    with db.connect(dsn) as other:
        assert collect(other, Shelf(FIVE), "care").notes == []


def test_a_failed_run_lets_the_account_go(connection: Connection, dsn: str) -> None:
    with pytest.raises(Fatal):
        collect(connection, Shelf(FIVE, before={1: Fatal("token revoked")}), "care")
    with db.connect(dsn) as other:
        assert collect(other, Shelf(FIVE), "care").kept == 5


def test_deletions_and_quarantine_come_with_their_page(connection: Connection) -> None:
    bad = Quarantined(key=message("bad").key, reason="no date")
    source = Shelf(FIVE, bad=[bad], deleted={2: ("m1", "m3")}, restored={4: ("m1",)})
    report = collect(connection, source, "care", now=lambda: at(60))
    assert (report.read, report.kept, report.quarantined) == (6, 5, 1)
    deleted = table(
        connection, "SELECT native_id, deleted_at FROM triage.message WHERE deleted_at IS NOT NULL"
    )
    assert deleted == [{"native_id": "m3", "deleted_at": at(60)}]
    ledger = care.audit(connection)
    assert (ledger.waiting, ledger.dismissed, ledger.quarantined) == (4, 1, 1)


def test_a_page_of_deletions_alone_wakes_the_next_step(connection: Connection) -> None:
    collect(connection, Shelf(FIVE), "care")
    report = collect(connection, Shelf(FIVE, deleted={5: ("m1",)}), "care")
    assert (report.kept, report.touched, report.changed) == (0, 1, True)


def test_rewinding_reads_the_window_again(connection: Connection) -> None:
    assert rewind(connection, Shelf(FIVE), "care") is None
    collect(connection, Shelf(FIVE), "care")
    fresh = rewind(connection, Shelf(FIVE, forgotten=2), "care")
    assert fresh is not None
    assert passed(connection) == 2
    assert collect(connection, Shelf(FIVE), "care").skipped == 3
