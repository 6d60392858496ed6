"""Doing it twice changes nothing; what a human decided stays; what was never sent cancels out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from psycopg2.extensions import connection as Connection

from tests.builders import at, decision, message, one, table
from triage.core.types import Classification, Direction, Intent, Message, Quarantined
from triage.ops import care, queue, replay
from triage.store import conversations, db, labels, messages

NOW = timedelta(0)
"""Nothing may wait."""

TABLES = ("conversation", "message", "classification", "unanswered_queue", "label_outbox", "audit")


def versions(connection: Connection) -> list[object]:
    """Every row with the transaction that wrote it: equal before and after means that nothing was written."""
    return [
        table(connection, f"SELECT xmin::text, t.* FROM triage.{name} t ORDER BY 2, 3, 4") for name in TABLES
    ]


def store(connection: Connection, *page: Message) -> tuple[list[int], list[int]]:
    with db.transaction(connection):
        new, touched = messages.upsert(connection, page)
        conversations.refresh(connection, touched)
    return new, touched


def decide(connection: Connection, pairs: Sequence[tuple[int, Classification]]) -> list[int]:
    with db.transaction(connection):
        touched = conversations.decide(connection, pairs)
        conversations.refresh(connection, touched)
    return touched


def in_force(connection: Connection, message_id: int = 1) -> str:
    sql = "SELECT d.topic FROM triage.message m JOIN triage.classification d ON d.id = m.decision_id WHERE m.id = %s"
    return str(one(connection, sql, message_id))


def test_storing_a_page_twice_changes_nothing(connection: Connection) -> None:
    page = (message("m1", "t1"), message("m2", "t1", minute=5), message("m3", "t2"))
    new, touched = store(connection, *page)
    assert (len(new), len(touched)) == (3, 2)
    before = versions(connection)
    assert store(connection, *page, page[0]) == ([], [])
    replay.refresh_all(connection)
    assert versions(connection) == before


def test_a_message_is_kept_as_first_read(connection: Connection) -> None:
    store(connection, message("m1", text="first"))
    store(connection, message("m1", text="second", direction=Direction.OUTBOUND))
    assert one(connection, "SELECT text FROM triage.message") == "first"


def test_the_same_native_id_in_two_accounts_is_two_messages(connection: Connection) -> None:
    new, touched = store(connection, message("m1"), message("m1", account="volmera_x"))
    assert (len(new), len(touched)) == (2, 2)


def test_text_that_postgres_cannot_hold_is_cleaned(connection: Connection) -> None:
    odd = "a\x00b\ud800c"
    page = message(
        "m\x001", "t\x001", author=odd, author_name=odd, subject=odd, text=odd, url=odd, labels=(odd,), reply_to=odd,
        automatic_reason=odd, extra={"header\x00": [odd, {"deep": odd}, 1, None]},
    )  # fmt: skip
    new, _ = store(connection, page)
    assert len(new) == 1
    (row,) = table(connection, "SELECT * FROM triage.message")
    assert {row[name] for name in ("author", "subject", "text", "url", "reply_to")} == {"ab?c"}
    assert row["extra"] == {"header": ["ab?c", {"deep": "ab?c"}, 1, None]}
    assert store(connection, page) == ([], [])


def test_deciding_twice_changes_nothing(connection: Connection) -> None:
    new, _ = store(connection, message("m1"))
    assert decide(connection, [(new[0], decision("delivery"))]) == [1]
    before = versions(connection)
    assert decide(connection, [(new[0], decision("delivery"))]) == []
    assert decide(connection, [(new[0], decision("billing"))]) == [], "one decision per model and taxonomy"
    assert versions(connection) == before


def test_a_human_decision_wins_over_later_machines(connection: Connection) -> None:
    new, _ = store(connection, message("m1"))
    decide(connection, [(new[0], decision("delivery", intent=Intent.PRESS))])
    queue.relabel(connection, 1, by="ana", topic="billing")
    decide(connection, [(new[0], decision("safety_injury", model="m2"))])
    assert in_force(connection) == "billing"
    assert replay.forget(connection, since=at(0)) == 0
    with db.transaction(connection):
        assert conversations.outdated(connection, model="m1", taxonomy="t9") == 0
    queue.relabel(connection, 1, by="bob", topic="delivery")
    assert in_force(connection) == "delivery"
    assert queue.show(connection)[0]["intent"] == "press", "a corrected topic keeps the intent"


def test_a_taxonomy_that_comes_back_puts_its_decisions_in_force_again(connection: Connection) -> None:
    new, _ = store(connection, message("m1"))
    for taxonomy, topic in (("t1", "delivery"), ("t2", "billing"), ("t1", "delivery")):
        with db.transaction(connection):
            conversations.outdated(connection, model="m1", taxonomy=taxonomy)
            found = conversations.undecided(connection, limit=10)
        assert [r["id"] for r in found] == new
        decide(connection, [(new[0], decision(topic, taxonomy=taxonomy))])
        assert in_force(connection) == topic
        assert queue.show(connection)[0]["topic"] == topic
    assert one(connection, "SELECT count(*) AS n FROM triage.classification") == 2


def test_only_waiting_messages_are_outdated(connection: Connection) -> None:
    new, _ = store(connection, message("m1", "t1"), message("m2", "t2"))
    decide(connection, [(number, decision()) for number in new])
    store(connection, message("r1", "t1", minute=9, direction=Direction.OUTBOUND))
    with db.transaction(connection):
        assert conversations.outdated(connection, model="m1", taxonomy="t2") == 1


def test_replay_forgets_machines_of_one_account_since_a_moment(connection: Connection) -> None:
    new, _ = store(
        connection,
        message("m1", "t1"),
        message("m2", "t2", minute=9),
        message("m3", "t3", minute=9, account="volmera_x"),
    )
    decide(connection, [(number, decision()) for number in new])
    assert replay.forget(connection, since=at(5), account="care") == 1
    assert replay.forget(connection, since=at(5)) == 1
    before = one(connection, "SELECT count(*) AS n FROM triage.classification")
    decide(connection, [(number, decision()) for number in new])
    assert one(connection, "SELECT count(*) AS n FROM triage.classification") == before
    assert one(connection, "SELECT count(*) AS n FROM triage.message WHERE decision_id IS NULL") == 0


def test_quarantine_counts_attempts_and_lets_go(connection: Connection) -> None:
    bad = Quarantined(key=message("m1").key, reason="no \x00date", raw="\ud800")
    for attempt in (1, 2):
        with db.transaction(connection):
            messages.quarantine(connection, [bad, bad])
        (row,) = table(connection, "SELECT * FROM triage.quarantine")
        assert (row["attempts"], row["reason"], row["raw"]) == (attempt, "no date", "?")
    assert care.audit(connection).quarantined == 1
    store(connection, message("m1"))
    assert care.audit(connection).quarantined == 0


def pending(connection: Connection) -> set[tuple[str, str, bool]]:
    with db.transaction(connection):
        found = labels.pending(connection, "care", limit=100, patience=NOW)
    return {(r["native_id"], r["label"], r["wanted"]) for r in found}


def test_labels_that_were_never_sent_cancel_out(connection: Connection) -> None:
    new, _ = store(connection, message("m1"))
    assert pending(connection) == {("m1", "unanswered", True)}, "unsure says nothing to the inbox owner"
    decide(connection, [(new[0], decision("delivery"))])
    assert pending(connection) == {("m1", "unanswered", True), ("m1", "delivery", True)}
    queue.relabel(connection, 1, by="ana", topic="billing")
    assert pending(connection) == {("m1", "unanswered", True), ("m1", "billing", True)}
    store(connection, message("r1", minute=9, direction=Direction.OUTBOUND))
    assert pending(connection) == {("m1", "billing", True)}, "the topic stays to be found, nothing waits"


def test_an_answer_before_the_first_decision_leaves_nothing_to_send(connection: Connection) -> None:
    store(connection, message("m1"))
    store(connection, message("r1", minute=9, direction=Direction.OUTBOUND))
    assert pending(connection) == set()


def test_labels_that_were_sent_are_taken_back(connection: Connection) -> None:
    new, _ = store(connection, message("m1"))
    decide(connection, [(new[0], decision("delivery"))])
    with db.transaction(connection):
        sent = labels.pending(connection, "care", limit=100, patience=NOW)
        labels.settle(connection, [(r["message_id"], r["label"], r["wanted"]) for r in sent])
        assert labels.applied_counts(connection, "care") == {"delivery": 1, "unanswered": 1}
    assert pending(connection) == set()
    queue.relabel(connection, 1, by="ana", topic="not_crisis")
    assert pending(connection) == {("m1", "delivery", False)}
    store(connection, message("r1", minute=9, direction=Direction.OUTBOUND))
    assert pending(connection) == {("m1", "delivery", False), ("m1", "unanswered", False)}
    store(connection, message("m2", minute=12))
    assert pending(connection) == {
        ("m1", "delivery", False), ("m1", "unanswered", False), ("m2", "unanswered", True),
    }  # fmt: skip


def test_a_source_without_labels_has_no_outbox(connection: Connection) -> None:
    store(connection, message("m1", account="volmera_x"))
    assert one(connection, "SELECT count(*) AS n FROM triage.label_outbox") == 0


def test_deleted_and_restored_at_the_source(connection: Connection) -> None:
    store(connection, message("m1"))
    for verb, waiting in ((True, 0), (False, 1), (True, 0)):
        with db.transaction(connection):
            if verb:
                touched = messages.mark_deleted(connection, "care", ["m1", "never-seen"], at(9))
            else:
                touched = messages.mark_restored(connection, "care", ["m1"])
            conversations.refresh(connection, touched)
        assert touched == [1]
        assert care.audit(connection).waiting == waiting
    with db.transaction(connection):
        assert messages.mark_deleted(connection, "care", ["m1"], at(10)) == []
        assert messages.mark_deleted(connection, "volmera_x", ["m1"], at(10)) == []


def test_the_queue_row_shows_the_latest_message_even_when_the_words_are_the_same(
    connection: Connection,
) -> None:
    first = message("m1", text="???", author="a@example.org", subject="Hello")
    store(connection, first)
    later = message("m2", text="???", author="b@example.org", subject="Hello", minute=1)
    store(connection, later)
    store(connection, replace(later, key=message("m3").key, sent_at=at(2), author="c@example.org"))
    (row,) = queue.show(connection)
    assert (row["author"], row["messages"], row["waiting_since"]) == ("c@example.org", 3, at(0))
    with db.transaction(connection):
        touched = messages.mark_deleted(connection, "care", ["m3"], at(9))
        touched += store(
            connection, message("m4", text="???", author="d@example.org", subject="Hello", minute=3)
        )[1]
        conversations.refresh(connection, touched)
    assert queue.show(connection)[0]["author"] == "d@example.org"
