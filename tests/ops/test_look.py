"""Looking between two collects: what is found is stored once, told once, and read by the collect that follows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import decision, message, one, table
from tests.ops.kit import Mailbox, Shelf
from triage.core.errors import CursorExpired, Fatal, Retry
from triage.core.types import Cursor, Page
from triage.ops.collect import collect
from triage.ops.look import look, waits
from triage.store import arrivals, conversations, db

FIVE = tuple(message(f"m{i}", f"t{i}", minute=i) for i in range(1, 6))


@dataclass
class Window(Shelf):
    """A shelf that can be looked at without reading: the look counts what stands there (2 units), `pull` reads it."""

    looks: int = 0
    faults: list[Exception] = field(default_factory=list)
    meanwhile: Callable[[], None] | None = None

    def look(self, cursor: Cursor | None, *, budget: int | None = None) -> Page:
        self.looks += 1
        if self.meanwhile:
            self.meanwhile()
        if self.faults:
            raise self.faults.pop(0)
        value = {"passed": 0, "seen": 0, **(cursor.value if cursor else {})}
        if value["passed"] < value["seen"]:
            return Page(cursor=Cursor(account="care", value=value), has_more=True)
        if budget is not None and budget < 2:
            return Page(cursor=Cursor(account="care", value=value), paused="quota")
        seen = Cursor(account="care", value=value | {"seen": len(self.messages)})
        return Page(cursor=seen, has_more=len(self.messages) > value["passed"], units={"history.list": 2})

    def _at(self, passed: int) -> Cursor:
        return Cursor(account="care", value={"passed": passed, "seen": passed})


@dataclass
class Feed(Shelf):
    """A source that reads while it lists: looking is pulling."""

    def look(self, cursor: Cursor | None, *, budget: int | None = None) -> Page:
        return self.pull(cursor, budget=budget)


def decide_all(connection: Connection) -> None:
    """Decide and label everything stored."""
    with db.transaction(connection):
        found = conversations.undecided(connection, limit=100)
        touched = conversations.decide(connection, [(r["id"], decision()) for r in found])
        conversations.refresh(connection, touched)
        db.execute(connection, "UPDATE triage.label_outbox SET applied = wanted")


def test_nothing_new_is_nothing_to_do(connection: Connection) -> None:
    sight = look(connection, Window(()), "care")
    assert sight is not None
    assert (sight.arrived, bool(sight.waiting)) == (False, False)
    assert one(connection, "SELECT sum(units) FROM triage.quota_use") == 2


def test_what_is_found_is_told_once_and_read_without_asking_again(connection: Connection) -> None:
    source = Window(FIVE)
    first, second = look(connection, source, "care"), look(connection, source, "care")
    assert first is not None
    assert second is not None
    assert (first.arrived, first.stored, first.waiting.unread) == (True, 0, True)
    assert (second.arrived, second.waiting) == (False, first.waiting)
    assert one(connection, "SELECT count(*) FROM triage.message") == 0
    assert collect(connection, source, "care").kept == 5
    assert table(
        connection, "SELECT method, sum(units) AS n FROM triage.quota_use GROUP BY 1 ORDER BY 1"
    ) == [
        {"method": "history.list", "n": 2},
        {"method": "messages.get", "n": 100},
    ]


def test_what_comes_after_a_collect_is_told_again(connection: Connection) -> None:
    look(connection, Window(FIVE[:2]), "care")
    collect(connection, Window(FIVE[:2]), "care")
    sight = look(connection, Window(FIVE), "care")
    assert sight is not None
    assert sight.arrived


def test_the_stall_alarm_does_not_rest_while_nobody_reads_what_was_found(connection: Connection) -> None:
    look(connection, Window(FIVE), "care")
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.cursor SET updated_at = now() - interval '1 hour'")
    look(connection, Window(FIVE), "care")
    with db.transaction(connection):
        assert conversations.stalled(connection, accounts=["care"], after_seconds=1800)


def test_a_look_during_a_collect_does_nothing(connection: Connection, dsn: str) -> None:
    seen: list[object] = []
    window = Window(FIVE)

    def meanwhile() -> None:
        with db.connect(dsn) as other:
            seen.append(look(other, window, "care"))

    collect(connection, Shelf(FIVE, before={1: meanwhile}), "care")
    assert (seen, window.looks) == ([None], 0)


def test_a_collect_waits_for_a_look_to_end(connection: Connection, dsn: str) -> None:
    found: list[int] = []

    def run() -> None:
        with db.connect(dsn) as other:
            found.append(collect(other, Window(FIVE), "care", patience=timedelta(seconds=60)).kept)

    collecting = threading.Thread(target=run)

    def meanwhile() -> None:
        with db.connect(dsn) as other, db.transaction(other):
            blocked = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            if not collecting.ident:
                collecting.start()
                while not one(other, blocked):
                    other.rollback()

    look(connection, Window(FIVE, meanwhile=meanwhile), "care")
    collecting.join(60)
    assert found == [5]


def test_the_patience_of_a_collect_ends(connection: Connection, dsn: str) -> None:
    notes: list[list[str]] = []

    def meanwhile() -> None:
        with db.connect(dsn) as other:
            notes.append(collect(other, Window(FIVE), "care", patience=timedelta(milliseconds=1)).notes)

    look(connection, Window((), meanwhile=meanwhile), "care")
    assert notes == [["another run is collecting this account"]]


def test_two_triggers_see_it_once(connection: Connection, dsn: str) -> None:
    seen: list[object] = []

    def meanwhile() -> None:
        with db.connect(dsn) as other:
            seen.append(look(other, Window(FIVE), "care"))

    first = look(connection, Window(FIVE, meanwhile=meanwhile), "care")
    with db.connect(dsn) as other:
        second = look(other, Window(FIVE), "care")
    assert set(seen) == {None}
    assert [sight.arrived for sight in (first, second) if sight] == [True, False]


def test_a_source_that_reads_while_it_lists_has_stored_what_it_tells(connection: Connection) -> None:
    sight = look(connection, Feed(()), "care")
    assert sight is not None
    assert (sight.arrived, bool(sight.waiting)) == (False, False)
    sight = look(connection, Feed(FIVE, size=5), "care")
    assert sight is not None
    assert (sight.arrived, sight.stored, sight.waiting.unread) == (True, 5, False)
    assert collect(connection, Feed(FIVE), "care").read == 0
    assert waits(connection, "care"), "the collect that follows wakes the DAG triage though it read nothing"
    decide_all(connection)
    assert not waits(connection, "care")


def test_spent_units_are_no_news(connection: Connection) -> None:
    collect(connection, Window(()), "care")
    sight = look(connection, Window(FIVE), "care", units_per_minute=1)
    assert sight is not None
    assert (sight.arrived, bool(sight.waiting)) == (False, False)


def test_an_expired_cursor_becomes_something_to_read(connection: Connection) -> None:
    collect(connection, Window(FIVE[:2]), "care")
    source = Window(FIVE, forgotten=1, faults=[CursorExpired("too old")])
    sight = look(connection, source, "care")
    assert sight is not None
    assert (sight.arrived, source.resyncs) == (True, 1)
    assert collect(connection, source, "care").kept == 3
    with pytest.raises(CursorExpired):
        look(connection, Window(FIVE, faults=[CursorExpired("too old")]), "volmera_x")


@pytest.mark.parametrize("error", [Retry("busy", after=timedelta(seconds=9)), Fatal("token revoked")])
def test_after_an_error_the_account_is_free_and_nothing_has_moved(
    connection: Connection, dsn: str, error: Exception
) -> None:
    collect(connection, Window(FIVE[:2]), "care")
    before = table(connection, "SELECT * FROM triage.cursor")
    with pytest.raises(type(error)):
        look(connection, Window(FIVE, faults=[error]), "care")
    assert table(connection, "SELECT * FROM triage.cursor") == before
    with db.connect(dsn) as other:
        assert look(other, Window(FIVE), "care") is not None


def test_what_waits_is_named_and_refused_labels_do_not_count(connection: Connection) -> None:
    collect(connection, Mailbox(FIVE), "care")
    with db.transaction(connection):
        waiting = arrivals.waiting(connection, "care")
        assert waiting.undecided == min(r["id"] for r in conversations.undecided(connection, limit=9))
        assert not arrivals.waiting(connection, "volmera_x")
    decide_all(connection)
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.label_outbox SET applied = false WHERE label = 'unanswered'")
        assert arrivals.waiting(connection, "care").unlabelled is not None
        db.execute(connection, "UPDATE triage.label_outbox SET error = 'refused'")
        assert not arrivals.waiting(connection, "care")
