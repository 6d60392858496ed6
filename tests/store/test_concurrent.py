"""Many at once: no row claimed twice, no deadlock, and the promise holds at the end."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from psycopg2.extensions import connection as Connection

from tests.builders import at, decision, message, one
from triage.core.types import Direction, Message
from triage.ops import care, queue, replay
from triage.store import conversations, db, labels, messages
from triage.store.queue import Refused

Worker = Callable[[Connection, random.Random, int], None]


def store(connection: Connection, page: list[Message]) -> None:
    with db.transaction(connection):
        _, touched = messages.upsert(connection, page)
        conversations.refresh(connection, touched)


def test_twenty_claim_two_thousand_rows_and_none_twice(connection: Connection, dsn: str) -> None:
    store(connection, [message(f"m{i}", f"t{i}", minute=i) for i in range(2000)])
    start = threading.Barrier(20)

    def work(name: str) -> list[int]:
        mine: list[int] = []
        with db.connect(dsn) as own:
            start.wait()
            while got := queue.claim(own, count=7, by=name):
                mine += [r["conversation_id"] for r in got]
        return mine

    with ThreadPoolExecutor(20) as pool:
        claimed = list(pool.map(work, [f"r{i}" for i in range(20)]))
    counted = Counter(number for mine in claimed for number in mine)
    assert len(counted) == 2000
    assert set(counted.values()) == {1}
    assert one(connection, "SELECT count(*) AS n FROM triage.audit WHERE verb = 'claim'") == 2000
    held = "SELECT count(DISTINCT claimed_by) AS n FROM triage.unanswered_queue WHERE lease_until > now()"
    assert one(connection, held) == sum(bool(mine) for mine in claimed)


def _collect(account: str) -> Worker:
    """A page of an account in one transaction: new messages, deletions and restorations across conversations."""

    def work(connection: Connection, rng: random.Random, turn: int) -> None:
        page = [
            message(
                f"{turn}-{i}", f"t{rng.randrange(9)}", account=account, minute=rng.randrange(50),
                direction=rng.choice([Direction.INBOUND, Direction.INBOUND, Direction.OUTBOUND]),
            )
            for i in range(rng.randrange(1, 8))
        ]  # fmt: skip
        gone, back = ([f"{rng.randrange(turn + 1)}-{rng.randrange(6)}" for _ in range(3)] for _ in range(2))
        with db.transaction(connection):
            messages.lock_conversations(connection, page, account=account, native_ids=[*gone, *back])
            _, touched = messages.upsert(connection, page)
            touched += messages.mark_deleted(connection, account, gone, at(60))
            touched += messages.mark_restored(connection, account, back)
            conversations.refresh(connection, touched)

    return work


def _classify(connection: Connection, rng: random.Random, turn: int) -> None:
    with db.transaction(connection):
        conversations.outdated(connection, model="m1", taxonomy=f"t{turn % 3}")
        found = conversations.undecided(connection, limit=20)
    pairs = [(r["id"], decision(rng.choice(["delivery", "billing"]), taxonomy=f"t{turn % 3}")) for r in found]
    with db.transaction(connection):
        conversations.decide(connection, pairs)
        conversations.refresh(connection, [r["conversation_id"] for r in found])


def _label(connection: Connection, rng: random.Random, turn: int) -> None:
    with db.transaction(connection):
        pending = labels.pending(connection, "care", limit=50, patience=timedelta(0))
    rng.shuffle(pending)
    with db.transaction(connection):
        conversations.lock(connection, [r["message_id"] for r in pending])
        labels.settle(connection, [(r["message_id"], r["label"], r["wanted"]) for r in pending])


def _respond(connection: Connection, rng: random.Random, turn: int) -> None:
    number = rng.randrange(1, 19)
    verb = rng.choice(["claim", "release", "answer", "dismiss", "relabel"])
    try:
        if verb == "claim":
            queue.claim(connection, count=4, by="ana")
        elif verb == "release":
            queue.release(connection, number, by="ana")
        elif verb == "answer":
            queue.answer(connection, number, by="ana", where="by phone")
        elif verb == "dismiss":
            queue.dismiss(connection, number, by="ana", reason="spam")
        else:
            queue.relabel(connection, number, by="ana", topic=rng.choice(["delivery", "tampering"]))
    except Refused:
        connection.rollback()


def _refresh(connection: Connection, rng: random.Random, turn: int) -> None:
    ids = [rng.randrange(1, 19) for _ in range(9)]
    with db.transaction(connection):
        conversations.refresh(connection, ids)


def test_all_verbs_at_once_never_deadlock_and_end_right(connection: Connection, dsn: str) -> None:
    workers: list[Worker] = [
        _collect("care"), _collect("volmera_x"), _classify, _label, _respond, _respond, _refresh, _refresh,
    ]  # fmt: skip
    start = threading.Barrier(len(workers))

    def work(number: int) -> None:
        rng = random.Random(number)
        with db.connect(dsn) as own:
            with db.transaction(own):
                db.execute(own, "SET deadlock_timeout = '20ms'")
            start.wait()
            for turn in range(60):
                workers[number](own, rng, turn)

    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(work, range(len(workers))))
    unread = "SELECT count(*) AS n FROM triage.message WHERE decision_id IS NULL AND direction = 'inbound'"
    while one(connection, unread):
        _classify(connection, random.Random(0), 0)
    kept = (
        "SELECT md5(string_agg(q::text, '|' ORDER BY conversation_id)) AS sum FROM triage.unanswered_queue q"
    )
    care.audit(connection)
    before = one(connection, kept)
    replay.refresh_all(connection)
    assert one(connection, kept) == before
