"""A mailbox with people who wrote to it, the outbox of replies, and a post office in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from tests.builders import message, one
from triage.core.errors import InDoubt
from triage.core.types import Message, Reply, Sent
from triage.ops import care, reply
from triage.ops.report import Report
from triage.store import conversations, db, messages, replies

PRICE = 100


class Post:
    """A replier that keeps what it is given.

    `faults` are raised by send in turn (None: it goes well); an InDoubt after the deed, unless `early`. `blind`: what
    find raises. `visible`: whether find sees what is out. `during` is called while a reply is on its way.
    """

    def __init__(self, *faults: Exception | None, early: bool = False) -> None:
        self.faults = list(faults)
        self.early = early
        self.blind: Exception | None = None
        self.visible = True
        self.during: Callable[[Reply], object] = lambda reply: None
        self.settles = timedelta(minutes=2)
        self.out: dict[str, str] = {}
        self.doubles: list[str] = []
        self.calls = 0
        self._spent: Counter[str] = Counter()

    def price(self, reply: Reply) -> Mapping[str, int]:
        return {"messages.send": PRICE}

    def send(self, reply: Reply) -> Sent:
        self.calls += 1
        fault = self.faults.pop(0) if self.faults else None
        self.during(reply)
        if fault is None or (isinstance(fault, InDoubt) and not self.early):
            self.doubles += [reply.key] if reply.key in self.out else []
            self.out[reply.key] = reply.text
        if fault is not None:
            raise fault
        self._spent["messages.send"] += PRICE
        return Sent(native_id=f"n-{reply.key}", url=f"https://example.org/{reply.key}")

    def find(self, reply: Reply) -> Sent | None:
        if self.blind is not None:
            raise self.blind
        self._spent["threads.get"] += 40
        return Sent(native_id=f"n-{reply.key}") if self.visible and reply.key in self.out else None

    def owed(self) -> dict[str, int]:
        owed = dict(self._spent)
        self._spent.clear()
        return owed


class Desk:
    """`keep` is collect, `say` a responder, `send` the DAG."""

    def __init__(self, connection: Connection, dsn: str) -> None:
        self.connection = connection
        self.dsn = dsn

    def ask(self, name: str, *, minute: float = 0) -> int:
        """A mail; its conversation."""
        return self.keep(message(name, f"t-{name}", minute=minute))

    def keep(self, *mails: Message) -> int:
        """Store mails; the first one's conversation."""
        with db.transaction(self.connection):
            messages.lock_conversations(self.connection, mails, account="care", native_ids=())
            _, touched = messages.upsert(self.connection, mails)
            conversations.refresh(self.connection, touched)
        return int(touched[0])

    def say(self, conversation: int, text: str = "On it.", *, by: str = "ann", key: str | None = None) -> int:
        """Want a reply; its id."""
        with db.transaction(self.connection):
            return replies.write(self.connection, conversation, by=by, text=text, key=key)

    def send(self, post: Post, **given: Any) -> Report:
        """Send what is wanted; the ledger of conversations balances after it."""
        changes = {"patience": timedelta(0), "sleep": lambda seconds: None, **given}
        report = reply.send(self.connection, lambda: post, "care", **changes)
        care.audit(self.connection)
        return report

    def run(self, sql: str, *parameters: Any) -> None:
        """A statement in a transaction of its own."""
        with db.transaction(self.connection):
            db.execute(self.connection, sql, parameters)

    def state(self, reply_id: int) -> str:
        """What a reply is in."""
        return str(one(self.connection, "SELECT state FROM triage.reply WHERE id = %s", reply_id))

    def error(self, reply_id: int) -> str:
        """Why a reply is what it is."""
        return str(one(self.connection, "SELECT error FROM triage.reply WHERE id = %s", reply_id))

    def waits(self, conversation: int) -> bool:
        """Whether somebody waits there."""
        sql = "SELECT state = 'waiting' AS waits FROM triage.conversation WHERE id = %s"
        return bool(one(self.connection, sql, conversation))

    def age(self, **span: float) -> None:
        """So much time passes for what nobody saw the end of."""
        self.run("UPDATE triage.reply SET changed_at = changed_at - %s", timedelta(**span))

    def due(self) -> None:
        """The time that a rest asked for has passed."""
        self.run("UPDATE triage.reply SET not_before = '-infinity'")

    def spent(self) -> int:
        """Units in our ledger."""
        sql = "SELECT coalesce(sum(units), 0) AS units FROM triage.quota_use WHERE NOT reserved"
        return int(one(self.connection, sql))
