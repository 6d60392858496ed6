"""The Gmail source against the strict stand-in, over HTTP: the contract, what things cost, the budget."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

import pytest

from demo.common.serving import Server
from tests.sources.contract import SourceContract, collect, store
from tests.sources.gmail_faults import GMAIL, FaultyHarness
from tests.sources.gmail_harness import GmailHarness, ready
from tests.sources.social_faults import play
from triage.core.errors import Retry


@pytest.fixture
def harness(gmail_server: Server) -> GmailHarness:
    return GmailHarness(gmail_server)


class TestGmailContract(SourceContract):
    """Every rule of the contract, for Gmail."""

    faults: ClassVar[tuple[str, ...]] = tuple(GMAIL)

    @pytest.fixture
    def harness(self, gmail_server: Server) -> FaultyHarness:
        return FaultyHarness(gmail_server)

    def test_every_fault_is_met(self, harness: FaultyHarness, fault: str) -> None:
        outcome = play(harness, fault, GMAIL[fault])
        assert (outcome.lost, outcome.doubled, outcome.quarantined) == (0, 0, 0)
        assert outcome.met or fault in ONLY_FIRST


ONLY_FIRST = {name for name, fault in GMAIL.items() if any("getProfile" in str(step) or "messages.list" in str(step)
              for step in fault.steps)}  # fmt: skip
"""Some rules of these wait for what only a first pull does."""


class TestCost:
    """What things cost, as the stand-in counts it and as the source says."""

    def test_a_poll_without_news_is_two_units(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        page = harness.source().pull(collected.cursor)
        assert dict(page.units) == {"history.list": 2}
        assert harness.spent() == {"history.list": 2}

    def test_new_messages_cost_twenty_each_and_the_page_two(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        harness.deliver(120)
        collect(harness, collected)
        assert harness.spent() == {"history.list": 2, "messages.get": 2400}
        assert sum(sum(p.units.values()) for p in collected.pages[1:]) == 2402
        assert harness.stats()["batches"] == {"count": 3, "largest": 50}

    def test_the_first_sync_lists_five_hundred_for_five(self, harness: GmailHarness) -> None:
        harness.deliver(120)
        collected = collect(harness)
        expected = {"getProfile": 1, "messages.list": 5, "settings.sendAs.list": 1, "messages.get": 2400}
        assert harness.spent() == expected
        total: dict[str, int] = {}
        for page in collected.pages:
            total = {name: total.get(name, 0) + page.units.get(name, 0) for name in {*total, *page.units}}
        assert total == expected

    def test_what_is_stored_is_not_read_again(self, harness: GmailHarness) -> None:
        ids = harness.deliver(3)
        page = harness.source(stored=set(ids[:2])).pull(None)
        assert [m.key.native_id for m in page.messages] == ids[2:]
        assert page.units["messages.get"] == 20

    def test_units_of_a_failed_pull_are_told_with_the_next_page(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        harness.fault(method="history.list", kind="status", status=500, times=3)
        source = harness.source()
        with pytest.raises(Retry):
            source.pull(collected.cursor)
        assert dict(source.pull(collected.cursor).units) == {"history.list": 8}


class TestBudget:
    """Never more units than given; what is left waits in the cursor."""

    @pytest.mark.parametrize("budget", [2, 21, 22, 50, 62, 500, 1022])
    def test_the_budget_is_kept(self, harness: GmailHarness, budget: int) -> None:
        collected = ready(harness)
        ids = harness.deliver(60)
        page = harness.source().pull(collected.cursor, budget=budget)
        assert sum(page.units.values()) <= budget
        assert len(page.messages) == (budget - 2) // 20
        assert page.paused.startswith("quota")
        assert page.has_more
        store(page, collected)
        collect(harness, collected)
        assert sorted(collected.given) == sorted(ids)
        assert harness.spent()["history.list"] == 2

    @pytest.mark.parametrize("budget", [0, 1])
    def test_too_little_for_anything_changes_nothing(self, harness: GmailHarness, budget: int) -> None:
        collected = ready(harness)
        page = harness.source().pull(collected.cursor, budget=budget)
        assert page.paused.startswith("quota")
        assert page.cursor == collected.cursor
        assert not page.units
        first = harness.source().pull(None, budget=5)
        assert first.paused.startswith("quota")
        assert not first.units

    def test_the_minute_of_gmail_itself(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        ids = harness.deliver(80)
        harness.server.control("quota", {"limit": 1000})
        page = harness.source().pull(collected.cursor)
        assert 0 < len(page.messages) < 50
        assert page.paused.startswith("quota")
        assert sum(page.units.values()) == harness.stats()["units"] <= 1000
        store(page, collected)
        with pytest.raises(Retry) as refusal:
            harness.source().pull(collected.cursor)
        assert refusal.value.after > timedelta(0)
        harness.server.control("clock", {"advance": 61})
        while len(collected.given) < 80:
            store(harness.source().pull(collected.cursor), collected)
            harness.server.control("clock", {"advance": 61})
        assert sorted(collected.given) == sorted(ids)
