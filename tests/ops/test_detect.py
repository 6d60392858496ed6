"""Detect on a database: what is noticed, when, once; what outages, latecomers and slow accounts do to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from demo.postgres import Postgres
from tests.builders import ROOT, START, at, decision, one, table
from tests.conftest import administer, database_from
from tests.ops.crowd import ACCOUNTS, Crowd, burst
from triage.config import load
from triage.core.hours import Calendar
from triage.core.types import TopicScore
from triage.ops import incident, respond
from triage.ops.detect import detect
from triage.ops.hours import sync_hours
from triage.store import arrivals, conversations, db, spend


@pytest.fixture
def dsn(postgres: Postgres, calm: str) -> Iterator[str]:
    """A copy of the calm database."""
    yield from database_from(postgres, calm)


@pytest.fixture
def crowd(connection: Connection) -> Crowd:
    return Crowd(connection)


def test_a_surge_opens_one_incident_before_its_minute_is_over(crowd: Crowd) -> None:
    crowd.write(burst(1, 12, 0.5))
    first = crowd.detect(1.6)
    assert first.events() == [{"incident": 1, "verb": "open", "topic": "product_defect"}]
    crowd.write(burst(1.6, 20, 2))
    for minute in (2, 2.5, 3, 4, 5):
        assert crowd.detect(minute).events() == []
    (incident,) = crowd.incidents()
    assert incident["onset"] == at(1)
    assert incident["alarmed_at"] == at(1.6)
    assert (incident["state"], incident["stream"], incident["account"]) == (
        "open",
        "topic:product_defect",
        None,
    )
    assert incident["observed"] >= 12
    assert incident["severity"] == 1, "the topic's, which is graver than the surge's"


def test_the_words_that_are_new_are_kept_with_it(crowd: Crowd) -> None:
    crowd.write(burst(1, 12), text="The Duo7 smokes, is there a #VolmeraRecall? My mixer smokes.")
    crowd.detect(5)
    terms = {t["term"]: t for t in crowd.incidents()[0]["terms"]}
    assert "#volmerarecall" in terms
    assert any("duo7" in term for term in terms)
    assert not any(term in terms for term in ("my", "mixer", "my mixer")), "as people write anyway"
    assert (terms["#volmerarecall"]["people"], terms["#volmerarecall"]["usual"]) == (12, 0)


def test_quiet_days_alarm_nobody(crowd: Crowd) -> None:
    crowd.write([60 * i + 7 for i in range(24)])
    crowd.write([45 * i + 9 for i in range(32)], topic="delivery", account="volmera_x")
    for minute in range(5, 1440, 120):
        assert crowd.detect(minute).events() == []
    assert crowd.incidents() == []


def test_who_waits_on_the_topic_is_read_first_and_the_clock_does_not_stop_at_night(crowd: Crowd) -> None:
    sync_hours(crowd.connection, Calendar(zone="UTC", week={0: ((time(9), time(17)),)}))
    crowd.write([1], topic="labour")
    (before,) = crowd.rows("labour")
    assert before == (3, datetime(2026, 11, 23, 13, tzinfo=UTC)), "four hours of Monday"
    crowd.write(burst(2, 30), topic="labour")
    assert crowd.detect(6).events()
    rows = crowd.rows("labour")
    assert {priority for priority, _ in rows} == {2}
    assert rows[0][1] == at(1) + timedelta(hours=4)
    crowd.write([7], topic="labour")
    assert crowd.rows("labour")[-1] == (2, at(7) + timedelta(hours=4)), "and who comes later"
    others = crowd.rows("delivery")
    assert {priority for priority, _ in others} == {3}, "other topics stay where they are"
    assert {due.weekday() for _, due in others} == {0}


def test_a_second_run_and_a_run_beside_it_change_nothing(crowd: Crowd, dsn: str) -> None:
    crowd.write(burst(1))
    crowd.complete_to(5)
    found: list[list[dict[str, object]]] = []

    def run() -> None:
        with db.connect(dsn) as connection:
            found.append(detect(connection, ACCOUNTS, now=lambda: at(5)).events())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(events) for events in found) == [0, 0, 0, 1]
    kept, log = table(crowd.connection, "SELECT * FROM triage.detector ORDER BY 1"), crowd.verbs()
    again = crowd.detect(5)
    assert (again.events(), again.report.read) == ([], 0)
    assert table(crowd.connection, "SELECT * FROM triage.detector ORDER BY 1") == kept
    assert crowd.verbs() == log


def test_minute_by_minute_or_all_at_once_is_the_same(crowd: Crowd, postgres: Postgres, calm: str) -> None:
    def judged(connection: Connection, minutes: list[float]) -> tuple[object, object]:
        other = Crowd(connection)
        other.write(burst(3, 40, 10))
        other.write(burst(4, 6, 10), account="volmera_x")
        for minute in minutes:
            other.detect(minute)
        bins = table(connection, "SELECT * FROM triage.detector_bin ORDER BY 1, 2")
        return bins, table(connection, "SELECT stream, closed_to, state FROM triage.detector ORDER BY 1")

    at_once = judged(crowd.connection, [30])
    administer(postgres, f"CREATE DATABASE triage_other TEMPLATE {calm}")
    try:
        with db.connect(postgres.dsn("triage_other")) as connection:
            assert judged(connection, [float(m) for m in range(1, 31)]) == at_once
    finally:
        administer(postgres, "DROP DATABASE triage_other WITH (FORCE)")


def test_a_backlog_after_an_outage_is_no_surge(crowd: Crowd) -> None:
    """Six hours in which nobody read; then all of it comes at once."""
    crowd.complete_to(0)
    assert crowd.detect(360, read=False).report.read == 0, "nothing is closed that nobody has read"
    crowd.write([60 * i + 11 for i in range(6)])
    crowd.write([45 * i + 13 for i in range(8)], topic="delivery", account="volmera_x")
    crowd.complete_to(361)
    found = crowd.detect(361, read=False)
    assert found.report.read >= 8 * 358
    assert found.events() == []
    assert crowd.incidents() == []


def test_a_surge_during_an_outage_is_noticed_after_it(crowd: Crowd) -> None:
    crowd.complete_to(0)
    crowd.detect(360, read=False)
    crowd.write(burst(300, 40, 20))
    crowd.complete_to(361)
    assert [e["verb"] for e in crowd.detect(361, read=False).events()] == ["open"]
    (incident,) = crowd.incidents()
    assert at(295) <= incident["onset"] <= at(302)
    assert incident["alarmed_at"] == at(361), "when it was said, not when it could have been"


def test_an_account_that_is_still_read_is_waited_for_but_not_for_ever(crowd: Crowd) -> None:
    crowd.complete_to(30, "care")
    crowd.complete_to(5, "volmera_x")
    crowd.detect(30, read=False)
    assert crowd.detectors()["topic:delivery"] == at(4)
    assert crowd.detectors()["account:care"] == at(29), "its own volume needs nobody else"
    crowd.complete_to(49, "care")
    crowd.detect(49, read=False)
    assert crowd.detectors()["topic:delivery"] == at(4)
    crowd.complete_to(51, "care")
    crowd.detect(51, read=False)
    assert crowd.detectors()["topic:delivery"] == at(50)
    assert crowd.detectors()["account:volmera_x"] == at(4)
    crowd.complete_to(60)
    crowd.detect(60, read=False)
    assert {closed for name, closed in crowd.detectors().items()} == {at(59)}
    assert one(crowd.connection, "SELECT held_since FROM triage.detector WHERE stream = 'all'") is None


def test_a_little_late_counts_very_late_does_not(crowd: Crowd) -> None:
    crowd.detect(30)
    crowd.write([21, 26, 27])
    crowd.write([5, 6])
    crowd.detect(32)
    sql = "SELECT count FROM triage.detector_bin WHERE stream = 'topic:product_defect' AND started_at = %s"
    assert one(crowd.connection, sql, at(29)) == 3
    crowd.detect(34)
    assert one(crowd.connection, sql, at(31)) == 0, "and once"


def found(crowd: Crowd, count: int, since: float, until: float) -> None:
    """What finding mail notes of it, before it is read."""
    with db.transaction(crowd.connection):
        arrivals.add(crowd.connection, "care", count, at(since), at(until))


def test_mail_that_is_found_alarms_before_it_is_read_and_a_sample_names_it(crowd: Crowd) -> None:
    found(crowd, 400, 1.1, 1.5)
    assert crowd.detect(1.6).events() == [{"incident": 1, "verb": "open", "topic": None}]
    (incident,) = crowd.incidents()
    assert (incident["account"], incident["stream"]) == ("care", "account:care")
    found(crowd, 400, 2, 2.5)
    crowd.write(burst(1.2, 3, 0.2))
    assert crowd.detect(2.6).events() == []
    crowd.write(burst(1.2, 16, 0.3))
    crowd.write(burst(1.2, 5, 0.3), topic="not_crisis")
    events = crowd.detect(3.2).events()
    assert {"incident": 1, "verb": "name", "topic": "product_defect"} in events
    (incident,) = crowd.incidents()
    assert (incident["topic"], incident["account"], incident["named_at"]) == ("product_defect", None, at(3.2))
    assert crowd.rows("product_defect")[0][0] == 1


def lean(crowd: Crowd, minutes: list[float], **chances: float) -> None:
    """Messages that the classifier is unsure of, and leans so."""
    scores = tuple(TopicScore(topic=topic, score=score) for topic, score in chances.items())
    names = crowd.write(minutes, topic="")
    with db.transaction(crowd.connection):
        sql = "SELECT id FROM triage.message WHERE native_id = ANY (%s)"
        ids = [row["id"] for row in db.rows(crowd.connection, sql, (names,))]
        conversations.decide(crowd.connection, [(i, decision("unsure", topics=scores)) for i in ids])


def test_a_sample_names_it_though_no_single_message_is_sure(crowd: Crowd) -> None:
    found(crowd, 400, 1.1, 1.5)
    crowd.detect(1.6)
    lean(crowd, burst(1.2, 40, 0.3), labour=0.4, billing=0.1, product_defect=0.05, not_crisis=0.15)
    assert {"incident": 1, "verb": "name", "topic": "labour"} in crowd.detect(2.2).events()
    (name,) = (h for h in history(crowd) if h["verb"] == "name")
    assert name["reason"] == "57% of 40 that were read, billing 14%"


def history(crowd: Crowd) -> list[dict[str, Any]]:
    return table(crowd.connection, "SELECT * FROM triage.incident_log ORDER BY id")


def test_a_name_that_proves_wrong_is_taken_back_with_its_draft(crowd: Crowd) -> None:
    found(crowd, 400, 1.1, 1.5)
    crowd.detect(1.6)
    lean(crowd, burst(1.2, 40, 0.3), delivery=0.5, labour=0.1, not_crisis=0.2)
    crowd.detect(2.2)
    assert crowd.incidents()[0]["topic"] == "delivery"
    begun = respond.begin(crowd.connection, load(ROOT / "config"), "run", now=lambda: at(2.3))
    assert [(b.kind, b.number) for b in begun] == [("draft", 1)]
    assert crowd.detect(2.5).events() == []
    late = crowd.rows("delivery")
    lean(crowd, burst(2.4, 200, 0.3), labour=0.7, delivery=0.05, not_crisis=0.1)
    events = crowd.detect(3.2, heard=False).events()
    assert {"incident": 1, "verb": "name", "topic": "labour"} in events
    (incident,) = (i for i in crowd.incidents() if i["topic"] == "labour")
    assert incident["respond_run"] is None, "its response begins anew"
    assert {r["state"] for r in respond.show(crowd.connection, 1)} == {"withdrawn"}
    assert [h["reason"] for h in history(crowd) if h["verb"] == "reject"] == ["it is about labour"]
    assert {priority for priority, _ in crowd.rows("delivery")} == {priority + 1 for priority, _ in late}
    (begun_,) = respond.begin(crowd.connection, load(ROOT / "config"), "run 2", now=lambda: at(3.3))
    assert (begun_.number, begun_.kind) == (2, "draft")
    assert "labour" in begun_.subject.lower()
    assert [e["verb"] for e in crowd.detect(4.2).events()] == []


def test_what_nobody_responds_to_is_told_again(crowd: Crowd) -> None:
    crowd.write(burst(1, 12, 0.5))
    assert [e["verb"] for e in crowd.detect(1.6, heard=False).events()] == ["open"]
    assert crowd.detect(2.6, heard=False).events() == []
    (again,) = crowd.detect(8, heard=False).events()
    assert again == {"incident": 1, "verb": "wait", "topic": "product_defect"}
    crowd.detect(8)
    assert crowd.detect(11).events() == [], "until somebody does"


def test_what_a_person_opens_is_told_at_once(crowd: Crowd) -> None:
    number = incident.declare(crowd.connection, "labour", by="ana", reason="the factory called")
    assert crowd.detect(1).events() == [{"incident": number, "verb": "wait", "topic": "labour"}]


def test_a_burst_of_praise_is_no_crisis(crowd: Crowd) -> None:
    found(crowd, 300, 1, 2)
    crowd.detect(2)
    crowd.write(burst(1, 25, 1), topic="not_crisis")
    assert crowd.detect(3).events() == []
    (incident,) = crowd.incidents()
    assert (incident["state"], incident["closed_by"]) == ("closed", "detect")
    for minute in (4, 5, 8):
        assert crowd.detect(minute).events() == []


def test_what_is_counted_and_not_read_alarms(crowd: Crowd) -> None:
    with db.transaction(crowd.connection):
        calm = [(at(-1440 + m), 1) for m in range(0, 1435, 20)]
        spend.add_volume(crowd.connection, "volmera_x", {"#Duo7": [*calm, (at(0), 0)]})
    crowd.detect(2)
    with db.transaction(crowd.connection):
        spend.add_volume(crowd.connection, "volmera_x", {"#Duo7": [(at(5 + m), 40) for m in range(5)]})
    assert crowd.detect(15).events() == [{"incident": 1, "verb": "open", "topic": None}]
    assert crowd.incidents()[0]["account"] == "volmera_x"


def test_the_minutes_are_kept_for_the_picture_and_thrown_away_in_time(crowd: Crowd) -> None:
    crowd.write(burst(1))
    crowd.detect(5)
    volume = table(
        crowd.connection, "SELECT * FROM triage.incident_volume WHERE incident_id = 1 ORDER BY started_at"
    )
    assert sum(row["count"] for row in volume if row["started_at"] >= at(1)) == 30
    assert all(0 <= row["expected"] < 1 for row in volume)
    far = 11 * 1440
    crowd.detect(far)
    streams = {r["stream"] for r in table(
        crowd.connection, "SELECT DISTINCT stream FROM triage.detector_bin WHERE started_at < %s", START
    )}  # fmt: skip
    assert streams == {"topic:product_defect"}
