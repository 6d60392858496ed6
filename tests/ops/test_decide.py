"""Classifying what was collected, replaying it, and the watch over the promise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import at, decision, message, one, shipped_topics, table
from tests.ops.kit import ByWord, Shelf
from triage.config import Topics
from triage.core.errors import Fatal
from triage.core.types import Classification, Direction, Message
from triage.ops import care, queue, replay
from triage.ops.classify import classify, sync_topics
from triage.ops.collect import collect
from triage.store import db
from triage.store.migrate import migrate

TOPICS = shipped_topics()


def gather(connection: Connection, *page: Message) -> None:
    with db.transaction(connection):
        db.execute(connection, "DELETE FROM triage.cursor")
    collect(connection, Shelf(page), "care")


def topics_with(**changes: object) -> Topics:
    """topics.yaml with another severity or target of delivery."""
    changed = TOPICS.topics["delivery"].model_copy(update=changes)
    return TOPICS.model_copy(update={"topics": {**TOPICS.topics, "delivery": changed}})


def test_every_inbound_message_is_decided_once_and_in_batches(connection: Connection) -> None:
    gather(
        connection,
        *(message(f"m{i}", f"t{i}", minute=i, text="delivery is late", subject="Late") for i in range(5)),
        message("m5", "t5", text="unsure what"),
        message("r1", "t1", minute=9, direction=Direction.OUTBOUND),
        message("a1", "t2", minute=9, direction=Direction.AUTOMATIC),
    )
    reader = ByWord()
    report = classify(connection, reader, TOPICS, batch=2)
    assert (report.read, report.kept, report.skipped, report.notes) == (6, 6, 1, ["1 unsure"])
    assert reader.seen[0] == ("Late", "delivery is late", "en")
    assert {r["topic"] for r in queue.show(connection)} == {"delivery", "unsure"}
    again = classify(connection, reader, TOPICS)
    assert (again.read, len(reader.seen)) == (0, 6)


def test_the_queue_is_refreshed_with_the_decision(connection: Connection) -> None:
    gather(connection, message("m1", text="tampering with the jar"))
    assert queue.show(connection)[0]["topic"] == "unsure"
    classify(connection, ByWord(), TOPICS)
    (row,) = queue.show(connection)
    assert (row["topic"], row["priority"], row["due_at"]) == ("tampering", 1, at(15))


def test_a_failing_classifier_keeps_the_batches_before(connection: Connection) -> None:
    class Tired(ByWord):
        """Gives up at the third message."""

        def classify(self, items: Sequence[tuple[str, str, str]]) -> list[Classification]:
            if len(self.seen) == 2:
                raise MemoryError
            return super().classify(items)

    gather(connection, *(message(f"m{i}", f"t{i}", text="delivery is late") for i in range(5)))
    with pytest.raises(MemoryError):
        classify(connection, Tired(), TOPICS, batch=2)
    assert one(connection, "SELECT count(decision_id) AS n FROM triage.message") == 2
    assert care.audit(connection).waiting == 5
    assert classify(connection, ByWord(), TOPICS).kept == 3


def test_a_responder_need_not_wait_while_the_classifier_thinks(connection: Connection, dsn: str) -> None:
    class Interrupted(ByWord):
        """While it reads, a responder corrects the message."""

        def classify(self, items: Sequence[tuple[str, str, str]]) -> list[Classification]:
            with db.connect(dsn) as other:
                with db.transaction(other):
                    db.execute(other, "SET lock_timeout = '2s'")
                queue.relabel(other, 1, by="ana", topic="billing")
            return super().classify(items)

    gather(connection, message("m1", text="delivery is late"))
    classify(connection, Interrupted(), TOPICS)
    assert queue.show(connection)[0]["topic"] == "billing"


def test_waiting_messages_are_decided_anew_under_changed_topics(connection: Connection) -> None:
    gather(
        connection, message("m1", "t1", text="delivery is late"), message("m2", "t2", text="billing is wrong")
    )
    classify(connection, ByWord(), TOPICS)
    gather(connection, message("r2", "t2", minute=9, direction=Direction.OUTBOUND))
    report = classify(connection, ByWord(taxonomy="t2"), TOPICS)
    assert report.notes == ["1 waiting messages are decided anew: topics or model changed", "0 unsure"]
    assert one(connection, "SELECT count(*) AS n FROM triage.classification WHERE taxonomy = 't2'") == 1


def test_a_changed_severity_or_target_shows_in_the_queue_at_once(connection: Connection) -> None:
    gather(connection, message("m1", text="delivery is late"))
    classify(connection, ByWord(), TOPICS)
    assert (queue.show(connection)[0]["priority"], queue.show(connection)[0]["due_at"]) == (3, at(240))
    sync_topics(connection, topics_with(severity=1, target=timedelta(minutes=10)))
    assert (queue.show(connection)[0]["priority"], queue.show(connection)[0]["due_at"]) == (1, at(10))
    before = table(connection, "SELECT xmin::text FROM triage.unanswered_queue")
    sync_topics(connection, topics_with(severity=1, target=timedelta(minutes=10)))
    assert table(connection, "SELECT xmin::text FROM triage.unanswered_queue") == before


def test_what_was_collected_before_any_topics_are_known_is_queued(empty_dsn: str) -> None:
    with db.connect(empty_dsn) as fresh:
        migrate(fresh)
        collect(fresh, Shelf((message("m1"),)), "care")
        assert queue.show(fresh)[0]["topic"] == "unsure"
        assert care.audit(fresh).waiting == 1


def test_replay_decides_and_refreshes_again(connection: Connection) -> None:
    gather(connection, message("m1", text="delivery is late"))
    classify(connection, ByWord(), TOPICS)
    assert replay.forget(connection, since=at(0)) == 1
    reader = ByWord(model="m2")
    classify(connection, reader, TOPICS)
    assert len(reader.seen) == 1
    with db.transaction(connection):
        db.execute(connection, "DELETE FROM triage.unanswered_queue")
        db.execute(
            connection, "UPDATE triage.conversation SET state = 'answered', waiting_since = NULL, kind = NULL"
        )
    assert replay.refresh_all(connection, batch=1) == 1
    assert queue.show(connection)[0]["topic"] == "delivery"
    care.audit(connection)


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        ("DELETE FROM triage.unanswered_queue", "care/t1 waits but has no queue row"),
        (
            "UPDATE triage.conversation SET state = 'answered', waiting_since = NULL, kind = NULL",
            "care/t1 has a queue row but does not wait",
        ),
        (
            "DELETE FROM triage.unanswered_queue; "
            "UPDATE triage.conversation SET state = 'nobody', waiting_since = NULL, kind = NULL",
            "care/t1 is kept as nobody, but by its messages it is waiting",
        ),
        (
            "DELETE FROM triage.unanswered_queue; "
            "UPDATE triage.conversation SET state = 'dismissed', waiting_since = NULL, kind = NULL",
            "care/t1 is kept as dismissed, but by its messages it is waiting",
        ),
        ("UPDATE triage.message SET deleted_at = now()", "is kept as waiting, but by its messages it is dismissed"),
        (
            "UPDATE triage.conversation SET waiting_since = waiting_since + interval '1 day'",
            "care/t1 is kept as waiting since another time",
        ),
    ],
)  # fmt: skip
def test_the_audit_names_who_is_in_the_wrong_place(connection: Connection, harm: str, fault: str) -> None:
    gather(connection, message("m1"))
    care.audit(connection)
    with db.transaction(connection):
        db.execute(connection, harm)
    with pytest.raises(Fatal) as caught:
        care.audit(connection)
    assert fault in str(caught.value)
    assert "run `triage replay --refresh`" in str(caught.value)
    replay.refresh_all(connection)
    care.audit(connection)


def test_an_account_that_fell_silent_is_named(connection: Connection) -> None:
    gather(connection, message("m1"))
    care.stalled(connection, accounts=["care", "volmera_x"], after=timedelta(minutes=30))
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.cursor SET updated_at = '2026-11-20 08:00+00'")
        db.execute(connection, "UPDATE triage.account SET created_at = now() - interval '1 hour'")
    with pytest.raises(Fatal) as caught:
        care.stalled(connection, accounts=["care", "volmera_x"], after=timedelta(minutes=30))
    assert str(caught.value) == (
        "not collected for over 0:30:00: care (last 2026-11-20 08:00 UTC), volmera_x (never); "
        "look at the last collect_<account> run"
    )
    care.stalled(connection, accounts=[], after=timedelta(minutes=30))


def test_an_account_that_never_started_is_named_and_one_that_left_is_not(connection: Connection) -> None:
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.migration SET applied_at = now() - interval '1 hour'")
        db.execute(connection, "UPDATE triage.account SET created_at = now() - interval '1 hour'")
    with pytest.raises(Fatal, match=r"not collected for over 0:30:00: new_account \(never\); look"):
        care.stalled(connection, accounts=["new_account"], after=timedelta(minutes=30))


def test_decisions_of_another_model_are_kept_side_by_side(connection: Connection) -> None:
    gather(connection, message("m1", text="delivery is late"))
    classify(connection, ByWord(), TOPICS)
    replay.forget(connection, since=at(0))
    classify(connection, ByWord(model="m2"), TOPICS)
    kept = table(connection, "SELECT model, evidence, topics FROM triage.classification ORDER BY id")
    assert [r["model"] for r in kept] == ["m1", "m2"]
    assert kept[0]["topics"] == [{"topic": "delivery", "score": decision().topics[0].score}]
