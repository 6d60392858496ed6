"""Who is told what, when, and how often: digests, overdue conversations, alarms, incidents, and the outbox."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import ROOT, decision, message, one, shipped_topics, table
from triage.config import Settings, Triage
from triage.config_notify import Notify
from triage.core.errors import ConfigError, Retry
from triage.core.types import Direction, Intent
from triage.ops import notices, queue
from triage.store import conversations, db, messages

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""A Monday."""

M, H = timedelta(minutes=1), timedelta(hours=1)
ACCOUNTS = [
    {"name": "care", "source": "gmail", "connection": "gmail_care", "addresses": ["care@volmera.example"]},
    {"name": "volmera_x", "source": "x", "connection": "x_volmera", "addresses": ["@volmera"]},
]


INCIDENT = """
INSERT INTO triage.incident
    (topic, stream, onset, alarmed_at, observed, expected, peak, severity, opened_by, named_at)
VALUES ('delivery', 'topic:delivery', %(at)s, %(at)s, 90, 4.2, 30, 2, 'detect', %(at)s)
"""


def told_to(**entries: dict[str, Any]) -> Triage:
    """A configuration with these entries of `notify`; what is left out is a mail address of that name."""
    usual = {"kind": "smtp", "connection": "smtp_default"}
    notify = {
        name: {**usual, "addresses": [f"{name}@volmera.example"], **given} for name, given in entries.items()
    }
    return Triage.model_validate({"version": 1, "accounts": ACCOUNTS, "notify": notify})


def settings(triage: Triage) -> Settings:
    """That configuration with the topics that ship."""
    return Settings(triage=triage, topics=shipped_topics())


@dataclass
class Post:
    """Takes notices; of some addresses it says no."""

    refused: set[str] = field(default_factory=set)
    sent: list[tuple[str, str, str]] = field(default_factory=list)

    def __call__(self, entry: Notify, address: str, subject: str, text: str) -> None:
        if address in self.refused:
            raise Retry(f"550 <{address}>: no such mailbox; mend the address")
        self.sent.append((address, subject, text))


def ask(connection: Connection, name: str, minutes_ago: float, topic: str = "", **given: Any) -> int:
    """Somebody wrote so many minutes before noon; the conversation."""
    intent, conversation = given.pop("intent", Intent.COMPLAINT), given.pop("conversation", name)
    said = message(name, conversation, sent_at=NOON - minutes_ago * M, fetched_at=NOON, **given)
    with db.transaction(connection):
        _, touched = messages.upsert(connection, [said])
        if topic:
            (row,) = db.rows(connection, "SELECT id FROM triage.message WHERE native_id = %s", (name,))
            conversations.decide(connection, [(row["id"], decision(topic, intent=intent))])
        conversations.refresh(connection, touched)
    return int(touched[0])


def reply(connection: Connection, name: str, minutes_ago: float) -> None:
    """We answered that conversation."""
    ours = {"direction": Direction.OUTBOUND, "author": "care@volmera.example"}
    ask(connection, f"{name}-reply", minutes_ago, conversation=name, **ours)


def round_(
    connection: Connection, triage: Triage, post: Post, at: datetime = NOON
) -> list[tuple[str, str, str]]:
    """One run of `tell` at that moment; what was sent in it."""
    before = len(post.sent)
    notices.plan(connection, settings(triage), now=lambda: at)
    notices.send(connection, triage.notify, post, now=lambda: at)
    return post.sent[before:]


def test_each_overdue_conversation_is_told_once_a_step_and_all_in_one_notice(connection: Connection) -> None:
    triage, post = told_to(desk={"overdue": ["0m", "2h"]}), Post()
    burnt = ask(connection, "burnt", 20, "safety_injury")  # due after 15 minutes
    parcels = [ask(connection, f"late{n}", 241 + n, "delivery") for n in range(5)]  # due after 4 hours
    ask(connection, "fresh", 1, "delivery")
    ((address, subject, text),) = round_(connection, triage, post)
    assert address == "desk@volmera.example"
    assert subject == "Overdue: 6 people wait for an answer, gravest: Safety, injury"
    assert f"conversation {burnt} (mail), overdue by 5 minutes" in text
    named = [n for n in parcels if f"conversation {n} " in text]
    assert named == parcels[2:], "the longest overdue"
    assert "and 2 more" in text
    assert round_(connection, triage, post) == []
    assert round_(connection, triage, post, NOON + 1 * H) == [], "the same step is told once"
    ((_, subject, text),) = round_(connection, triage, post, NOON + 2 * H)
    assert subject == "Overdue: 6 people wait for an answer, gravest: Safety, injury"
    assert text.count("told before") == 4
    assert round_(connection, triage, post, NOON + 50 * H)[0][1].startswith("Overdue: 1 person")


