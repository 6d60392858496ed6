"""The ledger of units: no two tasks spend the same ones, and a strict Gmail never has to refuse anybody."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from demo.common.serving import Server
from tests.builders import one, shipped_topics, table
from tests.ops.kit import ByWord
from tests.sources.conftest import gmail_server  # noqa: F401
from tests.sources.gmail_harness import ME, PRICES, GmailHarness, mail
from triage.core.errors import Retry
from triage.ops import care, quota
from triage.ops.classify import classify
from triage.ops.collect import collect
from triage.ops.label import label
from triage.ops.quota import Limits
from triage.ops.report import Report
from triage.sources.base import Credentials, SourceSettings, utc_now
from triage.sources.gmail import GmailSource
from triage.store import db, messages

HUNDRED = Limits(account=100)
OTHER = "help@volmera.example"


@pytest.fixture
def ledger(connection: Connection) -> Connection:
    """Two mailboxes and another service, known to the database."""
    with db.transaction(connection):
        for name, source in (("care", "gmail"), ("help", "gmail"), ("volmera_x", "x")):
            messages.register_account(connection, name=name, source=source, labels=source == "gmail")
    return connection


def pass_time(connection: Connection, seconds: float) -> None:
    passed = (timedelta(seconds=seconds),)
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.quota_use SET at = at - %s", passed)
        db.execute(connection, "UPDATE triage.label_outbox SET updated_at = updated_at - %s", passed)


def settle(connection: Connection, grant: quota.Grant, **units: int) -> None:
    with db.transaction(connection):
        quota.settle(connection, grant, units)


def rows(connection: Connection) -> list[dict[str, Any]]:
    return table(connection, "SELECT account, method, units, reserved FROM triage.quota_use ORDER BY id")


def test_what_is_taken_is_gone_for_others_until_it_is_settled(ledger: Connection) -> None:
    first = quota.take(ledger, "care", HUNDRED, want=70)
    second = quota.take(ledger, "care", HUNDRED, want=70)
    third = quota.take(ledger, "care", HUNDRED)
    assert [(g.units, g.in_full) for g in (first, second, third)] == [(70, True), (30, False), (0, False)]
    settle(ledger, first, get=20)
    assert quota.take(ledger, "care", HUNDRED).units == 50
    assert {"account": "care", "method": "get", "units": 20, "reserved": False} in rows(ledger)


def test_without_a_limit_nothing_is_taken_and_all_is_written_down(ledger: Connection) -> None:
    grant = quota.take(ledger, "volmera_x", Limits())
    assert (grant.units, rows(ledger)) == (None, [])
    settle(ledger, grant, post=5000)
    assert rows(ledger) == [{"account": "volmera_x", "method": "post", "units": 5000, "reserved": False}]


def test_a_share_is_kept_for_labels(ledger: Connection) -> None:
    assert quota.take(ledger, "care", HUNDRED, keep=0.1).units == 90
    assert quota.take(ledger, "care", HUNDRED).units == 10


def test_a_project_is_shared_by_the_accounts_of_its_source_only(ledger: Connection) -> None:
    limits = Limits(account=100, project=150)
    assert quota.take(ledger, "volmera_x", limits).units == 100
    assert quota.take(ledger, "care", limits).units == 100
    assert quota.take(ledger, "help", limits).units == 50
    assert quota.take(ledger, "help", Limits(project=200)).units == 50


def test_units_come_back_a_minute_after_they_were_spent(ledger: Connection) -> None:
    settle(ledger, quota.take(ledger, "care", HUNDRED), get=100)
    pass_time(ledger, 59)
    assert quota.take(ledger, "care", HUNDRED).units == 0
    pass_time(ledger, 2)
    assert quota.take(ledger, "care", HUNDRED).units == 100


def test_what_a_killed_task_took_counts_for_a_minute(ledger: Connection) -> None:
    quota.take(ledger, "care", HUNDRED, want=60)
    assert quota.take(ledger, "care", HUNDRED).units == 40
    pass_time(ledger, 61)
    assert quota.take(ledger, "care", HUNDRED).units == 100


class Spender:
    """A source that spent something in a call that raised."""

    def owed(self) -> dict[str, int]:
        return {"history.list": 6}


def test_a_task_that_fails_gives_back_what_it_did_not_spend(ledger: Connection) -> None:
    with pytest.raises(Retry), quota.taken(ledger, Spender(), "care", HUNDRED):
        raise Retry("Gmail is away")
    assert rows(ledger) == [{"account": "care", "method": "history.list", "units": 6, "reserved": False}]


def test_a_task_that_settles_nothing_gives_everything_back(ledger: Connection) -> None:
    with quota.taken(ledger, object(), "care", HUNDRED, want=10) as grant:
        assert grant.units == 10
    assert rows(ledger) == []


def test_many_tasks_at_once_never_take_more_than_there_is(ledger: Connection, dsn: str) -> None:
    limits = Limits(account=1000, project=1500)

    def take_some(number: int) -> int:
        with db.connect(dsn) as own:
            account = "care" if number % 2 else "help"
            return sum(quota.take(own, account, limits, want=90).units or 0 for _ in range(4))

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take_some, range(16)))
    assert sum(taken) == 1500
    used = table(ledger, "SELECT account, sum(units)::int AS units FROM triage.quota_use GROUP BY account")
    assert all(row["units"] <= 1000 for row in used)


def test_the_ledger_is_pruned(ledger: Connection) -> None:
    settle(ledger, quota.take(ledger, "care", HUNDRED), get=1)
    quota.take(ledger, "care", HUNDRED)
    pass_time(ledger, 700)
    assert care.tidy(ledger, keep=timedelta(days=8)) == 1, "a reservation that nobody can hold any more"
    pass_time(ledger, 9 * 86400)
    settle(ledger, quota.take(ledger, "care", HUNDRED), get=2)
    assert care.tidy(ledger, keep=timedelta(days=8)) == 1
    assert [row["units"] for row in rows(ledger)] == [2]


class Hour:
    """Two full mailboxes at a Gmail that refuses the first unit too many, and four tasks that never rest."""

    LIMIT, PROJECT, STEP = 100, 160, 30

    def __init__(self, server: Server, dsn: str, stack: ExitStack) -> None:
        self.harness = GmailHarness(server)
        server.control("mailboxes", {"address": OTHER})
        self.tasks: list[Callable[[], Report]] = []
        for account, address in (("care", ME), ("help", OTHER)):
            raws = (mail(number, body="delivery is late") for number in range(250))
            items = [{"raw": base64.urlsafe_b64encode(raw).decode()} for raw in raws]
            server.control(f"mailboxes/{address}/deliver", {"messages": items})
            rates = {"units_per_minute": self.LIMIT, "project_units_per_minute": self.PROJECT}
            for verb, names in (
                (collect, ()),
                (label, ({"unanswered": "Triage/U", "delivery": "Triage/D"},)),
            ):
                own = stack.enter_context(db.connect(dsn))
                self.tasks.append(partial(verb, own, self.source(account, address), account, *names, **rates))
        server.control("quota", {"limit": self.LIMIT, "project": self.PROJECT})
        server.control("stats/reset", {})

    def source(self, account: str, address: str) -> GmailSource:
        extra = {"api_endpoint": self.harness.server.url, "token": f"token-{address}"}
        settings = SourceSettings(account=account, addresses=(address,), prices=PRICES)
        return GmailSource(settings, Credentials(login=address, extra=extra))

    def step(self, pool: ThreadPoolExecutor, connection: Connection) -> Counter[str]:
        """All four tasks at once, then some seconds pass for Gmail and for the database."""
        reports = list(pool.map(lambda task: task(), self.tasks))
        classify(connection, ByWord(), shipped_topics())
        self.harness.server.control("clock", {"advance": self.STEP})
        pass_time(connection, self.STEP)
        return sum((Counter({report.verb: report.kept}) for report in reports), Counter())


def test_an_hour_at_the_limit_without_one_refusal(
    ledger: Connection, dsn: str, gmail_server: Server  # noqa: F811
) -> None:  # fmt: skip
    with ExitStack() as stack:
        hour = Hour(gmail_server, dsn, stack)
        pool = stack.enter_context(ThreadPoolExecutor(4))
        done = sum((hour.step(pool, ledger) for _ in range(3600 // Hour.STEP)), Counter[str]())
    stats = hour.harness.stats()
    assert stats["errors"] == {}
    assert stats["units"] > 0.85 * Hour.PROJECT * 60
    assert done["collect"] > 300
    assert done["label"] > 60, "labels are starved by reading"
    assert one(ledger, "SELECT sum(units)::int FROM triage.quota_use WHERE NOT reserved") == stats["units"]


class TestWatch:
    """The watch is renewed once a day, within the units."""

    TOPIC = "projects/volmera-mail/topics/care"

    @pytest.fixture
    def source(self, gmail_server: Server) -> GmailSource:  # noqa: F811
        harness = GmailHarness(gmail_server)
        subscription = self.TOPIC.replace("topics", "subscriptions")
        gmail_server.control("pubsub", {"topic": self.TOPIC, "subscription": subscription})
        return harness.source()

    def test_once_a_day(self, ledger: Connection, source: GmailSource) -> None:
        first = care.renew_watch(ledger, source, "care", self.TOPIC)
        assert care.renew_watch(ledger, source, "care", self.TOPIC) == first
        assert [row["units"] for row in rows(ledger)] == [100]
        tomorrow = utc_now() + timedelta(hours=25)
        care.renew_watch(ledger, source, "care", self.TOPIC, now=lambda: tomorrow)
        assert [row["units"] for row in rows(ledger)] == [100, 100]

    def test_not_beyond_the_units(self, ledger: Connection, source: GmailSource) -> None:
        with pytest.raises(Retry, match="too few units"):
            care.renew_watch(ledger, source, "care", self.TOPIC, units_per_minute=99)
        assert rows(ledger) == []
