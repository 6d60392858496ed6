"""Who may do what: responders act through the functions and nothing else, each act under its own name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta

import psycopg2
import pytest
from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from tests.builders import at, decision, message, one, shipped_topics, table
from triage.core.types import Cursor, Quarantined
from triage.ops import care, queue, replay
from triage.ops.classify import sync_topics
from triage.store import conversations, db, labels, messages, quota
from triage.store.migrate import migrate
from triage.store.queue import Refused

Login = Callable[..., str]


@pytest.fixture
def inbox(connection: Connection) -> Connection:
    """Three conversations that wait, an item in quarantine and a cursor."""
    page = [message(f"m{i}", f"t{i}", minute=i) for i in (1, 2, 3)]
    with db.transaction(connection):
        _, touched = messages.upsert(connection, page)
        conversations.refresh(connection, touched)
        messages.quarantine(connection, [Quarantined(key=message("bad").key, reason="no date")])
        messages.write_cursor(connection, Cursor(account="care"))
    return connection


@pytest.fixture
def responder(inbox: Connection, login: Login) -> Iterator[Connection]:
    """A session of the user ana, who is a responder."""
    with closing(psycopg2.connect(login("triage_responder", name="ana"))) as session:
        session.autocommit = True
        yield session


def run(session: Connection, sql: str, *parameters: object) -> list[dict[str, object]]:
    return db.rows(session, sql, parameters or None)


def audited(inbox: Connection) -> list[tuple[str, str]]:
    return [(r["verb"], r["by"]) for r in table(inbox, "SELECT verb, by FROM triage.audit ORDER BY id")]


def test_a_responders_day_is_audited_under_their_name(inbox: Connection, responder: Connection) -> None:
    (row,) = run(responder, "SELECT * FROM triage.claim()")
    number = row["conversation_id"]
    assert row["claimed_by"] == "ana"
    run(responder, "SELECT triage.renew(%s, '1 hour')", number)
    run(responder, "SELECT triage.release(%s)", number)
    run(responder, "SELECT triage.relabel(%s, 'product_defect')", number)
    run(responder, "SELECT triage.snooze(%s, now() + interval '1 hour')", number)
    run(responder, "SELECT triage.answer(%s, 'by phone')", number)
    (second,) = run(responder, "SELECT * FROM triage.claim()")
    run(responder, "SELECT triage.dismiss(%s, 'spam')", second["conversation_id"])
    verbs = ["claim", "renew", "release", "relabel", "snooze", "answer", "claim", "dismiss"]
    assert audited(inbox) == [(verb, "ana") for verb in verbs]
    assert one(inbox, "SELECT count(*) AS n FROM triage.unanswered_queue") == 1
    assert one(inbox, "SELECT decider FROM triage.classification WHERE decided_by = 'human'") == "ana"
    care.audit(inbox)


def test_a_responder_reads_the_queue_and_the_ledger(responder: Connection) -> None:
    assert len(run(responder, "SELECT * FROM triage.unanswered_queue")) == 3
    assert run(responder, "SELECT collected, waiting FROM triage.ledger") == [{"collected": 3, "waiting": 3}]
    assert run(responder, "SELECT key FROM triage.topic")


REFUSED = [
    "SELECT text FROM triage.message",
    "SELECT * FROM triage.classification",
    "SELECT * FROM triage.cursor",
    "SELECT * FROM triage.quarantine",
    "SELECT * FROM triage.conversation",
    "SELECT * FROM triage.audit",
    "SELECT * FROM triage.label_outbox",
    "SELECT * FROM triage.account",
    "SELECT * FROM triage.unbalanced",
    "INSERT INTO triage.audit (conversation_id, verb, by) VALUES (1, 'answer', 'bob')",
    "UPDATE triage.audit SET by = 'bob'",
    "DELETE FROM triage.audit",
    "UPDATE triage.unanswered_queue SET claimed_by = 'ana', lease_until = 'infinity'",
    "DELETE FROM triage.unanswered_queue",
    "UPDATE triage.topic SET severity = 4",
    "TRUNCATE triage.unanswered_queue",
    "SELECT triage.refresh(ARRAY[1])",
    "SELECT triage.settle(1, 'answered', 'answer', 'by phone')",
    "SELECT triage.hold(1)",
    "SELECT * FROM triage.judge(ARRAY[1])",
    "SET ROLE triage_owner",
    "SET ROLE triage_pipeline",
    "SET SESSION AUTHORIZATION postgres",
    "GRANT triage_owner TO ana",
    "ALTER TABLE triage.unanswered_queue OWNER TO ana",
    "CREATE TABLE triage.mine (id int)",
    "CREATE FUNCTION triage.actor() RETURNS text LANGUAGE sql AS 'SELECT ''bob'''",
    "CREATE OR REPLACE FUNCTION triage.actor() RETURNS text LANGUAGE sql AS 'SELECT ''bob'''",
    "ALTER FUNCTION triage.claim SECURITY INVOKER",
    "CREATE TABLE public.mine (id int)",
    "DROP TABLE triage.unanswered_queue",
    "CREATE ROLE bob LOGIN",
    "COPY triage.unanswered_queue TO PROGRAM 'cat'",
    "SELECT pg_read_file('PG_VERSION')",
]


def allowed(session: Connection, statements: list[str]) -> list[str]:
    """Those of the statements that the database did not refuse for want of a right."""
    passed = []
    for sql in statements:
        try:
            run(session, sql)
        except errors.InsufficientPrivilege:
            continue
        passed.append(sql)
    return passed


def test_a_responder_is_refused_everything_else(responder: Connection) -> None:
    assert allowed(responder, REFUSED) == []


def test_a_responder_cannot_act_under_another_name(inbox: Connection, responder: Connection) -> None:
    run(responder, "SET triage.acting_for = 'bob'")
    run(responder, "SELECT * FROM triage.claim()")
    assert audited(inbox) == [("claim", "ana")]


def test_a_responders_own_objects_do_not_mislead_the_functions(
    inbox: Connection, responder: Connection
) -> None:
    run(responder, "CREATE TEMP TABLE unanswered_queue (conversation_id bigint)")
    run(responder, "CREATE FUNCTION pg_temp.actor() RETURNS text LANGUAGE sql AS 'SELECT ''bob'''")
    run(responder, "SET search_path = pg_temp, triage")
    run(responder, "SELECT * FROM triage.claim()")
    assert audited(inbox) == [("claim", "ana")]


WRONG_CALLS = [
    ("SELECT triage.answer(%s, ' ')", "TR004", "say where you answered"),
    ("SELECT triage.dismiss(%s, NULL)", "TR004", "a dismissal needs a reason"),
    ("SELECT triage.snooze(%s, now() - interval '1 minute')", "TR004", "a time that lies ahead"),
    ("SELECT triage.snooze(%s, NULL)", "TR004", "a time that lies ahead"),
    ("SELECT triage.relabel(%s, 'nonsense')", "TR004", "there is no topic nonsense; choose one of billing"),
    ("SELECT triage.relabel(%s, 'unsure')", "TR004", "there is no topic unsure"),
    ("SELECT triage.renew(%s)", "TR003", "not claimed by you; claim it first"),
    ("SELECT triage.release(%s + 1000)", "TR002", "there is no conversation 1001"),
]


def test_a_wrong_call_says_the_mend(responder: Connection) -> None:
    for sql, code, text in WRONG_CALLS:
        with pytest.raises(psycopg2.Error, match=text) as caught:
            run(responder, sql, 1)
        assert caught.value.pgcode == code


def test_another_ones_lease_is_respected_until_it_ends(
    inbox: Connection, responder: Connection, login: Login
) -> None:
    (row,) = run(responder, "SELECT * FROM triage.claim()")
    number = row["conversation_id"]
    with closing(psycopg2.connect(login("triage_responder", name="bob"))) as bob:
        bob.autocommit = True
        for call in (
            "release(%s)",
            "answer(%s, 'by phone')",
            "dismiss(%s, 'spam')",
            "relabel(%s, 'billing')",
        ):
            with pytest.raises(psycopg2.Error, match=f"conversation {number} is with ana until") as caught:
                run(bob, f"SELECT triage.{call}", number)
            assert caught.value.pgcode == "TR003"
        taken = run(bob, "SELECT conversation_id FROM triage.claim(10)")
        assert number not in [r["conversation_id"] for r in taken]
        assert len(taken) == 2
        with db.transaction(inbox):
            db.execute(
                inbox,
                "UPDATE triage.unanswered_queue SET lease_until = now() WHERE conversation_id = %s",
                (number,),
            )
        assert [r["conversation_id"] for r in run(bob, "SELECT * FROM triage.claim(10)")] == [number]
        run(bob, "SELECT triage.answer(%s, 'by phone')", number)
    with pytest.raises(psycopg2.Error, match="no longer waits: it was answered or dismissed"):
        run(responder, "SELECT triage.answer(%s, 'by phone')", number)


def test_claims_follow_the_queue_and_its_filters(inbox: Connection, responder: Connection) -> None:
    with db.transaction(inbox):
        ids = [r["id"] for r in db.rows(inbox, "SELECT id FROM triage.message ORDER BY id")]
        pairs = [
            (ids[0], decision("delivery")),
            (ids[1], decision("safety_injury")),
            (ids[2], decision("delivery", lang="fr")),
        ]
        conversations.refresh(inbox, conversations.decide(inbox, pairs))
    order = [r["conversation"] for r in queue.show(inbox)]
    assert order == ["t2", "t1", "t3"]
    claimed = run(responder, "SELECT conversation FROM triage.claim(1, in_lang => 'fr')")
    assert claimed == [{"conversation": "t3"}]
    assert run(responder, "SELECT conversation FROM triage.claim(5, of_topic => 'billing')") == []
    assert run(responder, "SELECT conversation FROM triage.claim(1)") == [{"conversation": "t2"}]
    run(responder, "SELECT triage.snooze(1, now() + interval '1 hour')")
    assert run(responder, "SELECT conversation FROM triage.claim(5)") == []


def test_the_pipeline_does_its_verbs_and_acts_for_a_person(inbox: Connection, login: Login) -> None:
    with db.connect(login("triage_pipeline")) as session:
        sync_topics(session, shipped_topics())
        with db.transaction(session):
            messages.register_account(session, name="care", source="gmail", labels=True)
            assert messages.lock_account(session, "care")
            _, touched = messages.upsert(session, [message("m4", "t4", minute=4)])
            touched += messages.mark_deleted(session, "care", ["m3"], at(9))
            messages.quarantine(session, [Quarantined(key=message("bad").key, reason="no date")])
            quota.lock(session, "care")
            quota.release(session, quota.reserve(session, "care", 40))
            quota.spend(session, "care", {"messages.get": 20})
            messages.write_cursor(session, Cursor(account="care", value={"history": 2}))
            conversations.refresh(session, touched)
            found = conversations.undecided(session, limit=10)
            conversations.refresh(
                session, conversations.decide(session, [(r["id"], decision()) for r in found])
            )
            pending = labels.pending(session, "care", limit=10, patience=timedelta(0))
            labels.settle(session, [(p["message_id"], p["label"], p["wanted"]) for p in pending])
        messages.unlock_account(session, "care")
        (row,) = queue.claim(session, count=1, by="zoe")
        queue.answer(session, row["conversation_id"], by="zoe", where="by phone")
        assert replay.forget(session, since=at(0)) == 4
        assert replay.refresh_all(session) == 4
        assert care.audit(session).answered == 1
    assert audited(inbox) == [("claim", "zoe"), ("answer", "zoe")]


def test_the_pipeline_cannot_rewrite_history(inbox: Connection, login: Login) -> None:
    statements = [
        "UPDATE triage.audit SET by = 'bob'",
        "DELETE FROM triage.audit",
        "INSERT INTO triage.migration VALUES ('9999_later.sql', 'x')",
        "CREATE TABLE triage.mine (id int)",
        "TRUNCATE triage.message",
        "DROP VIEW triage.ledger",
        "SET ROLE triage_owner",
    ]
    with closing(psycopg2.connect(login("triage_pipeline"))) as session:
        session.autocommit = True
        assert allowed(session, statements) == []


def test_a_reader_only_reads(inbox: Connection, login: Login) -> None:
    with closing(psycopg2.connect(login("triage_reader"))) as session:
        session.autocommit = True
        assert len(run(session, "SELECT * FROM triage.unanswered_queue")) == 3
        assert run(session, "SELECT waiting FROM triage.ledger") == [{"waiting": 3}]
        statements = [
            "SELECT * FROM triage.claim()",
            "SELECT triage.answer(1, 'by phone')",
            "SELECT * FROM triage.message",
            "DELETE FROM triage.unanswered_queue",
        ]
        assert allowed(session, statements) == []


def test_a_stranger_reads_nothing(inbox: Connection, login: Login) -> None:
    with closing(psycopg2.connect(login("pg_monitor", name="eve"))) as session:
        session.autocommit = True
        assert (
            allowed(session, ["SELECT * FROM triage.unanswered_queue", "SELECT * FROM triage.claim()"]) == []
        )


def test_who_owns_the_schema_migrates(inbox: Connection, login: Login) -> None:
    with db.connect(login("triage_owner")) as session:
        with db.transaction(inbox):
            db.execute(inbox, "UPDATE triage.replaced SET digest = 'old'")
        assert migrate(session) == []


def test_a_refusal_reaches_python_as_a_sentence(inbox: Connection) -> None:
    queue.claim(inbox, count=1, by="zoe")
    with pytest.raises(Refused, match="conversation 1 is with zoe until"):
        queue.dismiss(inbox, 1, by="bob", reason="spam")
    queue.release(inbox, 1, by="zoe")
    queue.relabel(inbox, 1, by="bob", topic="billing")
    assert queue.show(inbox, topic="billing")[0]["conversation_id"] == 1
