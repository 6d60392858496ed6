"""The week of a story that is known to the minute, from the database; told once a week."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import ROOT
from tests.ops.test_notices import NOON, Post, ask, reply, round_, settings, told_to
from triage.core.week import Ledger, Spent, Week
from triage.ops import debrief, queue, weekly
from triage.store import db

DAY = 24 * 60
M = timedelta(minutes=1)

INCIDENTS = """
INSERT INTO triage.incident (topic, stream, onset, alarmed_at, observed, expected, peak, severity, opened_by, named_at,
                             state, closed_at, closed_by, closed_reason, watched_until)
SELECT topic, 'all', onset, onset + interval '4 minutes', 90, 4.2, 30, severity, 'detect',
       CASE WHEN topic <> '' THEN onset END, state, closed_at, by, reason, closed_at + interval '14 days'
FROM (VALUES
    ('product_defect', '2026-11-17 09:00Z'::timestamptz, 1, 'watched', '2026-11-20 09:00Z'::timestamptz, 'Ada', 'over'),
    ('delivery', '2026-11-10 09:00Z', 2, 'watched', '2026-11-12 09:00Z', 'detect', 'the surge ended'),
    ('billing', '2026-11-23 09:00Z', 3, 'open', NULL, NULL, NULL),
    (NULL, '2026-11-18 09:00Z', 3, 'closed', '2026-11-18 10:00Z', 'detect', 'what was read of it is no crisis'),
    ('labour', '2026-11-19 09:00Z', 3, 'watched', '2026-11-19 10:00Z', 'Ada', 'False alarm, a joke'),
    ('safety_injury', '2026-11-03 09:00Z', 3, 'watched', '2026-11-04 10:00Z', 'Ada', 'false alarm, the week before'),
    (NULL, '2026-11-18 09:00Z', 3, 'closed', '2026-11-18 11:00Z', 'detect', 'it is incident 1'),
    ('labour', '2026-10-01 09:00Z', 3, 'closed', '2026-10-02 10:00Z', 'Ada', 'over')
) AS known (topic, onset, severity, state, closed_at, by, reason)
"""

REST = """
INSERT INTO triage.statement (incident_id, place, channel, lang, text, state, drafted_by, approved_by, approved_at)
SELECT id, 1, 'hub', 'en', 'We recall it.', 'approved', 'respond', 'Ada', onset + interval '12 minutes'
FROM triage.incident WHERE topic = 'product_defect';
INSERT INTO triage.correction (message_id, from_topic, to_topic, origin, by, at)
SELECT m.id, 'delivery', 'product_defect', 'queue', 'Ada',
       timestamptz '2026-11-16 00:00Z' - CASE m.native_id WHEN 'd3' THEN interval '1 minute' ELSE '0' END
FROM triage.message m WHERE m.native_id IN ('d1', 'd2', 'd3');
INSERT INTO triage.spend_day (account, day, method, units) VALUES
    ('volmera_x', '2026-11-17', 'mention', 1000000), ('volmera_x', '2026-11-22', 'post', 230000),
    ('volmera_x', '2026-11-10', 'post', 500000), ('volmera_x', '2026-11-23', 'post', 9000000);
