"""One mailbox of the Gmail stand-in, our database, and a person at the mailbox: for tests of labels among people."""

from __future__ import annotations

import time
from typing import Any

from psycopg2.extensions import connection as Connection

from tests.builders import ROOT, one, shipped_topics, table
from tests.ops.kit import ByWord
from tests.sources.gmail_harness import GmailHarness, mail
from triage import config
from triage.ops import care
from triage.ops.classify import classify
from triage.ops.collect import collect
from triage.ops.label import label, label_names
from triage.ops.report import Report

NAMES = label_names(config.load(ROOT / "config"))
UNANSWERED, DELIVERY, BILLING = (NAMES[key] for key in ("unanswered", "delivery", "billing"))
WHO = "care in Gmail"


class Desk:
    """`poll`, `decide` and `label` are what the DAGs do; `person` is what somebody does in Gmail's web page."""

    def __init__(self, connection: Connection, harness: GmailHarness) -> None:
        self.connection = connection
        self.harness = harness
        self.source = harness.source()
        self.names = dict(NAMES)
        self._at = int(time.time() * 1000) - 86_400_000

    def deliver(self, text: str, *, thread: str) -> str:
        """A mail a minute after the last, of the topic that its first word names (ByWord); its id."""
        self._at += 60_000
        self.harness.count += 1
        return self.harness.put(
            [mail(self.harness.count, body=text)], thread=thread, internalDate=self._at, labels=["INBOX"]
        )[0]

    def reply(self, native_id: str) -> None:
        """A person of ours answers from Gmail, a minute after the last mail."""
        self._at += 60_000
        self.person(
            "reply", thread=self._shown()[native_id]["thread"], text="We are on it.", internalDate=self._at
        )

    def person(self, action: str, **fields: Any) -> Any:
        """Somebody does something in Gmail."""
        return self.harness.box("person", {"action": action, **fields})

    def take_off(self, native_id: str, *names: str) -> None:
        """Somebody takes labels off one message."""
        self.person("label", message=native_id, remove=list(names))

    def put_on(self, native_id: str, *names: str) -> None:
        """Somebody puts labels on one message."""
        self.person("label", message=native_id, add=list(names))

    def poll(self) -> Report:
        """Collect."""
        return collect(self.connection, self.source, "care")

    def decide(self) -> Report:
        """Classify."""
        return classify(self.connection, ByWord(), shipped_topics())

    def label(self, **limits: int) -> Report:
        """Send the labels."""
        return label(self.connection, self.source, "care", self.names, **limits)

    def round(self) -> list[Report]:
        """One cycle; the ledger must balance after it."""
        reports = [self.poll(), self.decide(), self.label()]
        care.audit(self.connection)
        return reports

    def labels(self, native_id: str) -> set[str]:
        """Names of the labels on one message, Gmail's own left out."""
        return {name for name in self._shown()[native_id]["labels"] if not name.isupper()}

    def labelled(self) -> set[str]:
        """Names of all labels that were made."""
        return set(self.harness.box("snapshot")["labels"])

    def state(self, native_id: str) -> str:
        """What the message's conversation is in."""
        return str(self._conversation(native_id, "c.state"))

    def topic(self, native_id: str) -> str:
        """The conversation's topic."""
        return str(self._conversation(native_id, "c.topic"))

    def decision(self, native_id: str) -> tuple[str, str, str]:
        """Topic, stage and decider in force for a message."""
        sql = """SELECT d.topic, d.stage, d.decider FROM triage.message m
                 JOIN triage.classification d ON d.id = m.decision_id WHERE m.native_id = %s"""
        (row,) = table(self.connection, sql, native_id)
        return row["topic"], row["stage"], row["decider"]

    def corrections(self) -> list[tuple[str, str | None, str | None]]:
        """Message, from and to of every correction, in order."""
        sql = """SELECT m.native_id, c.from_topic, c.to_topic FROM triage.correction c
                 JOIN triage.message m ON m.id = c.message_id
                 WHERE c.origin = 'mailbox' AND c.by = %s ORDER BY c.id"""
        return [(r["native_id"], r["from_topic"], r["to_topic"]) for r in table(self.connection, sql, WHO)]

    def audit(self) -> list[tuple[str, str, str | None]]:
        """Verb, actor and reason of what was done to conversations, in order."""
        rows = table(self.connection, "SELECT verb, by, reason FROM triage.audit ORDER BY id")
        return [(r["verb"], r["by"], r["reason"]) for r in rows]

    def pending(self) -> int:
        """Changes that wait to be sent."""
        sql = "SELECT count(*) FROM triage.label_outbox WHERE wanted <> applied AND NOT gone AND NOT held"
        return int(one(self.connection, sql))

    def spent(self) -> dict[str, int]:
        """Units by method since the last time, as the stand-in counts them."""
        units = self.harness.spent()
        self.harness.server.control("stats/reset", {})
        return units

    def _shown(self) -> dict[str, Any]:
        return {m["id"]: m for m in self.harness.box("snapshot")["messages"]}

    def _conversation(self, native_id: str, column: str) -> Any:
        joined = "triage.conversation c JOIN triage.message m ON m.conversation_id = c.id"
        return one(self.connection, f"SELECT {column} FROM {joined} WHERE m.native_id = %s", native_id)
