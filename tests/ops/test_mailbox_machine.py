"""Labels among people, at random: mail, replies, relabelling, a person in Gmail, our polls and label runs between."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from psycopg2.extensions import connection as Connection

from demo.common.serving import Server
from tests.builders import table
from tests.ops.desk import NAMES, Desk
from tests.sources.gmail_harness import GmailHarness
from triage.ops import queue
from triage.sources import gmail_find
from triage.store import db

TOPICS = ("delivery", "billing", "tampering")
THREADS = ("t1", "t2")
CLEAR = "TRUNCATE triage.conversation, triage.audit, triage.cursor, triage.label, triage.quota_use CASCADE"


class Mailbox(RuleBasedStateMachine):
    """`word` is what a person did last to a label of a message; `unseen` what no poll has brought us yet."""

    connection: ClassVar[Connection]
    server: ClassVar[Server]

    def __init__(self) -> None:
        super().__init__()
        with db.transaction(self.connection):
            db.execute(self.connection, CLEAR)
        self.desk = Desk(self.connection, GmailHarness(self.server))
        self.mails: list[str] = []
        self.word: dict[tuple[str, str], bool] = {}
        self.unseen: dict[tuple[str, str], bool] = {}
        self.desk.round()
        for thread in THREADS:
            self.deliver(thread, "delivery")
        self.settle()

    @rule(thread=st.sampled_from(THREADS), topic=st.sampled_from(TOPICS))
    def deliver(self, thread: str, topic: str) -> None:
        self.mails.append(self.desk.deliver(f"{topic} is why I write", thread=thread))

    @rule(number=st.integers(0, 5))
    def reply(self, number: int) -> None:
        self.desk.reply(self.mails[number % len(self.mails)])

    @rule(topic=st.sampled_from(TOPICS))
    def relabel(self, topic: str) -> None:
        for row in table(self.connection, "SELECT conversation_id FROM triage.unanswered_queue LIMIT 1"):
            queue.relabel(self.connection, row["conversation_id"], by="Ana", topic=topic)

    @rule(number=st.integers(0, 5), key=st.sampled_from(("unanswered", *TOPICS)), added=st.booleans())
    def move(self, number: int, key: str, added: bool) -> None:
        """One message, as on a telephone."""
        self._person([self.mails[number % len(self.mails)]], key, added)

    @rule(number=st.integers(0, 5), key=st.sampled_from(("unanswered", *TOPICS)), added=st.booleans())
    def move_thread(self, number: int, key: str, added: bool) -> None:
        """A whole conversation, as in the web page."""
        shown = self.desk._shown()
        thread = shown[self.mails[number % len(self.mails)]]["thread"]
        self._person([i for i, m in shown.items() if m["thread"] == thread], key, added)

    @rule()
    def poll(self) -> None:
        self.desk.poll()
        self.word |= self.unseen
        self.unseen = {}

    @rule()
    def decide(self) -> None:
        self.desk.decide()

    @rule()
    def label(self) -> None:
        """A change of ours overtakes what a person did to the same label and we have not seen yet."""
        sql = "SELECT native_id, label FROM triage.label_outbox WHERE wanted <> applied AND NOT held"
        for row in table(self.connection, sql):
            self.unseen.pop((row["native_id"], row["label"]), None)
        self.desk.label()

    @precondition(lambda self: not self.unseen)
    @rule()
    def settle(self) -> None:
        """After a round and its echo nothing moves, and everything is where people and rules want it."""
        self.poll()
        self.decide()
        self.label()
        self.desk.round()
        self.desk.spent()
        self.desk.round()
        assert self.desk.spent() == {"history.list": 2}
        self.check()

    def teardown(self) -> None:
        """Every sequence ends settled."""
        self.poll()
        self.settle()

    def check(self) -> None:
        shown = self.desk._shown()
        carried = {(i, key) for i, m in shown.items() for key, name in NAMES.items() if name in m["labels"]}
        rows = table(
            self.connection, "SELECT native_id, label, wanted, applied, held FROM triage.label_outbox"
        )
        assert {(r["native_id"], r["label"]) for r in rows if r["applied"]} == carried
        assert [r for r in rows if r["wanted"] != r["applied"] and not r["held"]] == []
        for (native_id, key), added in self.word.items():
            if key != "unanswered":
                assert ((native_id, key) in carried) == added, (native_id, key, added)
            elif not added:
                assert (native_id, key) not in carried, native_id
        waiting = table(
            self.connection,
            "SELECT array_agg(m.native_id) AS ids FROM triage.conversation c JOIN triage.message m "
            "ON m.conversation_id = c.id WHERE c.state = 'waiting' GROUP BY c.id",
        )
        for row in waiting:
            assert any((i, "unanswered") in carried for i in row["ids"]), "somebody waits unseen"
        if not self.word:
            assert self.desk.corrections() == []
            assert "care in Gmail" not in {by for _, by, _ in self.desk.audit()}

    def _person(self, ids: list[str], key: str, added: bool) -> None:
        """What is done and undone before we look is nothing."""
        if NAMES[key] not in self.desk.labelled():
            return
        shown = self.desk._shown()
        for i in ids:
            if (NAMES[key] in shown[i]["labels"]) != added:
                (self.desk.put_on if added else self.desk.take_off)(i, NAMES[key])
                if self.unseen.pop((i, key), None) is None:
                    self.unseen[i, key] = added


@pytest.mark.parametrize("records", [500, 2])
def test_people_and_rules_share_the_labels(
    connection: Connection, gmail_server: Server, monkeypatch: pytest.MonkeyPatch, records: int
) -> None:
    monkeypatch.setattr(gmail_find, "MOST_RECORDS", records)
    monkeypatch.setattr(Mailbox, "connection", connection, raising=False)
    monkeypatch.setattr(Mailbox, "server", gmail_server, raising=False)
    chosen = settings(
        max_examples=5,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Mailbox, settings=chosen)
