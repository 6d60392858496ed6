"""Lists of a long queue: no filter, and no combination of them, makes the database look at many rows for a page."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import make_dsn

from benchmarks.queue_page import LISTS
from benchmarks.queue_page_fill import fill
from demo.postgres import Postgres
from tests.builders import table
from tests.conftest import administer
from triage.ops import queue
from triage.store import db
from triage.store.queue import MOST_ALIKE

MOST = 4000
"""Entries of the queue that may be looked at for a page of 51 rows, in a queue of any length."""

TURNS = 4
"""So often is each list asked for, with other values."""


class _Explained(Cursor):
    def execute(self, query: Any, vars: Any = None) -> None:
        super().execute(
            query.replace("EXECUTE ", "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE "), vars
        )


class Explaining(Connection):
    """A connection that asks, and gives the plan instead of the answer."""

    def cursor(self, *_: object, **__: object) -> Cursor:
        return super().cursor(cursor_factory=_Explained)


@pytest.fixture(
    scope="module", params=[10_000, pytest.param(100_000, marks=pytest.mark.slow)], ids="{:,}".format
)
def long_queue(request: pytest.FixtureRequest, module_dsn: str, postgres: Postgres) -> Iterator[str]:
    """A queue of so many rows that wait, and ten times as many messages, analysed; `plans_responder` may log in."""
    with db.connect(module_dsn) as connection:
        if request.param > 10_000:
            with db.transaction(connection):
                db.execute(connection, "DROP TABLE IF EXISTS public.sentence, public.name")
                db.execute(connection, "TRUNCATE triage.conversation, triage.audit CASCADE")
        fill(connection, request.param)
    administer(postgres, "CREATE ROLE plans_responder LOGIN PASSWORD 'secret' IN ROLE triage_responder")
    yield module_dsn
    administer(postgres, "DROP ROLE plans_responder")


def nodes(plan: dict[str, Any], *, below: bool = False) -> Iterator[tuple[dict[str, Any], bool]]:
    """Every node, and whether it counts how many say the same."""
    below = below or plan.get("Parent Relationship") == "SubPlan"
    yield plan, below
    for child in plan.get("Plans", ()):
        yield from nodes(child, below=below)


def looked_at(node: dict[str, Any]) -> float:
    """Entries that a scan of the queue met, chosen or not."""
    if node.get("Relation Name") != "unanswered_queue":
        return 0
    met = (
        node["Actual Rows"]
        + node.get("Rows Removed by Filter", 0)
        + node.get("Rows Removed by Index Recheck", 0)
    )
    return float(met * node["Actual Loops"])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("what", LISTS)
@pytest.mark.parametrize(
    "login", [{}, {"user": "plans_responder", "password": "secret"}], ids=["all", "served"]
)
def test_a_page_looks_at_few_rows(long_queue: str, what: str, login: dict[str, str]) -> None:
    """For the page, and for a responder's own login, whose accounts a policy chooses."""
    rng = random.Random(what)
    with closing(Explaining(make_dsn(long_queue, **login))) as asking:
        for _ in range(TURNS):
            (told,) = LISTS[what](asking, rng, 0)  # type: ignore[misc]
            found = list(nodes(told["QUERY PLAN"][0]["Plan"]))
            names = {
                node["Node Type"] for node, _ in found if node.get("Relation Name") == "unanswered_queue"
            }
            assert "Seq Scan" not in names
            assert sum(looked_at(node) for node, alike in found if not alike) <= MOST
            assert sum(looked_at(node) for node, alike in found if alike) <= 51 * MOST_ALIKE


def test_every_list_finds_what_a_scan_finds(long_queue: str) -> None:
    """However it is put together, a page is the first rows of the whole queue that match."""
    with db.connect(long_queue) as connection:
        everyone = table(connection, "SELECT * FROM triage.unanswered_queue")
        (moment,) = table(connection, "SELECT now() AS at")
        day = moment["at"] - timedelta(hours=24)
        everyone.sort(key=lambda r: (r["priority"], r["due_at"], r["conversation_id"]))
        listed = [r for r in everyone if not r["follower"] and not r["held"] and r["snoozed_until"] is None]
        tests: list[tuple[dict[str, Any], Any]] = [
            ({}, lambda r: True),
            ({"topic": "delivery"}, lambda r: r["topic"] == "delivery"),
            ({"lang": "de"}, lambda r: r["lang"] == "de"),
            ({"source": "gmail"}, lambda r: r["source"] == "gmail"),
            ({"account": "newsroom", "lang": "fr"}, lambda r: (r["account"], r["lang"]) == ("newsroom", "fr")),
            ({"source": "x", "topic": "boycott"}, lambda r: (r["source"], r["topic"]) == ("x", "boycott")),
            ({"older": timedelta(hours=24)}, lambda r: r["waiting_since"] < day),
            ({"older": timedelta(hours=24), "lang": "fr", "source": "bluesky"},
             lambda r: r["waiting_since"] < day and (r["lang"], r["source"]) == ("fr", "bluesky")),
            ({"overdue": True, "topic": "not_crisis"},
             lambda r: r["topic"] == "not_crisis" and r["due_at"] < moment["at"]),
        ]  # fmt: skip
        for wanted, right in tests:
            expected = [r["conversation_id"] for r in listed if right(r)][:120]
            found: list[dict[str, Any]] = []
            for _ in range(3):
                last = found[-1] if found else None
                after = last and queue.Place(
                    priority=last["priority"], due_at=last["due_at"], conversation_id=last["conversation_id"]
                )
                found += queue.page(connection, queue.Wanted(**wanted), limit=40, after=after)
            assert [r["conversation_id"] for r in found] == expected, wanted
