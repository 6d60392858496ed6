"""From open to watched to closed: by rule, by hand, by whom; and the queue that follows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import psycopg2
import pytest
from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from demo.postgres import Postgres
from tests.builders import START, at, message, one, table
from tests.conftest import database_from
from tests.ops.crowd import ACCOUNTS, Crowd, burst
from triage import cli
from triage.core.types import Cursor
from triage.ops import care, incident
from triage.ops.queue import Refused
from triage.store import db, messages

DAY = 1440
END = 600
"""Minutes after which the surge of a storm is over for sure."""


@pytest.fixture
def dsn(postgres: Postgres, calm: str) -> Iterator[str]:
    """A copy of the calm database."""
    yield from database_from(postgres, calm)


@pytest.fixture
def crowd(connection: Connection) -> Crowd:
    return Crowd(connection)


@pytest.fixture
def storm(crowd: Crowd) -> tuple[Crowd, list[str]]:
    """An incident on labour (severity 3, priority 2 in it) with the people who opened it."""
    crowd.topic = "labour"
    names = crowd.write(burst(1, 30))
    assert crowd.detect(5).events()
    return crowd, names


def state(crowd: Crowd) -> str:
    return str(crowd.incidents()[-1]["state"])


def priorities(crowd: Crowd) -> set[int]:
    return {priority for priority, _ in crowd.rows("labour")}


def test_it_closes_when_the_surge_is_over_and_nobody_waits(storm: tuple[Crowd, list[str]]) -> None:
    crowd, names = storm
    crowd.detect(END)
    assert crowd.verbs(1)[-1] == "end"
    assert state(crowd) == "open", "thirty people wait"
    crowd.answer(names[:29], END + 10)
    crowd.detect(END + 20)
    assert state(crowd) == "open"
    assert priorities(crowd) == {2}
    crowd.answer(names[29:], END + 30)
    crowd.detect(END + 40)
    (found,) = crowd.incidents()
    assert (found["state"], found["closed_by"], found["closed_at"]) == ("watched", "detect", at(END + 40))
    assert found["closed_reason"] == "the surge ended and nobody waits"
    assert found["watched_until"] == at(END + 40) + timedelta(days=14)
    crowd.write([END + 45])
    assert priorities(crowd) == {3}, "the topic is read as usual again"
    care.audit(crowd.connection)


def test_it_closes_three_days_after_the_surge_though_some_wait(storm: tuple[Crowd, list[str]]) -> None:
    crowd, _ = storm
    for minute in (END, END + 2 * DAY):
        crowd.detect(minute)
    assert state(crowd) == "open"
    crowd.detect(END + 3 * DAY)
    assert state(crowd) == "watched"
    assert crowd.incidents()[0]["closed_reason"] == "the surge ended and 30 still wait"
    assert priorities(crowd) == {3}


def closed(crowd: Crowd, minute: float = END) -> None:
    """Close incident 1 by hand, as if at that minute."""
    incident.close(crowd.connection, 1, by="ana", reason="all is well")
    with db.transaction(crowd.connection):
        db.execute(
            crowd.connection,
            "UPDATE triage.incident SET closed_at = %s, watched_until = %s",
            (at(minute), at(minute) + timedelta(days=14)),
        )
    assert incident.follow(crowd.connection)


def test_while_it_is_watched_less_is_enough(storm: tuple[Crowd, list[str]]) -> None:
    crowd, _ = storm
    crowd.detect(END)
    closed(crowd)
    assert priorities(crowd) == {3}
    crowd.write([900, 905])
    assert crowd.detect(910).events() == []
    crowd.write([906, 908, 911])
    assert crowd.detect(912).events() == [{"incident": 1, "verb": "reopen", "topic": "labour"}]
    assert state(crowd) == "open"
    assert priorities(crowd) == {2}


def test_as_little_alarms_nobody_where_there_was_no_crisis(crowd: Crowd) -> None:
    crowd.topic = "labour"
    crowd.write([0])
    crowd.detect(END)
    crowd.write([900, 905, 906, 908])
    assert crowd.detect(912).events() == []


def test_after_fourteen_days_it_is_closed_and_the_next_is_another(storm: tuple[Crowd, list[str]]) -> None:
    crowd, _ = storm
    crowd.detect(END)
    closed(crowd)
    crowd.detect(END + 14 * DAY + 1)
    assert state(crowd) == "closed"
    assert crowd.verbs(1)[-1] == "end watch"
    crowd.detect(16 * DAY)
    crowd.write(burst(16 * DAY + 1))
    assert [(e["incident"], e["verb"]) for e in crowd.detect(16 * DAY + 5).events()] == [(2, "open")]


def test_what_was_closed_for_good_is_not_opened_by_the_same_surge(storm: tuple[Crowd, list[str]]) -> None:
    crowd, _ = storm
    incident.close(crowd.connection, 1, by="ana", reason="a drill", days=0)
    assert state(crowd) == "closed"
    crowd.write(burst(5, 10))
    for minute in (6, 7, 9, 12):
        assert crowd.detect(minute).events() == []


def test_a_surge_that_was_about_something_else_is_no_crisis_on_this(storm: tuple[Crowd, list[str]]) -> None:
    """Relabelled before its minutes were closed, it never shows in the counts again."""
    crowd, _ = storm
    crowd.write(burst(6, 30, 0.3))
    with db.transaction(crowd.connection):
        db.execute(
            crowd.connection, "UPDATE triage.classification SET topic = 'not_crisis' WHERE topic = 'labour'"
        )
        db.execute(crowd.connection, "SELECT triage.refresh(ARRAY(SELECT id FROM triage.conversation))")
        db.execute(crowd.connection, "UPDATE triage.detector SET state = '{}' WHERE stream = 'topic:labour'")
    crowd.detect(8)
    assert state(crowd) == "watched"


@pytest.fixture
def ana(crowd: Crowd, login: Callable[..., str]) -> Iterator[Connection]:
    """A session of the responder ana."""
    with closing(psycopg2.connect(login("triage_responder", name="ana_incident"))) as session:
        session.autocommit = True
        yield session


def run(session: Connection, sql: str, *parameters: Any) -> list[dict[str, Any]]:
    return db.rows(session, sql, parameters or None)


def test_a_responder_says_what_there_is_and_it_is_written_down(crowd: Crowd, ana: Connection) -> None:
    ((number,),) = [
        row.values() for row in run(ana, "SELECT triage.open_incident('labour', 'they walk out at noon')")
    ]
    with pytest.raises(
        psycopg2.DatabaseError, match=f"incident {number} on labour is open already; add a note"
    ):
        run(ana, "SELECT triage.open_incident('labour', 'again')")
    run(ana, "SELECT triage.note_incident(%s, 'the union called')", number)
    (row,) = run(ana, "SELECT * FROM triage.incident_board")
    assert (row["topic"], row["state"], row["opened_by"]) == ("labour", "open", "ana_incident")
    run(ana, "SELECT triage.close_incident(%s, 'they are back')", number)
    run(ana, "SELECT triage.watch_incident(%s, 30)", number)
    run(ana, "SELECT triage.reopen_incident(%s, 'they are out again')", number)
    run(ana, "SELECT triage.close_incident(%s, 'settled', 0)", number)
    history = run(ana, "SELECT verb, by, reason FROM triage.incident_history(%s)", number)
    assert [h["verb"] for h in history] == ["open", "note", "close", "watch", "reopen", "close"]
    assert {h["by"] for h in history} == {"ana_incident"}
    assert run(ana, "SELECT state FROM triage.incident_board") == [{"state": "closed"}]


REFUSED = {
    "SELECT triage.open_incident('weather', 'rain')": "no topic weather that a crisis can be about; choose one of",
    "SELECT triage.open_incident('not_crisis', 'praise')": "no topic not_crisis",
    "SELECT triage.open_incident('labour', ' ')": "needs a reason, such as",
    "SELECT triage.open_incident('labour', 'x', 'nowhere')": "no account nowhere that you serve",
    "SELECT triage.close_incident(1, '')": "closing needs a reason",
    "SELECT triage.close_incident(1, 'done', 400)": "watch for 0 to 366 days, not 400",
    "SELECT triage.close_incident(99, 'done')": "there is no incident 99; take the number from incident_board",
    "SELECT triage.reopen_incident(1, 'again')": "incident 1 is open already",
    "SELECT triage.watch_incident(1)": "incident 1 is open; close it, and it is watched",
    "SELECT triage.note_incident(1, '')": "a note needs words",
}


def test_what_makes_no_sense_is_refused_in_a_sentence(
    storm: tuple[Crowd, list[str]], ana: Connection
) -> None:
    for sql, sentence in REFUSED.items():
        with pytest.raises(psycopg2.DatabaseError, match=sentence):
            run(ana, sql)
    assert state(storm[0]) == "open"


FORBIDDEN = [
    "SELECT * FROM triage.incident",
    "SELECT * FROM triage.incident_log",
    "SELECT * FROM triage.incident_message",
    "SELECT * FROM triage.detector",
    "SELECT * FROM triage.detector_bin",
    "SELECT * FROM triage.statement",
    "SELECT * FROM triage.question",
    "UPDATE triage.incident SET state = 'closed'",
    "INSERT INTO triage.incident_log (incident_id, verb, by) VALUES (1, 'close', 'bob')",
    "SELECT triage.hold_incident(1)",
    "SELECT triage.lock_incidents()",
]


def test_a_responder_goes_by_the_views_and_functions_alone(
    storm: tuple[Crowd, list[str]], ana: Connection
) -> None:
    for sql in FORBIDDEN:
        with pytest.raises(errors.InsufficientPrivilege):
            run(ana, sql)
    assert len(run(ana, "SELECT * FROM triage.incident_volume WHERE count > 0")) > 0
    assert run(ana, "SELECT * FROM triage.statements") == []


def test_the_log_is_never_rewritten(storm: tuple[Crowd, list[str]], login: Callable[..., str]) -> None:
    with closing(psycopg2.connect(login("triage_pipeline"))) as session:
        session.autocommit = True
        for sql in ("UPDATE triage.incident_log SET by = 'x'", "DELETE FROM triage.incident_log"):
            with pytest.raises(errors.InsufficientPrivilege):
                run(session, sql)


def test_the_board_shows_each_the_accounts_they_serve(
    crowd: Crowd, ana: Connection, login: Callable[..., str]
) -> None:
    ben = closing(psycopg2.connect(login("triage_responder", name="ben_incident")))
    with db.transaction(crowd.connection):
        db.execute(crowd.connection, "INSERT INTO triage.access VALUES ('care', 'ana_incident')")
    crowd.write(burst(1, 20), topic="labour")
    crowd.write(burst(1, 12), topic="labour", account="volmera_x")
    crowd.detect(5)
    incident.declare(crowd.connection, "billing", by="ops", reason="only at care", account="care")
    with ben as session:
        session.autocommit = True
        sql = "SELECT topic, messages, waiting FROM triage.incident_board ORDER BY id"
        assert run(session, sql) == [{"topic": "labour", "messages": 12, "waiting": 12}]
        assert run(session, "SELECT * FROM triage.incident_history(2)") == []
        with pytest.raises(psycopg2.DatabaseError, match="there is no incident 2"):
            run(session, "SELECT triage.close_incident(2, 'not mine')")
        with pytest.raises(psycopg2.DatabaseError, match="no account care that you serve"):
            run(session, "SELECT triage.open_incident('labour', 'x', 'care')")
        run(session, "RESET ALL")
    assert [r["messages"] for r in run(ana, sql)] == [32, 0]


def test_an_incident_at_one_account_raises_nobody_elsewhere(crowd: Crowd) -> None:
    crowd.topic = "labour"
    crowd.write([1])
    crowd.write([2], account="volmera_x")
    incident.declare(crowd.connection, "labour", by="ana", reason="strike at the desk", account="care")
    assert incident.follow(crowd.connection)
    assert [priority for priority, _ in crowd.rows("labour")] == [2, 3]


def test_the_queue_follows_whatever_is_written_at_the_same_moment(crowd: Crowd, dsn: str) -> None:
    """A message stored in a transaction that began before the incident and ends after it."""
    crowd.topic = "labour"
    crowd.write([1])
    with db.connect(dsn) as other:
        with db.transaction(other):
            messages.lock_conversations(other, [message("mine", "tm0", minute=2)])
            incident.declare(crowd.connection, "labour", by="ana", reason="strike")
            messages.upsert(other, [message("mine", "tm0", minute=2)])
            db.execute(
                other, "SELECT triage.refresh(ARRAY(SELECT id FROM triage.conversation WHERE key = 'tm0'))"
            )
        assert incident.follow(crowd.connection)
    assert priorities(crowd) == {2}
    assert one(crowd.connection, "SELECT bool_and(queue_told) FROM triage.incident")


def triage(*words: str) -> int:
    return cli.main(["incident", *words])


def test_the_terminal(
    storm: tuple[Crowd, list[str]],
    dsn: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TRIAGE_DSN", dsn)
    monkeypatch.setenv("COLUMNS", "200")
    assert triage("list") == 0
    assert "labour" in capsys.readouterr().out
    assert triage("note", "1", "the union called", "--as", "ana") == 0
    assert triage("close", "1", "settled", "--days", "3", "--as", "ana") == 0
    assert "close: incident 1 done" in capsys.readouterr().out
    assert priorities(storm[0]) == {3}, "at once"
    assert triage("close", "1", "settled") == 1
    assert "incident 1 is not open" in capsys.readouterr().err
    assert triage("watch", "1", "--days", "30") == 0
    assert triage("reopen", "1", "still on") == 0
    assert triage("show", "1") == 0
    out = capsys.readouterr().out
    assert "30 messages of 30 people" in out
    assert "note · ana · the union called" in out
    assert "█" in out
    assert triage("show", "1", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["incident"]["state"] == "open"
    assert [h["verb"] for h in told["history"]] == [
        "open",
        "join",
        "join",
        "note",
        "close",
        "watch",
        "reopen",
    ]
    assert triage("list", "--all", "--json") == 0
    assert json.loads(capsys.readouterr().out)["topic"] == "labour"
    assert triage("show", "9") == 1
    assert triage("open", "weather", "rain") == 1
    assert triage("open", "billing", "the bank called", "--account", "care") == 0
    assert "open: incident 2 on billing" in capsys.readouterr().out


def test_detect_by_hand(
    dsn: str, connection: Connection, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("TRIAGE_DSN", dsn)
    with db.transaction(connection):
        for account in ACCOUNTS:
            messages.write_cursor(connection, Cursor(account=account))
    assert triage("detect") == 0
    assert capsys.readouterr().out.startswith("detect: read ")
    newest = table(connection, "SELECT max(closed_to) AS at FROM triage.detector")[0]["at"]
    assert newest > START


def test_refusals_reach_the_caller_as_such(crowd: Crowd) -> None:
    with pytest.raises(Refused, match="there is no incident 7"):
        incident.note(crowd.connection, 7, by="ana", text="hm")
