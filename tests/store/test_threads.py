"""The same mail to two of our mailboxes is one conversation with two deliveries, whatever order they arrive in."""

from __future__ import annotations

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection

from tests import builders
from tests.builders import one, prepare, table
from triage.core.types import Direction, Message
from triage.ops import care, queue
from triage.store import conversations, db, messages

BOXES = ("care", "press", "shop")


@pytest.fixture
def boxes(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Connection:
    for box in BOXES:
        monkeypatch.setitem(builders.ACCOUNTS, box, "gmail")
    prepare(connection)
    return connection


def mail(box: str, native_id: str, thread: str, mail_id: str, **given: object) -> Message:
    return builders.message(native_id, thread, account=box, global_id=f"{mail_id}@example.org", **given)


def store(connection: Connection, *page: Message) -> None:
    with db.transaction(connection):
        _, touched = messages.upsert(connection, page)
        conversations.refresh(connection, touched)


def wanted(connection: Connection) -> list[tuple[str, str]]:
    sql = "SELECT account, native_id FROM triage.label_outbox WHERE wanted AND label = 'unanswered' ORDER BY 1, 2"
    return [(r["account"], r["native_id"]) for r in table(connection, sql)]


def test_one_mail_to_two_mailboxes_is_one_row_with_a_label_in_each(boxes: Connection) -> None:
    store(boxes, mail("care", "a1", "ta", "m1"))
    store(boxes, mail("press", "b1", "tb", "m1"))
    ledger = care.audit(boxes)
    assert (ledger.collected, ledger.waiting, ledger.queue_rows) == (1, 1, 1)
    assert one(boxes, "SELECT messages FROM triage.unanswered_queue") == 1
    assert wanted(boxes) == [("care", "a1"), ("press", "b1")]


def test_a_reply_from_either_mailbox_answers_both(boxes: Connection) -> None:
    store(boxes, mail("care", "a1", "ta", "m1"))
    store(boxes, mail("press", "b1", "tb", "m1"))
    store(
        boxes,
        mail("press", "b2", "tb", "r1", minute=9, direction=Direction.OUTBOUND, author="press@us.example"),
    )
    ledger = care.audit(boxes)
    assert (ledger.answered, ledger.waiting) == (1, 0)
    assert wanted(boxes) == []


def test_what_follows_in_either_thread_stays_together(boxes: Connection) -> None:
    store(boxes, mail("care", "a1", "ta", "m1"))
    store(boxes, mail("press", "b1", "tb", "m1"))
    store(boxes, mail("press", "b2", "tb", "m2", minute=5), mail("care", "a2", "ta", "m3", minute=6))
    assert care.audit(boxes).waiting == 1
    assert one(boxes, "SELECT messages FROM triage.unanswered_queue") == 3
    assert wanted(boxes) == [("care", "a2"), ("press", "b2")]


def test_two_conversations_that_turn_out_to_be_one_are_joined(boxes: Connection) -> None:
    store(boxes, mail("care", "a1", "ta", "m1"))
    store(boxes, mail("press", "b1", "tb", "m2"))
    assert care.audit(boxes).waiting == 2
    assert len(queue.claim(boxes, count=2, by="ana")) == 2
    store(boxes, mail("press", "b2", "tb", "m1", minute=5))
    ledger = care.audit(boxes)
    assert (ledger.collected, ledger.waiting, ledger.queue_rows, ledger.nobody) == (1, 1, 1, 1)
    assert one(boxes, "SELECT messages FROM triage.unanswered_queue") == 2


@pytest.mark.parametrize(
    "other",
    [
        {"author": "mallory@example.org"},
        {"direction": Direction.AUTOMATIC},
        {"global_id": ""},
        {"global_id": "x" * 5000},
    ],
    ids=["another author", "a machine's", "without an id", "an id nobody made in good faith"],
)
def test_what_is_not_the_same_mail_stays_apart(boxes: Connection, other: dict[str, object]) -> None:
    store(boxes, builders.message("a1", "ta", **{"global_id": "m1@example.org", **_ids(other)}))
    store(boxes, builders.message("b1", "tb", account="press", **{"global_id": "m1@example.org", **other}))
    assert one(boxes, "SELECT count(*) FROM triage.conversation") == 2


def _ids(other: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in other.items() if name == "global_id"}


def test_two_mailboxes_that_read_it_at_the_same_moment_agree(boxes: Connection, dsn: str) -> None:
    def collect(box: str, ready: threading.Barrier) -> None:
        with db.connect(dsn) as own:
            ready.wait()
            for number in range(20):
                store(own, mail(box, f"{box}{number}", f"t{number}", f"m{number}"))

    ready = threading.Barrier(2)
    both = [threading.Thread(target=collect, args=(box, ready)) for box in BOXES[:2]]
    for one_of_them in both:
        one_of_them.start()
    for one_of_them in both:
        one_of_them.join()
    ledger = care.audit(boxes)
    assert (ledger.collected, ledger.waiting) == (20, 20)
    assert one(boxes, "SELECT count(*) FROM triage.message") == 40


deliveries = st.lists(
    st.tuples(st.sampled_from(BOXES), st.integers(1, 3), st.integers(1, 5)),
    min_size=1,
    max_size=12,
    unique=True,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(placed=deliveries)
def test_threads_that_share_a_mail_are_one_whatever_the_order(
    boxes: Connection, placed: list[tuple[str, int, int]]
) -> None:
    with db.transaction(boxes):
        db.execute(boxes, "TRUNCATE triage.conversation, triage.message, triage.thread CASCADE")
    for number, (box, thread, mail_id) in enumerate(placed):
        store(boxes, mail(box, f"n{number}", f"t{thread}", f"m{mail_id}", minute=number))
    ledger = care.audit(boxes)
    assert ledger.collected == ledger.waiting == _components(placed)


def _components(placed: list[tuple[str, int, int]]) -> int:
    """Threads joined by shared mails of *other* mailboxes, counted by union-find."""
    leader = {(box, thread): (box, thread) for box, thread, _ in placed}

    def top(node: tuple[str, int]) -> tuple[str, int]:
        return node if leader[node] == node else top(leader[node])

    for box, thread, mail_id in placed:
        for other, its_thread, same in placed:
            if same == mail_id and other != box:
                leader[top((box, thread))] = top((other, its_thread))
    return len({top(node) for node in leader})
