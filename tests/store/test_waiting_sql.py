"""What SQL keeps equals core.waiting and core.priority, over made-up histories in any order of arrival."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection

from tests.builders import ACCOUNTS, at, decision, message, shipped_topics, table
from triage.core.priority import NO_SEVERITY, RAISING_INTENTS, due_at, priority
from triage.core.types import Direction, Intent, State
from triage.core.waiting import Event, SpellKind, Verdict, judge
from triage.ops import care, queue, replay
from triage.store import conversations, db, messages

TOPICS = {
    key: (topic.severity or NO_SEVERITY, topic.target)
    for key, topic in shipped_topics().topics.items()
    if key in ("product_defect", "tampering", "delivery", "billing", "unsure")
}
RAISING = (Intent.URGENT_HELP, Intent.LEGAL, Intent.PRESS)
"""In the order in which they are kept."""

CONVERSATIONS = ("t1", "t2")


@dataclass
class Told:
    """One message as the oracle knows it."""

    event: Event
    topic: str = "unsure"
    intent: Intent = Intent.QUESTION
    human: bool = False
    decided: bool = False


@dataclass
class World:
    """The database, and beside it what it should say."""

    connection: Connection
    account: str
    told: dict[str, dict[str, Told]] = field(default_factory=dict)
    topics: dict[str, str | None] = field(default_factory=dict)

    def verdict(self, conversation: str) -> Verdict:
        return judge(t.event for t in self.told[conversation].values())

    def opened(self, conversation: str) -> list[Told]:
        ids = self.verdict(conversation).open
        return [t for t in self.told[conversation].values() if t.event.id in ids]

    def all(self) -> list[tuple[str, Told]]:
        return [(native, t) for parts in self.told.values() for native, t in parts.items()]

    def id_of(self, conversation: str) -> int:
        (row,) = table(self.connection, "SELECT id FROM triage.conversation WHERE key = %s", conversation)
        return int(row["id"])


Step = Callable[[World], None]
some = st.integers(0, 10_000)


@st.composite
def arrivals(draw: st.DrawFn) -> Step:
    """A page of new messages, some of them known already, in one transaction."""
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from(CONVERSATIONS),
                st.integers(0, 6),
                st.sampled_from(Direction),
                st.booleans(),
                some,
            ),
            min_size=1,
            max_size=6,
        )
    )

    def arrive(world: World) -> None:
        page = [
            message(
                f"{key}-{number % 40}",
                key,
                account=world.account,
                minute=minute,
                direction=who,
                bare_thanks=thanks,
            )
            for key, minute, who, thanks, number in drawn
        ]
        with db.transaction(world.connection):
            _, touched = messages.upsert(world.connection, page)
            conversations.refresh(world.connection, touched)
        ids = {
            r["native_id"]: r["id"]
            for r in table(world.connection, "SELECT id, native_id FROM triage.message")
        }
        known = {native for native, _ in world.all()}
        for m in {m.key: m for m in page}.values():
            native = m.key.native_id
            if native not in known:
                world.told.setdefault(m.conversation, {})[native] = Told(
                    Event(id=ids[native], direction=m.direction, sent_at=m.sent_at, bare_thanks=m.bare_thanks)
                )

    return arrive


@st.composite
def deletions(draw: st.DrawFn) -> Step:
    """Messages go at the source, or come back."""
    chosen, gone = draw(st.lists(some, min_size=1, max_size=3)), draw(st.booleans())

    def delete(world: World) -> None:
        everything = world.all()
        picked = {everything[c % len(everything)][0] for c in chosen} if everything else set()
        with db.transaction(world.connection):
            if gone:
                touched = messages.mark_deleted(world.connection, world.account, sorted(picked), at(99))
            else:
                touched = messages.mark_restored(world.connection, world.account, sorted(picked))
            conversations.refresh(world.connection, touched)
        for native, t in everything:
            if native in picked:
                t.event = replace(t.event, deleted=gone)

    return delete


@st.composite
def settlements(draw: st.DrawFn) -> Step:
    """A responder answers, dismisses or relabels a conversation; refused when it does not wait."""
    key, verb = draw(st.sampled_from(CONVERSATIONS)), draw(st.sampled_from(["answer", "dismiss", "relabel"]))
    topic = draw(st.sampled_from([t for t in TOPICS if t != "unsure"]))

    def settle(world: World) -> None:
        if key not in world.told or world.verdict(key).state is not State.WAITING:
            return
        opened, number = world.opened(key), world.id_of(key)
        if verb == "relabel":
            queue.relabel(world.connection, number, by="ana", topic=topic)
            for t in opened:
                t.topic, t.human, t.decided = topic, True, True
        else:
            said = State.ANSWERED if verb == "answer" else State.DISMISSED
            if verb == "answer":
                queue.answer(world.connection, number, by="ana", where="by phone")
            else:
                queue.dismiss(world.connection, number, by="ana", reason="spam")
            for t in opened:
                t.event = replace(t.event, covered_as=said)

    return settle


@st.composite
def decisions(draw: st.DrawFn) -> Step:
    """The classifier reads some of what is unread."""
    drawn = draw(
        st.lists(st.tuples(st.sampled_from(sorted(TOPICS)), st.sampled_from(Intent)), min_size=1, max_size=4)
    )

    def decide(world: World) -> None:
        with db.transaction(world.connection):
            found = conversations.undecided(world.connection, limit=len(drawn))
            pairs = [
                (r["id"], decision(topic, intent=intent))
                for r, (topic, intent) in zip(found, drawn, strict=False)
            ]
            conversations.decide(world.connection, pairs)
            conversations.refresh(world.connection, [r["conversation_id"] for r in found])
        by_id = {t.event.id: t for _, t in world.all()}
        for number, made in pairs:
            t = by_id[number]
            t.topic, t.intent, t.decided = made.topic, made.intent, True

    return decide


def _expected_row(opened: Sequence[Told], verdict: Verdict) -> dict[str, Any]:
    """The queue row of a waiting conversation, by the sentences of core.priority and sql/functions/refresh.sql."""
    first = min(
        opened,
        key=lambda t: (TOPICS[t.topic][0], not t.human, -t.event.sent_at.timestamp(), -t.event.id),
    )
    raising = [i for i in RAISING if any(t.decided and t.intent is i for t in opened)]
    intent = raising[0] if raising else first.intent
    severity, target = TOPICS[first.topic]
    assert verdict.since is not None
    assert verdict.kind is not None
    return {
        "topic": first.topic,
        "severity": severity,
        "priority": priority(severity=severity, intent=intent, kind=verdict.kind),
        "kind": verdict.kind.value,
        "intent": intent.value,
        "waiting_since": verdict.since,
        "due_at": due_at(verdict.since, target),
        "messages": len(opened),
    }


def check(world: World) -> None:
    """State, queue, labels and ledger say what the oracle says."""
    kept = {r["key"]: r for r in table(world.connection, "SELECT * FROM triage.conversation")}
    rows = {r["conversation"]: r for r in table(world.connection, "SELECT * FROM triage.unanswered_queue")}
    assert kept.keys() == world.told.keys()
    for key, row in kept.items():
        verdict = world.verdict(key)
        kind = verdict.kind and verdict.kind.value
        assert (row["state"], row["waiting_since"], row["kind"]) == (verdict.state.value, verdict.since, kind)
        assert (key in rows) == (verdict.state is State.WAITING)
        if key in rows:
            expected = _expected_row(world.opened(key), verdict)
            assert {name: rows[key][name] for name in expected} == expected
            assert row["topic"] == expected["topic"]
    _check_labels(world, rows)
    ledger = care.audit(world.connection)
    assert ledger.waiting == len(rows)


def _check_labels(world: World, rows: dict[str, dict[str, Any]]) -> None:
    wanted = table(
        world.connection,
        "SELECT b.message_id, b.native_id, b.label, c.key FROM triage.label_outbox b "
        "JOIN triage.message m ON m.id = b.message_id JOIN triage.conversation c ON c.id = m.conversation_id "
        "WHERE b.wanted",
    )
    if ACCOUNTS[world.account] != "gmail":
        assert wanted == []
        return
    opened = {n for parts in world.told for n, t in world.told[parts].items() if t in world.opened(parts)}
    labelled = {w["native_id"] for w in wanted if w["label"] == "unanswered"}
    assert labelled <= opened
    assert {w["key"] for w in wanted if w["label"] == "unanswered"} == set(rows)
    for key, row in rows.items():
        newest = max(world.opened(key), key=lambda t: (t.event.sent_at, t.event.id)).event.id
        labels = {w["label"] for w in wanted if w["message_id"] == newest}
        assert labels == {"unanswered", row["topic"]} - {"unsure", "not_crisis"}
        older = {w["label"] for w in wanted if w["key"] == key and w["native_id"] in opened}
        assert older <= {"unanswered", row["topic"]}


def _clear(connection: Connection) -> None:
    with db.transaction(connection):
        db.execute(connection, "TRUNCATE triage.conversation, triage.message RESTART IDENTITY CASCADE")


steps = st.lists(
    st.one_of(arrivals(), arrivals(), arrivals(), deletions(), settlements(), settlements(), decisions()),
    min_size=1,
    max_size=10,
)


@pytest.mark.parametrize("account", sorted(ACCOUNTS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=steps)
def test_sql_keeps_what_the_rule_says(connection: Connection, account: str, history: list[Step]) -> None:
    world = World(connection, account)
    _clear(connection)
    for step in history:
        step(world)
        check(world)
    before = _kept(connection)
    replay.refresh_all(connection)
    assert _kept(connection) == before


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(CONVERSATIONS), st.sampled_from(Direction)), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
    st.integers(1, 5),
)
def test_the_order_of_arrival_and_the_size_of_pages_do_not_matter(
    connection: Connection, drawn: list[tuple[str, Direction]], random: Any, size: int
) -> None:
    page = [message(f"m{i}", key, minute=i, direction=who) for i, (key, who) in enumerate(drawn)]
    ends = []
    for shuffled in (page, random.sample(page, len(page))):
        _clear(connection)
        for start in range(0, len(shuffled), size):
            with db.transaction(connection):
                _, touched = messages.upsert(connection, shuffled[start : start + size])
                conversations.refresh(connection, touched)
        ends.append(
            table(connection, "SELECT key, state, waiting_since, kind FROM triage.conversation ORDER BY key")
        )
        care.audit(connection)
    assert ends[0] == ends[1]


def _kept(connection: Connection) -> list[Any]:
    return [
        table(connection, "SELECT * FROM triage.conversation ORDER BY id"),
        table(connection, "SELECT * FROM triage.unanswered_queue ORDER BY conversation_id"),
        table(connection, "SELECT * FROM triage.label_outbox ORDER BY message_id, label"),
    ]


def _settled(connection: Connection, *covered: str | None) -> str:
    """The state of a conversation of so many questions, each settled as said (None: deleted)."""
    _clear(connection)
    world = World(connection, "care")
    with db.transaction(connection):
        for number, said in enumerate(covered):
            _, (key,) = messages.upsert(connection, [message(f"m{number}", "t1", minute=number)])
            conversations.refresh(connection, [key])
            if said is None:
                messages.mark_deleted(connection, "care", [f"m{number}"], at(99))
                conversations.refresh(connection, [key])
            else:
                db.execute(connection, f"SELECT triage.{said}(%s, 'so')", (key,))
    (row,) = table(world.connection, "SELECT state FROM triage.conversation")
    return str(row["state"])


def test_the_last_question_says_how_it_ended(connection: Connection) -> None:
    assert _settled(connection, "answer", "dismiss") == "dismissed"
    assert _settled(connection, "dismiss", "answer") == "answered"
    assert _settled(connection, "answer", None) == "dismissed"
    assert _settled(connection, None, "answer") == "answered"


def test_every_raising_intent_raises_in_sql_too(connection: Connection) -> None:
    assert set(RAISING) == RAISING_INTENTS
    for severity in range(1, NO_SEVERITY + 1):
        for intent in Intent:
            for kind in SpellKind:
                given_ = (severity, intent.value, kind.value)
                (row,) = db.rows(connection, "SELECT triage.priority(%s::smallint, %s, %s) AS step", given_)
                assert row["step"] == priority(severity=severity, intent=intent, kind=kind)


def test_among_equally_grave_messages_a_humans_word_counts_then_the_latest(connection: Connection) -> None:
    for number, topic in enumerate(["delivery", "billing"]):
        with db.transaction(connection):
            new, touched = messages.upsert(connection, [message(f"m{number}", "t1", minute=number)])
            conversations.decide(connection, [(new[0], decision(topic))])
            conversations.refresh(connection, touched)
        assert queue.show(connection)[0]["topic"] == topic
    queue.relabel(connection, 1, by="ana", topic="customer_service")
    with db.transaction(connection):
        new, touched = messages.upsert(connection, [message("m9", "t1", minute=9)])
        conversations.decide(connection, [(new[0], decision("delivery", intent=Intent.LEGAL))])
        conversations.refresh(connection, touched)
    (row,) = queue.show(connection)
    assert (row["topic"], row["intent"], row["priority"]) == ("customer_service", "legal", 2)