def test_who_comes_late_to_a_long_wait_is_told_once_and_not_for_each_step(connection: Connection) -> None:
    triage, post = told_to(desk={"overdue": ["0m", "1h", "2h"]}), Post()
    ask(connection, "old", 24 * 60, "delivery")
    ((_, _, text),) = round_(connection, triage, post)
    assert "told before" not in text
    assert round_(connection, triage, post, NOON + 9 * H) == []


def test_a_new_spell_is_told_anew_and_an_answered_one_no_more(connection: Connection) -> None:
    triage, post = told_to(desk={"overdue": ["0m", "1h"]}), Post()
    ask(connection, "burnt", 20, "safety_injury")
    assert len(round_(connection, triage, post)) == 1
    reply(connection, "burnt", 0)
    assert round_(connection, triage, post, NOON + 3 * H) == []
    said = message("again", "burnt", sent_at=NOON + 4 * H, fetched_at=NOON)
    with db.transaction(connection):
        conversations.refresh(connection, messages.upsert(connection, [said])[1])
    ((_, _, text),) = round_(connection, triage, post, NOON + 5 * H + M)
    assert "told before" not in text
    notices.tidy(connection, now=lambda: NOON)
    assert one(connection, "SELECT count(*) FROM triage.overdue_told") == 1, (
        "of the former spell nothing is kept"
    )


def test_put_aside_thanks_and_floods_are_no_overdue(connection: Connection) -> None:
    triage, post = told_to(desk={"overdue": ["0m"]}), Post()
    later = ask(connection, "later", 300, "delivery")
    ask(connection, "flood", 300, "delivery")
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.unanswered_queue SET held = true WHERE conversation = 'flood'")
        db.execute(
            connection, "UPDATE triage.unanswered_queue SET snoozed_until = %s WHERE conversation_id = %s",
            (NOON + H, later),
        )  # fmt: skip
    assert round_(connection, triage, post) == []
    ((_, subject, _),) = round_(connection, triage, post, NOON + 61 * M)
    assert subject.startswith("Overdue: 1 person"), "the pause is over"


def test_at_night_only_the_gravest_is_told_and_the_rest_in_the_morning(connection: Connection) -> None:
    triage = told_to(desk={"overdue": ["0m"], "quiet": "20:00-07:00", "zone": "Europe/Paris"})
    post, night = Post(), NOON + 10 * H  # 23:00 in Paris
    ask(connection, "burnt", -540, "safety_injury")
    ask(connection, "legal", -480, "governance", intent=Intent.LEGAL)  # severity 2, raised to priority 1
    ask(connection, "parcel", 60, "delivery")
    ((_, subject, text),) = round_(connection, triage, post, night)
    assert subject.startswith("Overdue: 2 people")
    assert "Delivery" not in text
    assert round_(connection, triage, post, datetime(2026, 11, 24, 5, 59, tzinfo=UTC)) == []
    ((_, subject, _),) = round_(connection, triage, post, datetime(2026, 11, 24, 6, 0, tzinfo=UTC))
    assert subject == "Overdue: 1 person waits for an answer, gravest: Delay, loss, delivery"


def test_a_recipient_hears_of_its_own_accounts_only(connection: Connection) -> None:
    triage, post = told_to(mail={"overdue": ["0m"], "accounts": ["care"]}, all={"overdue": ["0m"]}), Post()
    ask(connection, "post", 300, "delivery", account="volmera_x")
    assert [address for address, *_ in round_(connection, triage, post)] == ["all@volmera.example"]
    digest = notices.digest_of(connection, triage.notify["mail"], triage, now=lambda: NOON)
    assert digest.text.startswith("Nobody is waiting.")


@pytest.mark.parametrize(
    ("minute", "told"),
    [(-1, False), (0, True), (5 * 60 + 59, True), (6 * 60, False), (24 * 60, True), (5 * 24 * 60, False)],
)
def test_the_digest_comes_at_its_hour_on_its_days(connection: Connection, minute: int, told: bool) -> None:
    triage = told_to(
        desk={"digest": "08:00", "zone": "Europe/Paris", "days": ["mon", "tue", "wed", "thu", "fri"]}
    )
    at = datetime(2026, 11, 23, 7, 0, tzinfo=UTC) + minute * M
    assert bool(round_(connection, triage, Post(), at)) is told


