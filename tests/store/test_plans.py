"""Every question that is asked often finds its answer by an index, whatever the size of the tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import table
from triage.store import db

FILL = """
INSERT INTO triage.conversation (source, account, key)
SELECT 'gmail', 'care', 't' || i FROM generate_series(1, 5000) i;
INSERT INTO triage.message (source, account, native_id, conversation_id, direction, author, sent_at, fetched_at, text)
SELECT 'gmail', 'care', c.id || '-' || j, c.id, (CASE j WHEN 3 THEN 'outbound' ELSE 'inbound' END)::triage.direction,
       'a', timestamptz '2026-01-01' + make_interval(mins => (c.id * 7 + j)::int), now(), repeat('word ', 60)
FROM triage.conversation c, generate_series(1, 4) j WHERE j < 4 OR c.id % 10 = 0;
INSERT INTO triage.classification
    (message_id, topic, topics, intent, abstained, evidence, decided_by, stage, model, taxonomy)
SELECT id, 'delivery', '[]', 'question', false, '[]', 'model', 'fast', 'm', 't'
FROM triage.message WHERE direction = 'inbound';
UPDATE triage.message m SET decision_id = d.id FROM triage.classification d
WHERE d.message_id = m.id AND m.id % 50 <> 0;
INSERT INTO triage.quota_use (account, at, method, units)
SELECT 'care', now() - make_interval(secs => i), 'messages.get', 20 FROM generate_series(1, 5000) i;
SELECT triage.refresh(ARRAY(SELECT id FROM triage.conversation));
UPDATE triage.label_outbox SET applied = wanted WHERE message_id % 20 <> 0;
"""


@pytest.fixture
def full(connection: Connection) -> Connection:
    """A database with some 15,000 messages, analysed."""
    with db.transaction(connection):
        db.execute(connection, FILL)
    connection.autocommit = True
    db.execute(connection, "VACUUM ANALYZE")
    return connection


def plan(connection: Connection, sql: str, types: str, arguments: str) -> str:
    """The generic plan of a query, as a long-lived session would run it."""
    db.execute(connection, "SET plan_cache_mode = force_generic_plan")
    db.execute(connection, f"PREPARE asked ({types}) AS {sql}")
    lines = [next(iter(r.values())) for r in table(connection, f"EXPLAIN EXECUTE asked ({arguments})")]
    db.execute(connection, "DEALLOCATE asked")
    return "\n".join(lines)


def named(module: str, name: str) -> str:
    return db.queries(str(Path(db.__file__).parent / f"{module}.py"))[name]


def test_refreshing_walks_indexes_whatever_the_number_of_conversations(full: Connection) -> None:
    found = plan(full, "SELECT * FROM triage.judge($1)", "bigint[]", "'{1,2,3}'")
    assert "message_conversation" in found
    assert "classification_pkey" in found
    for name in ("message", "classification", "conversation"):
        assert f"Seq Scan on {name}" not in found
    (setting,) = table(full, "SELECT proconfig FROM pg_proc WHERE oid = 'triage.refresh'::regproc")
    assert setting["proconfig"] == ["plan_cache_mode=force_generic_plan", "enable_seqscan=off"]


QUESTIONS = {
    "undecided": ("conversations", ["%s"], "bigint", "10", "message_undecided"),
    "pending": (
        "labels", ["%(account)s", "%(limit)s", "%(patience)s"], "text, bigint, interval", "'care', 10, '0'",
        "label_outbox_pending",
    ),
    "used": ("quota", ["%s"], "text", "'care'", "quota_use_recent"),
    "lost_sends": ("labels", ["%s"], "text", "'care'", "label_outbox_sent"),
    "known_ids": ("messages", ["%s", "%s"], "text, text[]", "'care', '{1-1,2-1}'", "native_id_key"),
    "lock": ("conversations", ["%s"], "bigint[]", "'{1,2,3}'", "message_pkey"),
    "forget": ("conversations", ["%s"], "bigint[]", "'{1,2,3}'", "message_pkey"),
}  # fmt: skip


def test_frequent_questions_use_their_index(full: Connection) -> None:
    for name, (module, holes, types, arguments, index) in QUESTIONS.items():
        sql = named(module, name)
        for number, hole in enumerate(holes, start=1):
            sql = sql.replace(hole, f"${number}", 1 if hole == "%s" else -1)
        assert index in plan(full, sql, types, arguments), name


def test_what_waits_is_found_by_its_partial_indexes(full: Connection) -> None:
    """The event trigger of every account asks this every few seconds."""
    sql = named("arrivals", "waiting").replace("%(account)s", "$1")
    found = plan(full, sql, "text", "'care'")
    assert "message_undecided" in found
    assert "label_outbox_pending" in found
    assert "Seq Scan on message" not in found


def test_claiming_walks_only_what_is_free(full: Connection) -> None:
    """The function is made not to sort: with statistics or without."""
    (made,) = table(full, "SELECT prosrc, proconfig FROM pg_proc WHERE oid = 'triage.claim'::regproc")
    assert "enable_sort=off" in made["proconfig"]
    chosen = made["prosrc"].split("mine := ARRAY(")[2].split(");")[0]
    for name, value in (("served", "'{care}'"), ("of_topic", "NULL"), ("in_lang", "NULL")):
        chosen = chosen.replace(f"{name} IS", f"{value} IS").replace(f"({name})", f"({value})")
    chosen = (
        chosen.replace("= of_topic", "= NULL")
        .replace("= in_lang", "= NULL")
        .replace("LIMIT wanted", "LIMIT 10")
    )
    found = "\n".join(next(iter(r.values())) for r in table(full, f"EXPLAIN {chosen}"))
    assert "unanswered_queue_free" in found
    assert "Sort" not in found
