"""Who leads a cluster, after anything that may happen to its rows: one of them, the right one, and nobody is lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection

from tests.builders import ACCOUNTS, at, decision, message, one, table
from triage.core.types import Direction
from triage.ops import care, cluster, flood, queue
from triage.store import clusters, conversations, db, messages
from triage.store.queue import Refused

CONVERSATIONS = 6
TEXTS = (
    "From today I buy nothing of yours until every owner gets a refund and the reports are out.",
    "My neighbour's mixer caught fire this morning and the whole kitchen is black with smoke now.",
    "Where is my parcel, please? It was promised for Monday and it is Thursday evening already.",
)
TOPICS = ("delivery", "tampering", "billing")

LED = """
SELECT cluster, array_agg(conversation_id ORDER BY conversation_id) FILTER (WHERE NOT follower) AS leads,
       (array_agg(conversation_id ORDER BY snoozed_until IS NOT NULL, priority, due_at, conversation_id))[1] AS first
FROM triage.unanswered_queue WHERE cluster IS NOT NULL AND NOT held GROUP BY cluster
"""
STRAY = """
SELECT count(*) FROM triage.unanswered_queue q
WHERE (cluster IS NULL OR held) AND follower OR cluster <> ALL (ARRAY(
    SELECT m.cluster_id FROM triage.message m WHERE m.conversation_id = q.conversation_id AND m.cluster_id IS NOT NULL))