def test_a_digest_of_the_late_evening_is_made_up_for_after_midnight(connection: Connection) -> None:
    triage = told_to(desk={"digest": "23:50", "days": ["mon"]})
    assert round_(connection, triage, Post(), NOON + 11 * H) == []
    ((_, subject, _),) = round_(connection, triage, Post(), NOON + 13 * H)
    assert subject.startswith("Inbox, Tuesday 24 November")
    assert round_(connection, triage, Post(), NOON + 14 * H) == []


def test_one_digest_a_day_to_each_address_with_the_figures(connection: Connection) -> None:
    triage = told_to(
        desk={"digest": "08:00", "addresses": ["a@volmera.example", "b@volmera.example"], "language": "fr"}
    )
    post = Post()
    ask(connection, "parcel", 300, "delivery")
    ask(connection, "old", 26 * 60, "delivery")
    reply(connection, "old", 25 * 60)
    ask(connection, "spam", 24 * 60, "billing")
    queue.dismiss(
        connection,
        one(connection, "SELECT id FROM triage.conversation WHERE key = 'spam'"),
        by="jane",
        reason="spam",
    )
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.audit SET at = %s", (NOON - 23 * H,))
        db.execute(connection, INCIDENT, {"at": NOON - 2 * H})
    sent = round_(connection, triage, post)
    assert [address for address, *_ in sent] == ["a@volmera.example", "b@volmera.example"]
    for said in ("1 personne attend une réponse. 1 attend depuis plus longtemps", "La plus longue attente", "5 heures",
                 "Hier, 1 personne a reçu une réponse", "en moins de 1 heure", "1 demande n’appelait pas",
                 "90 messages"):  # fmt: skip
        assert said in sent[0][2], sent[0][2]
    assert "jane@example.org" not in sent[0][2], "nobody's address"
    assert round_(connection, triage, post, NOON + H) == []
    assert len(round_(connection, triage, post, NOON + 21 * H)) == 2


def test_one_address_that_fails_stops_no_other_and_is_tried_again_until_it_is_given_up(
    connection: Connection,
) -> None:
    triage = told_to(desk={"digest": "11:00", "addresses": ["gone@volmera.example", "b@volmera.example"]})
    post = Post(refused={"gone@volmera.example"})
    assert [address for address, *_ in round_(connection, triage, post)] == ["b@volmera.example"]
    (trouble,) = notices.troubles(connection, now=lambda: NOON)
    assert trouble == (
        "desk gone@volmera.example: 1 waiting to be sent again: "
        "550 <gone@volmera.example>: no such mailbox; mend the address"
    )
    assert (
        notices.digest_of(connection, triage.notify["desk"], triage, now=lambda: NOON).text.count(
            "notice could not be"
        )
        == 1
    )
    tries = [minute for minute in range(1, 600) if _tried(connection, triage, post, NOON + minute * M)]
    assert tries[:5] == [1, 3, 7, 15, 31]
    assert tries[-1] < 360, "it is given up"
    assert one(connection, "SELECT state FROM triage.notice WHERE address ~ 'gone'") == "failed"
    assert "given up" in notices.troubles(connection, now=lambda: NOON + 6 * H)[0]
    assert notices.troubles(connection, within=10 * M, now=lambda: NOON + 6 * H) == []
    assert notices.troubles(connection, now=lambda: NOON + 40 * H) == []


def _tried(connection: Connection, triage: Triage, post: Post, at: datetime) -> bool:
    return notices.send(connection, triage.notify, post, now=lambda: at).failed > 0


def test_once_mended_it_goes_out(connection: Connection) -> None:
    triage, post = told_to(desk={"digest": "11:00"}), Post(refused={"desk@volmera.example"})
    round_(connection, triage, post)
    post.refused.clear()
    assert len(round_(connection, triage, post, NOON + M)) == 1
    assert notices.troubles(connection, now=lambda: NOON + M) == []


def test_whoever_is_no_longer_named_is_told_nothing_and_it_is_said(connection: Connection) -> None:
    triage, post = told_to(desk={"digest": "11:00"}), Post()
    notices.plan(connection, settings(triage), now=lambda: NOON)
    assert notices.send(connection, {}, post, now=lambda: NOON).failed == 1
    assert "no longer names desk" in notices.troubles(connection, now=lambda: NOON)[0]