"""


@pytest.fixture
def story(connection: Connection) -> Connection:
    """Ten write about deliveries on 20 November, eight did before; six are answered in an hour, one is dismissed."""
    ask(connection, "old", 36 * DAY, "delivery")
    for n in range(8):
        ask(connection, f"before{n}", 20 * DAY + n, "delivery")
    asked = [ask(connection, f"d{n}", 3 * DAY + n, "delivery") for n in range(10)]
    ask(connection, "unclear", 2 * DAY, "unsure")
    ask(connection, "today", 60, "labour")
    for n in range(6):
        reply(connection, f"d{n}", 3 * DAY + n - 60)
    queue.dismiss(connection, asked[6], by="Ada", reason="spam")
    with db.transaction(connection):
        db.execute(connection, INCIDENTS)
        db.execute(connection, REST)
    return connection


def week_of(connection: Connection, *accounts: str, at: datetime = NOON) -> Week:
    known = settings(told_to())
    return weekly.figures(
        connection, known, accounts=accounts or ("care", "volmera_x"), zone="UTC", day=at, now=at
    )


def test_the_figures_are_those_of_the_story(story: Connection) -> None:
    week = week_of(story)
    assert (week.since, week.until) == (
        datetime(2026, 11, 16, tzinfo=UTC),
        datetime(2026, 11, 23, tzinfo=UTC),
    )
    assert week.weeks == 4
    delivery, unsure = week.topics
    assert (delivery.en, delivery.messages, delivery.conversations, delivery.before) == (
        "Delay, loss, delivery", 10, 10, 8,
    )  # fmt: skip
    assert (unsure.messages, unsure.before) == (1, 0)
    assert (week.read, week.unsure) == (11, 1)
    assert week.became == Ledger(collected=11, answered=6, waiting=4, dismissed=1)
    assert week.ledger == Ledger(collected=21, answered=6, waiting=14, dismissed=1)
    assert week.spent == [Spent(account="volmera_x", week=1.23, before=0.5)]
    (moved,) = week.moved
    assert (moved.from_en, moved.to_en, moved.messages) == ("Delay, loss, delivery", "Defect, recall", 2)


def test_first_responses_count_who_waits_and_not_who_was_dismissed(story: Connection) -> None:
    delivery, unsure = week_of(story).responses
    assert (delivery.source, delivery.spells, delivery.waiting) == ("gmail", 9, 3)
    assert delivery.p50 == 60 * M
    assert delivery.p90 == 4328.2 * M, "of the nine in order, two tenths past the eighth"
    assert delivery.longest == 4329 * M
    assert (unsure.spells, unsure.longest) == (1, 2 * DAY * M)


def test_incidents_that_are_open_watched_or_of_the_week(story: Connection) -> None:
    debrief.note(story, 1)
    found = week_of(story).incidents
    assert [(i.number, i.state, i.opened, i.closed, i.false_alarm) for i in found] == [
        (3, "open", False, False, False),
        (1, "watched", True, True, False),
        (2, "watched", False, False, False),
        (6, "watched", False, False, True),
        (4, "closed", True, True, True),
        (5, "watched", True, True, True),
    ]
    recall = found[1]
    assert recall.statement_at is not None
    assert (recall.alarmed_at - recall.onset, recall.statement_at - recall.onset) == (4 * M, 12 * M)
    assert [i.number for i in found if i.debriefed] == [1]


def test_only_the_recipients_accounts_count(story: Connection) -> None:
    week = week_of(story, "volmera_x")
    assert (week.topics, week.responses, week.moved, week.weeks) == ([], [], [], 0)
    assert week.ledger == Ledger()
    assert [one.account for one in week.spent] == ["volmera_x"]
    assert week_of(story, "care").spent == []


def test_the_plans_that_grow_old_or_are_incomplete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plan").mkdir()
    (tmp_path / "topics.yaml").symlink_to(ROOT / "config" / "topics.yaml")
    reviewed = {
        "delivery": "2026-08-24",
        "billing": "2026-09-23",
        "labour": "2026-09-25",
        "product_defect": "soon",
    }
    for topic, day in reviewed.items():
        text = (ROOT / "config" / "plan" / f"{topic}.md").read_text(encoding="utf-8")
        text = re.sub(r"reviewed_on: .*", f"reviewed_on: {day}", text)
        named = (
            re.sub(r'^(\s+)name: ""', r"\1name: Ana Roy", text, flags=re.M) if topic == "delivery" else text
        )
        (tmp_path / "plan" / f"{topic}.md").write_text(named, encoding="utf-8")
    monkeypatch.setenv("TRIAGE_CONFIG", str(tmp_path))
    known = settings(told_to())
    found = weekly.plans(known, date(2026, 11, 23))
    assert [(one.en, one.by) for one in found.reviews] == [
        ("Delay, loss, delivery", date(2026, 11, 22)),  # 90 days after: since yesterday it is late
        (known.topics.topics["billing"].label.en, date(2026, 12, 22)),
    ], "labour, on 24 December, is later than in 30 days"
    assert found.broken == len(known.topics.topics) - 2 - 3, (
        "those that are not there, and the one without a date"
    )
    assert found.nameless == 2


def test_the_committee_is_told_once_a_week_with_the_open_crisis_first(story: Connection) -> None:
    triage, post = told_to(committee={"weekly": "mon 11:00", "language": "fr"}, desk={}), Post()
    ((address, subject, text),) = round_(story, triage, post)
    assert address == "committee@volmera.example"
    assert subject.startswith("CRISE EN COURS, ")
    assert "Semaine du lundi 16 novembre au dimanche 22 novembre" in subject
    assert text.startswith("Une crise est en cours")
    for private in ("jane", "example.org", "smokes", "Ada", "joke"):
        assert private not in text
    for hours in (0, 1, 22.9, 23, 48):
        assert round_(story, triage, post, NOON + timedelta(hours=hours)) == []
    assert len(round_(story, triage, post, NOON + timedelta(days=7))) == 1


def test_a_week_that_was_missed_is_made_up_for_within_a_day_and_is_the_same_week(story: Connection) -> None:
    triage, post = told_to(committee={"weekly": "mon 11:00"}), Post()
    assert round_(story, triage, post, NOON - timedelta(hours=1, minutes=1)) == []
    ((_, subject, _),) = round_(story, triage, post, NOON + timedelta(hours=22, minutes=59))
    assert "The week from Monday 16 November to Sunday 22 November" in subject
    late = told_to(others={"weekly": "mon 11:00"})
    assert round_(story, late, post, NOON + timedelta(hours=23)) == [], "a day later it is no news"