"""
CLEAR = "TRUNCATE triage.conversation, triage.message, triage.audit RESTART IDENTITY CASCADE"

Step = Callable[[Connection], None]
who = st.integers(1, CONVERSATIONS)
minutes = st.integers(0, 50)


def arrive(connection: Connection, *page: tuple[int, int, int, str]) -> None:
    """Messages (conversation, minute, text, topic) as collect stores them, then as classify decides them."""
    with db.transaction(connection):
        number = one_more(connection)
        _, touched = messages.upsert(
            connection,
            [
                message(
                    f"m{number}-{i}", f"t{c}", minute=minute, text=TEXTS[text], author=f"a{c}@post.example"
                )
                for i, (c, minute, text, _) in enumerate(page)
            ],
        )
        conversations.refresh(connection, touched)
    with db.transaction(connection):
        found = conversations.undecided(connection, limit=100)
    with db.transaction(connection):
        besides = cluster.place(connection, found, cluster.drafts(found), flood=None)
        decided = [(row["id"], decision(page[i][3])) for i, row in enumerate(found)]
        conversations.decide(connection, decided)
        conversations.refresh(connection, sorted(besides))


def one_more(connection: Connection) -> int:
    return int(db.rows(connection, "SELECT count(*) AS n FROM triage.message")[0]["n"])


def act(connection: Connection, verb: str, conversation: int) -> None:
    """What a responder does to the n-th conversation; a refusal is as good."""
    words = {
        "answer": {"where": "by phone"},
        "dismiss": {"reason": "spam"},
        "relabel": {"topic": "tampering"},
    }
    given = words.get(verb, {})
    if verb == "snooze":
        given = {"until": one(connection, "SELECT now() + interval '1 hour'")}
    try:
        getattr(queue, verb)(connection, id_of(connection, conversation), by="ana", **given)
    except Refused:
        return


def id_of(connection: Connection, conversation: int) -> int:
    """Its number in the database; 0: nobody wrote there yet."""
    found = table(connection, "SELECT id FROM triage.conversation WHERE key = %s", f"t{conversation}")
    return int(found[0]["id"]) if found else 0


def claim(connection: Connection, count: int) -> None:
    """Somebody takes the next ones."""
    queue.claim(connection, count=count, by="bob")


def reply(connection: Connection, conversation: int, minute: int) -> None:
    """A person of ours answers in the channel."""
    with db.transaction(connection):
        number = one_more(connection)
        _, touched = messages.upsert(
            connection,
            [
                message(
                    f"r{number}", f"t{conversation}", minute=minute, text="Yes.", direction=Direction.OUTBOUND
                )
            ],
        )
        conversations.refresh(connection, touched)


def hold(connection: Connection, conversation: int) -> None:
    """All that this author sent is a flood, begun elsewhere."""
    with db.transaction(connection):
        db.execute(
            connection,
            """INSERT INTO triage.flood (account, author, started_at, ended_at, conversation_id)
               SELECT 'care', %s, %s, %s, min(id) FROM triage.conversation WHERE key <> %s HAVING count(*) > 0
               ON CONFLICT DO NOTHING""",
            (f"a{conversation}@post.example", at(0), at(60), f"t{conversation}"),
        )
        conversations.refresh(connection, conversations.all_ids(connection))


def release(connection: Connection, conversation: int) -> None:
    """The author is let go."""
    try:
        flood.release(connection, f"a{conversation}@post.example", by="ana")
    except Refused:
        return


steps: st.SearchStrategy[Step] = st.one_of(
    st.lists(st.tuples(who, minutes, st.integers(0, 2), st.sampled_from(TOPICS)), min_size=1, max_size=5).map(
        lambda page: lambda c: arrive(c, *page)
    ),
    st.tuples(st.sampled_from(["answer", "dismiss", "relabel", "snooze", "take", "release"]), who).map(
        lambda given: lambda c: act(c, *given)
    ),
    st.tuples(who, minutes).map(lambda given: lambda c: reply(c, *given)),
    st.integers(1, 4).map(lambda n: lambda c: claim(c, n)),
    who.map(lambda n: lambda c: hold(c, n)),
    who.map(lambda n: lambda c: release(c, n)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, min_size=3, max_size=14))
def test_one_row_of_each_cluster_leads_whatever_happened(module_dsn: str, happened: list[Step]) -> None:
    with db.connect(module_dsn) as connection:
        with db.transaction(connection):
            db.execute(connection, CLEAR)
        arrive(connection, *((c, c, 0, "delivery") for c in range(1, 4)))
        for step in happened:
            step(connection)
            for row in table(connection, LED):
                assert row["leads"] == [row["first"]]
            assert one(connection, STRAY) == 0
            care.audit(connection)
            assert table(connection, "SELECT * FROM triage.unbalanced") == []


def test_claims_give_heads_first_and_everybody_in_the_end(connection: Connection) -> None:
    arrive(
        connection,
        *((c, c, 0, "delivery") for c in range(1, 5)),
        (5, 9, 2, "billing"),
        (6, 8, 1, "tampering"),
    )
    taken = [r["conversation"] for r in queue.claim(connection, count=3, by="ana")]
    assert taken == ["t6", "t1", "t5"]
    assert [r["conversation"] for r in queue.claim(connection, count=9, by="bob")] == ["t2", "t3", "t4"]
    assert queue.claim(connection, count=9, by="eve") == []


def test_a_claim_by_topic_finds_followers_only_when_nothing_else_is_left(connection: Connection) -> None:
    arrive(connection, *((c, c, 0, "delivery") for c in range(1, 4)), (5, 9, 2, "billing"))
    asked = [r["conversation"] for r in queue.claim(connection, count=2, by="ana", topic="delivery")]
    assert asked == ["t1", "t2"]


REOPEN = """
UPDATE triage.message SET covered_as = NULL, covered_by = NULL
WHERE conversation_id = %s AND covered_as IS NOT NULL
"""


def test_many_at_once_leave_one_head_and_no_deadlock(connection: Connection, dsn: str) -> None:
    arrive(connection, *((c, c, c % 2, "delivery") for c in range(1, CONVERSATIONS + 1)))

    ids = {n: id_of(connection, n) for n in range(1, CONVERSATIONS + 1)}

    def work(seed: int) -> None:
        with db.connect(dsn) as own:
            for turn in range(25):
                number = (seed * 7 + turn * 5) % CONVERSATIONS + 1
                verb = ("answer", "snooze", "take", "relabel", "release", "dismiss")[(seed + turn) % 6]
                act(own, verb, number)
                with db.transaction(own):
                    both = [ids[number], ids[turn % CONVERSATIONS + 1]]
                    conversations.refresh(own, both)
                    db.execute(own, REOPEN, (both[0],))
                    conversations.refresh(own, both)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert all(row["leads"] == [row["first"]] for row in table(connection, LED))
    assert one(connection, "SELECT count(*) FROM triage.unanswered_queue") == CONVERSATIONS
    care.audit(connection)


def test_clusters_meet_within_an_account_only(connection: Connection) -> None:
    with db.transaction(connection):
        page = [message(f"x{a}", f"x{a}", account=a, text=TEXTS[0]) for a in ACCOUNTS]
        _, touched = messages.upsert(connection, page)
        conversations.refresh(connection, touched)
        found = conversations.undecided(connection, limit=10)
        cluster.place(connection, found, cluster.drafts(found), flood=None)
    assert one(connection, "SELECT count(*) FROM triage.cluster") == len(ACCOUNTS)


CROWD = """
INSERT INTO triage.cluster_band SELECT b.band, n FROM triage.cluster_band b, generate_series(1000, 1500) n
"""


def test_a_band_that_all_share_is_looked_at_for_a_few_clusters(connection: Connection) -> None:
    arrive(connection, (1, 1, 0, "delivery"))
    with db.transaction(connection):
        db.execute(connection, CROWD)
        bands = [r["band"] for r in db.rows(connection, "SELECT DISTINCT band FROM triage.cluster_band")]
        assert len(clusters.near(connection, bands)) == clusters.EACH * len(bands)


def test_forgetting_drops_every_band(connection: Connection) -> None:
    arrive(connection, (1, 1, 0, "delivery"), (2, 1, 1, "delivery"))
    assert one(connection, "SELECT count(*) FROM triage.cluster_band") > 0
    assert cluster.forget(connection, timedelta(days=1)) == 0
    assert cluster.forget(connection, timedelta(0)) == 2
    assert one(connection, "SELECT count(*) FROM triage.cluster_band") == 0


MANY = """
INSERT INTO triage.conversation (source, account, key) SELECT 'gmail', 'care', 'c' || n FROM generate_series(1, 5000) n;
INSERT INTO triage.message (source, account, native_id, conversation_id, direction, author, sent_at, fetched_at, text)
SELECT 'gmail', 'care', 'c' || c.id, c.id, 'inbound', 'a' || c.id % 500, now() - c.id * interval '1 minute', now(), ''
FROM triage.conversation c;
INSERT INTO triage.cluster (message_id, signature) SELECT id, '\\x00' FROM triage.message;
INSERT INTO triage.cluster_band
SELECT hashtextextended(c.id::text, n), c.id FROM triage.cluster c, generate_series(1, 24) n;
UPDATE triage.message m SET cluster_id = c.id FROM triage.cluster c WHERE c.message_id = m.id;
"""
ASKED = {
    ("clusters", "near"): ({"bands": [1, 2, 3], "each": 8}, "cluster_band_pkey"),
    ("clusters", "heads"): (([1, 2, 3],), "cluster_pkey"),
    ("clusters", "lock"): ({"clusters": [1, 2], "conversations": [1, 2, 3]}, "message_conversation"),
    ("clusters", "forget"): ({"after": timedelta(days=3), "limit": 1000}, "cluster_live"),
    ("floods", "spot"): ({"ids": [1, 2, 3], "messages": 20, "within": timedelta(minutes=10), "never": []},
                         "message_author"),
}  # fmt: skip


def test_a_long_day_is_walked_by_indexes(connection: Connection) -> None:
    with db.transaction(connection):
        db.execute(connection, MANY)
    connection.autocommit = True
    db.execute(connection, "VACUUM ANALYZE")
    for (module, name), (parameters, index) in ASKED.items():
        sql = db.queries(str(Path(db.__file__).with_name(f"{module}.py")))[name]
        found = "\n".join(
            next(iter(row.values())) for row in db.rows(connection, f"EXPLAIN {sql}", parameters)
        )
        assert index in found, name
        assert not re.search(r"Seq Scan on (message|cluster|cluster_band|conversation)\b", found), (
            f"{name}\n{found}"
        )