KILLED = """
import os, signal, sys
from triage.ops import notices
from triage.store import db
sent = []
def deliver(entry, address, subject, text):
    if len(sent) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    sent.append(address)
    print(address, flush=True)
from tests.ops.test_notices import NOON, told_to
names = [f"n{i}" for i in range(5)]
with db.connect(sys.argv[1]) as connection:
    notices.send(connection, told_to(**{name: {} for name in names}).notify, deliver, now=lambda: NOON)
"""


def test_a_task_that_is_killed_leaves_nobody_told_twice_and_the_rest_to_the_next(
    connection: Connection, dsn: str
) -> None:
    names = [f"n{i}" for i in range(5)]
    triage, post = told_to(**{name: {"incidents": True} for name in names}), Post()
    assert notices.tell(connection, triage, "owner", "Crisis", "…", now=lambda: NOON) == 5
    done = subprocess.run(
        [sys.executable, "-c", KILLED, dsn], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == -9, done.stderr
    before = done.stdout.split()
    report = notices.send(connection, triage.notify, post, now=lambda: NOON)
    assert (len(before), len(post.sent)) == (2, 2)
    assert set(before).isdisjoint({address for address, *_ in post.sent})
    assert "1 may have gone out" in str(report)
    states = table(connection, "SELECT state, count(*) AS n FROM triage.notice GROUP BY 1 ORDER BY 1")
    assert states == [{"state": "sent", "n": 4}, {"state": "unknown", "n": 1}]


def test_two_senders_at_once_tell_each_once(connection: Connection, dsn: str) -> None:
    triage, post = told_to(desk={"incidents": True}, ops={"incidents": True}), Post()
    notices.tell(connection, triage, "owner", "Crisis", "…", now=lambda: NOON)

    def meanwhile(entry: Notify, address: str, subject: str, text: str) -> None:
        post(entry, address, subject, text)
        with db.connect(dsn) as other, db.transaction(other):
            db.execute(other, "SET lock_timeout = '10ms'")
            assert db.rows(other, "SELECT pg_try_advisory_lock(hashtext('triage.notice')) AS got") == [
                {"got": False}
            ]

    notices.send(connection, triage.notify, meanwhile, now=lambda: NOON)
    assert len(post.sent) == 2
    assert notices.send(connection, triage.notify, post, now=lambda: NOON).read == 0


def test_an_alarm_is_told_to_who_gets_alarms_and_again_only_after_hours(connection: Connection) -> None:
    triage = told_to(ops={"alarms": True}, desk={"digest": "08:00"})
    call = {
        "what": "care.audit",
        "subject": "Alarm: care.audit failed",
        "words": "the ledger does not balance",
    }
    moments = {minute: notices.alarm(connection, triage, now=lambda at=NOON + minute * M: at, **call)
               for minute in (0, 10, 359, 360, 370)}  # fmt: skip
    assert moments == {0: 1, 10: 0, 359: 0, 360: 1, 370: 0}
    assert notices.alarm(connection, triage, **{**call, "what": "care.stall"}, now=lambda: NOON) == 1
    assert {r["recipient"] for r in table(connection, "SELECT recipient FROM triage.notice")} == {"ops"}


def test_an_incident_goes_to_its_owner_once_or_to_who_stands_in(connection: Connection) -> None:
    triage = told_to(crisis={}, anybody={"incidents": True})
    assert notices.tell(connection, triage, "crisis", "Crisis", "Smoke") == 1
    assert notices.tell(connection, triage, "crisis", "Crisis", "Smoke") == 0, (
        "a task that is repeated tells nothing twice"
    )
    assert notices.tell(connection, triage, "crisis", "Crisis", "Fire") == 1
    assert notices.tell(connection, triage, "head_of_quality", "Crisis", "Fire") == 1
    recipients = [
        r["recipient"] for r in table(connection, "SELECT recipient FROM triage.notice ORDER BY id")
    ]
    assert recipients == ["crisis", "crisis", "anybody"]
    with pytest.raises(ConfigError, match="nobody is named 'head_of_quality' under notify"):
        notices.tell(connection, told_to(crisis={}), "head_of_quality", "Crisis", "Fire")


def test_old_notices_are_forgotten(connection: Connection) -> None:
    triage = told_to(desk={"digest": "11:00"})
    round_(connection, triage, Post())
    assert notices.tidy(connection, now=lambda: NOON + timedelta(days=29)) == 0
    assert notices.tidy(connection, now=lambda: NOON + timedelta(days=31)) == 1
