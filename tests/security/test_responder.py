"""A responder who serves one account of two, and what they try: every attempt is refused, shows nothing of the other
account and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import decision, message, one, table
from triage.cli import main
from triage.core.types import Direction
from triage.ops import access, queue
from triage.store import conversations, db, messages

SECRET = "whispered"

NO_RIGHT = "42501"
NOT_THERE = "TR002"

ATTEMPTS = {
    "read raw messages": ("SELECT text FROM triage.message", NO_RIGHT),
    "read conversations": ("SELECT * FROM triage.conversation", NO_RIGHT),
    "read what decides": ("SELECT * FROM triage.classification", NO_RIGHT),
    "read who serves whom": ("SELECT * FROM triage.access", NO_RIGHT),
    "read the cursors of the sources": ("SELECT * FROM triage.cursor", NO_RIGHT),
    "read the quota ledger": ("SELECT * FROM triage.quota_use", NO_RIGHT),
    "read corrections": ("SELECT * FROM triage.correction", NO_RIGHT),
    "read quarantined mail": ("SELECT raw FROM triage.quarantine", NO_RIGHT),
    "read what colleagues were told": ("SELECT text FROM triage.notice", NO_RIGHT),
    "read the audit log past its function": ("SELECT * FROM triage.audit", NO_RIGHT),
    "read replies of others": ("SELECT text FROM triage.reply", NO_RIGHT),
    "read each one's waiting time of all": ("SELECT * FROM triage.spell", NO_RIGHT),
    "the history of another account, by id": ("SELECT * FROM triage.history({other})", None),
    "what was done on another account, by id": ("SELECT * FROM triage.deeds({other})", None),
    "the queue of another account": ("SELECT * FROM triage.unanswered_queue WHERE account = 'volmera_x'", None),
    "answers given on another account": ("SELECT * FROM triage.answered WHERE account = 'volmera_x'", None),
    "today's answers on another account": ("SELECT * FROM triage.answered_today WHERE source = 'x'", None),
    "response times of another account": ("SELECT * FROM triage.response_times WHERE source = 'x'", None),
    "the backlog of another account": ("SELECT * FROM triage.backlog WHERE source = 'x'", None),
    "the planner's samples of the queue": (
        "SELECT most_common_vals FROM pg_stats WHERE tablename = 'unanswered_queue'", None),
    "what others send just now": (
        "SELECT query FROM pg_stat_activity WHERE usename <> user AND query <> '<insufficient privilege>'", None),
    "switch row security off": ("SET row_security = off; SELECT * FROM triage.unanswered_queue", NO_RIGHT),
    "disable row security": ("ALTER TABLE triage.unanswered_queue DISABLE ROW LEVEL SECURITY", NO_RIGHT),
    "drop the policy": ("DROP POLICY served ON triage.unanswered_queue", NO_RIGHT),
    "a policy of one's own": ("CREATE POLICY mine ON triage.unanswered_queue USING (true)", NO_RIGHT),
    "answer on another account": ("SELECT triage.answer({other}, 'by phone')", NOT_THERE),
    "dismiss on another account": ("SELECT triage.dismiss({other}, 'spam')", NOT_THERE),
    "relabel on another account": ("SELECT triage.relabel({other}, 'billing')", NOT_THERE),
    "snooze on another account": ("SELECT triage.snooze({other}, now() + interval '1 hour')", NOT_THERE),
    "release on another account": ("SELECT triage.release({other})", NOT_THERE),
    "renew on another account": ("SELECT triage.renew({other})", NOT_THERE),
    "take one of another account": ("SELECT triage.take({other})", NOT_THERE),
    "note on another account": ("SELECT triage.note({other}, 'seen')", NOT_THERE),
    "reply on another account": ("SELECT triage.reply({other}, 'Hello')", NOT_THERE),
    "what is written on another account": ("SELECT * FROM triage.replies WHERE account = 'volmera_x'", None),
    "take back a reply of another account": (
        "SELECT triage.withdraw((SELECT max(id) FROM triage.replies WHERE account = 'volmera_x'))", "TR002"),
    "send again what another account wrote": ("SELECT triage.resend(1)", "TR002"),
    "say that a reply went out": ("SELECT triage.reply_sent(1, 'n', 'u')", NO_RIGHT),
    "hand a reply over past the sender": ("SELECT triage.start_reply(1, 0)", NO_RIGHT),
    "put somebody aside for ever": ("SELECT triage.snooze({own}, 'infinity')", "TR004"),
    "grant oneself the account": ("INSERT INTO triage.access VALUES ('volmera_x', 'ana')", NO_RIGHT),
    "open the account to all": ("DELETE FROM triage.access", NO_RIGHT),
    "write the queue": ("UPDATE triage.unanswered_queue SET claimed_by = NULL, lease_until = NULL", NO_RIGHT),
    "empty the queue": ("TRUNCATE triage.unanswered_queue", NO_RIGHT),
    "lock the queue against the pipeline": ("SELECT * FROM triage.unanswered_queue FOR UPDATE", NO_RIGHT),
    "write the audit log": (
        "INSERT INTO triage.audit (conversation_id, verb, by) VALUES (1, 'answer', 'bob')", NO_RIGHT),
    "rewrite the audit log": ("UPDATE triage.audit SET by = 'bob'", NO_RIGHT),
    "write a reply past its function": (
        "INSERT INTO triage.reply (conversation_id, to_message, key, text, by) "
        "VALUES ({own}, 1, 'k', 't', 'ana')", NO_RIGHT),
    "change the calendar": ("DELETE FROM triage.open_hours", NO_RIGHT),
    "change what is grave": ("UPDATE triage.topic SET severity = 4", NO_RIGHT),
    "drop a table": ("DROP TABLE triage.message CASCADE", NO_RIGHT),
    "make a table": ("CREATE TABLE triage.mine (id int)", NO_RIGHT),
    "make a function": ("CREATE FUNCTION triage.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", NO_RIGHT),
    "replace a function": (
        "CREATE OR REPLACE FUNCTION triage.my_accounts() RETURNS text[] LANGUAGE sql "
        "AS $$SELECT ARRAY['volmera_x']$$", NO_RIGHT),
    "a function that runs as another": ("ALTER FUNCTION triage.claim OWNER TO ana", NO_RIGHT),
    "become the owner": ("SET ROLE triage_owner", NO_RIGHT),
    "become the pipeline": ("SET ROLE triage_pipeline", NO_RIGHT),
    "become another login": ("SET SESSION AUTHORIZATION postgres", NO_RIGHT),
    "join the team of the other account": ("GRANT press TO ana", NO_RIGHT),
    "call what only the pipeline calls": ("SELECT triage.refresh(ARRAY[{other}])", NO_RIGHT),
    "settle past the checks": ("SELECT triage.settle({other}, 'answered', 'answer', 'x')", NO_RIGHT),
    "teach past the checks": ("SELECT triage.teach(ARRAY[1], 'billing', 'queue')", NO_RIGHT),
    "speak for a mailbox": ("SELECT triage.dismiss_by_label({other}, 'bob', ARRAY[1])", NO_RIGHT),
    "read a file of the server": ("SELECT pg_read_file('PG_VERSION')", NO_RIGHT),
    "run a program on the server": ("COPY (SELECT 1) TO PROGRAM 'cat'", NO_RIGHT),
}  # fmt: skip
"""What is tried, and the SQLSTATE that refuses it; None: it runs, and there is nothing in it."""

INJECTIONS = [
    "x'); DELETE FROM triage.audit; --",
    "' || (SELECT text FROM triage.message LIMIT 1) || '",
    "$$; DROP TABLE triage.message; $$",
    "{0} %s %(id)s %n",
    "\\'; SELECT pg_sleep(60); --",
]


@pytest.fixture
def inbox(connection: Connection) -> Connection:
    """Two conversations on each account; of each account one waits and one was answered."""
    page = [
        message(f"{account}-{n}", f"{account}-{n}", account=account, text=f"{text} {n}", author_name=text, minute=n)
        for account, text in (("care", "spoken"), ("volmera_x", SECRET))
        for n in (1, 2)
    ]  # fmt: skip
    page += [
        message(f"{m.conversation}-r", m.conversation, account=m.key.account, direction=Direction.OUTBOUND, minute=9)
        for m in page if m.conversation.endswith("2")
    ]  # fmt: skip
    with db.transaction(connection):
        _, touched = messages.upsert(connection, page)
        conversations.refresh(connection, touched)
        found = conversations.undecided(connection, limit=10)
        conversations.refresh(
            connection, conversations.decide(connection, [(r["id"], decision()) for r in found])
        )
    return connection


@pytest.fixture
def ana(inbox: Connection, login: Callable[..., str]) -> Iterator[Connection]:
    """The session of a responder; volmera_x is served by the team `press`, to which she does not belong."""
    login("triage_responder", name="press")
    access.grant(inbox, "volmera_x", "press")
    with closing(psycopg2.connect(login("triage_responder", name="ana"))) as session:
        session.autocommit = True
        yield session


def waiting(inbox: Connection, account: str) -> int:
    asked = "SELECT conversation_id FROM triage.unanswered_queue WHERE account = %s"
    return int(one(inbox, asked, account))


def everything(inbox: Connection) -> dict[str, object]:
    """All tables of the schema, as one digest each."""
    names = table(inbox, "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'triage'")
    sql = "SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) AS digest FROM triage.{} t"
    return {r["name"]: one(inbox, sql.format(r["name"])) for r in names}


def test_every_attempt_is_refused_or_empty_and_changes_nothing(inbox: Connection, ana: Connection) -> None:
    own, other = waiting(inbox, "care"), waiting(inbox, "volmera_x")
    with db.transaction(inbox):
        db.execute(inbox, "ANALYZE")
    before, went_wrong = everything(inbox), {}
    for what, (sql, code) in ATTEMPTS.items():
        asked = sql.format(own=own, other=other)
        try:
            given = db.rows(ana, asked)
        except psycopg2.Error as error:
            outcome, given = error.pgcode, []
        else:
            outcome = None
        finally:
            db.execute(ana, "RESET row_security")
        if outcome != code or given:
            went_wrong[what] = (outcome, given)
    assert went_wrong == {}
    assert everything(inbox) == before
    assert len(ATTEMPTS) >= 25


def test_she_reads_her_own_account_whole(inbox: Connection, ana: Connection) -> None:
    for view in ("unanswered_queue", "answered"):
        assert [r["account"] for r in db.rows(ana, f"SELECT account FROM triage.{view}")] == ["care"]
    for view in ("backlog", "response_times"):
        assert [r["source"] for r in db.rows(ana, f"SELECT source FROM triage.{view}")] == ["gmail"]
    own = waiting(inbox, "care")
    assert [r["text"] for r in db.rows(ana, "SELECT text FROM triage.history(%s)", (own,))] == ["spoken 1"]
    assert [r["account"] for r in db.rows(ana, "SELECT account FROM triage.claim(500)")] == ["care"]


VIEWS = {
    "unanswered_queue": "account",
    "answered": "account",
    "answered_today": "account",
    "response_times": "source",
    "backlog": "source",
}


def test_a_function_of_hers_sees_no_row_before_the_accounts_are_chosen(ana: Connection) -> None:
    db.execute(
        ana,
        "CREATE FUNCTION pg_temp.overhear(text) RETURNS boolean LANGUAGE plpgsql STABLE COST 0.0000001 AS "
        "$$ BEGIN RAISE NOTICE 'heard: %', $1; RETURN true; END $$",
    )
    ana.notices.clear()
    for view, column in VIEWS.items():
        db.rows(ana, f"SELECT * FROM triage.{view} WHERE pg_temp.overhear({column})")
    heard = "".join(ana.notices)
    assert "heard: gmail" in heard
    assert "heard: care" in heard
    assert "heard: x" not in heard
    assert "heard: volmera_x" not in heard


@pytest.mark.parametrize("payload", INJECTIONS)
def test_words_are_words(inbox: Connection, ana: Connection, payload: str) -> None:
    own = waiting(inbox, "care")
    before = everything(inbox)
    db.execute(ana, "SELECT triage.note(%s, %s)", (own, payload))
    (noted,) = table(inbox, "SELECT verb, by, reason FROM triage.audit WHERE verb = 'note'")
    assert (noted["by"], noted["reason"]) == ("ana", payload)
    assert db.rows(ana, "SELECT * FROM triage.claim(1, %s, %s)", (payload, payload)) == []
    with pytest.raises(psycopg2.Error, match="there is no topic") as caught:
        db.execute(ana, "SELECT triage.relabel(%s, %s)", (own, payload))
    assert caught.value.pgcode == "TR004"
    db.execute(ana, "SELECT set_config('triage.acting_for', %s, false)", (payload,))
    assert db.rows(ana, "SELECT triage.actor() AS who") == [{"who": "ana"}]
    assert queue.page(inbox, queue.Wanted(topic=payload, lang=payload, words=payload)) == []
    assert {name for name, now in everything(inbox).items() if now != before[name]} == {"audit"}


def test_the_command_grants_lists_and_revokes(
    inbox: Connection, login: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    dsn = login("triage_responder", name="berta")
    own = ["--dsn", _address(inbox)]
    assert main(["access", "grant", "volmera_x", "berta", *own]) == 0
    assert "serves volmera_x" in capsys.readouterr().out
    assert main(["access", "list", *own]) == 0
    shown = capsys.readouterr().out
    assert "volmera_x  berta (1 login)" in shown
    assert "care       every responder" in shown
    with closing(psycopg2.connect(dsn)) as session:
        assert len(db.rows(session, "SELECT * FROM triage.unanswered_queue")) == 2
    assert main(["access", "revoke", "volmera_x", "berta", *own]) == 2
    assert "every responder serves the account" in capsys.readouterr().err
    with closing(psycopg2.connect(_address(inbox))) as session:
        assert db.rows(session, "SELECT role FROM triage.access") == [{"role": "berta"}]
    assert main(["access", "revoke", "volmera_x", "berta", "--yes", *own]) == 0
    assert "every responder serves volmera_x now" in capsys.readouterr().out


def test_the_command_says_what_is_wrong(inbox: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    own = ["--dsn", _address(inbox)]
    assert main(["access", "grant", "volmera_x", "nobody_there", *own]) == 2
    assert "there is no database role 'nobody_there'; make it with CREATE ROLE" in capsys.readouterr().err
    assert main(["access", "grant", "elsewhere", "triage_responder", *own]) == 2
    assert "the database knows no account 'elsewhere'" in capsys.readouterr().err
    assert main(["access", "revoke", "care", "triage_responder", *own]) == 1
    assert "triage_responder did not serve care" in capsys.readouterr().out


def test_a_role_without_people_is_told(inbox: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    """An account that only such a role serves is seen by no responder at all."""
    access.grant(inbox, "care", "pg_monitor")
    assert main(["access", "list", "--dsn", _address(inbox)]) == 1
    assert "care       pg_monitor (0 logins: nobody sees this account)" in capsys.readouterr().out


def _address(connection: Connection) -> str:
    told = connection.info
    return f"postgresql://{told.user}:{told.password}@{told.host}:{told.port}/{told.dbname}"
