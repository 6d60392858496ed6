"""The order in which a backlog is read, what finding that order costs, and the room it takes in the cursor."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from demo.common.serving import Server
from tests.sources.contract import Collected, collect, store
from tests.sources.gmail_harness import PRICES, GmailHarness, mail, ready
from triage.core.types import Page
from triage.sources import gmail, gmail_find
from triage.sources.base import SourceSettings
from triage.sources.gmail import GmailSource

URGENT = ("was injured", "a pris feu")


class Backlog(GmailHarness):
    """A mailbox whose source knows urgent phrases and threads in which somebody waits."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.grave: set[str] = set()
        self.asked: list[list[str]] = []

    def source(self, *, stored: set[str] | None = None, **settings: Any) -> GmailSource:
        def grave(threads: Any) -> set[str]:
            self.asked.append(list(threads))
            return self.grave & set(threads)

        options = {"urgent": URGENT, **settings}
        return GmailSource(
            SourceSettings(account="care", addresses=("care@volmera.example",), prices=PRICES, **options),
            self.credentials(),
            known=lambda ids: set(ids) & (stored or set()),
            grave=grave,
        )

    def burst(self, count: int, **bodies: str) -> list[str]:
        """So many mails; `m7="text"` gives the seventh its text."""
        return self.put([mail(n, body=bodies.get(f"m{n}", "")) for n in range(1, count + 1)])


@pytest.fixture
def harness(gmail_server: Server) -> Backlog:
    return Backlog(gmail_server)


def rounds(harness: Backlog, collected: Collected) -> list[Page]:
    """Pages until there is no more."""
    before = len(collected.pages)
    collect(harness, collected)
    return collected.pages[before:]


def ids_of(page: Page) -> list[str]:
    return [m.key.native_id for m in page.messages]


def test_urgent_mail_is_read_first_then_the_oldest(harness: Backlog) -> None:
    collected = ready(harness)
    ids = harness.burst(130, m120="My son was injured by it.", m129="Le mixeur a pris feu.")
    rounds(harness, collected)
    assert collected.given == [ids[119], ids[128], *[i for n, i in enumerate(ids) if n not in (119, 128)]]
    assert harness.spent() == {"history.list": 2, "messages.list": 5, "messages.get": 2600}


def test_a_thread_in_which_somebody_waits_urgently_comes_first_too(harness: Backlog) -> None:
    collected = ready(harness)
    ids = harness.burst(130)
    threads = {m["id"]: m["thread"] for m in harness.box("snapshot")["messages"]}
    harness.grave = {threads[ids[110]]}
    rounds(harness, collected)
    assert collected.given == [ids[110], *ids[:110], *ids[111:]]


def test_a_page_that_is_read_at_once_is_not_put_in_order(harness: Backlog) -> None:
    collected = ready(harness)
    harness.burst(60, m50="She was injured.")
    rounds(harness, collected)
    assert "messages.list" not in harness.spent()
    assert not harness.asked


def test_a_long_walk_is_found_to_its_end_before_anything_is_read(
    harness: Backlog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gmail_find, "MOST_RECORDS", 60)
    collected = ready(harness)
    ids = harness.burst(230, m5="He was injured.", m225="He was injured, too.")
    pages = rounds(harness, collected)
    assert [len(p.messages) for p in pages] == [0, 0, 0, 100, 100, 30]
    assert ids_of(pages[3])[:3] == [ids[4], ids[224], ids[0]]
    assert sorted(collected.given) == sorted(ids)
    assert harness.spent()["messages.list"] == 5, "one search in a walk"


@pytest.mark.parametrize("first_sync", [False, True])
def test_of_a_burst_a_sample_is_read_after_all_that_is_urgent_and_before_the_rest(
    harness: Backlog, monkeypatch: pytest.MonkeyPatch, first_sync: bool
) -> None:
    for name, pages in {"MOST_RECORDS": 60, "MOST_LISTED": 60, "A_MINUTES": 100, "SAMPLED": 4}.items():
        monkeypatch.setattr(gmail_find, name, pages)
    collected = Collected() if first_sync else ready(harness)
    ids = harness.burst(200, m5="He was injured.", m130="She was injured.", m190="He was injured, too.")
    rounds(harness, collected)
    urgent = {ids[n - 1] for n in (5, 130, 190)}
    assert {*collected.given[:3]} == urgent
    sampled = collected.given[3:11]
    assert sampled != sorted(sampled, key=ids.index)
    rest = collected.given[3 + 4 * 4 :]
    assert rest == sorted(rest, key=ids.index)
    assert sorted(collected.given) == sorted(ids)


def test_a_first_sync_reads_the_oldest_first_and_what_is_urgent_before(harness: Backlog) -> None:
    ids = harness.burst(120, m70="My son was injured.")
    collected = collect(harness)
    assert collected.given == [ids[69], *ids[:69], *ids[70:]]


def test_the_cursor_holds_only_so_many(harness: Backlog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gmail_find, "MOST_RECORDS", 60)
    monkeypatch.setattr(gmail, "MOST_PENDING", 110)
    collected = ready(harness)
    ids = harness.burst(260, m250="He was injured.")
    most, pages = 0, 0
    while len(collected.given) < len(ids):
        store(harness.source().pull(collected.cursor), collected)
        assert collected.cursor is not None
        most = max(most, len(collected.cursor.value.get("pending", ())))
        pages += 1
        assert pages < 30
    assert most < 110 + 60
    assert sorted(collected.given) == sorted(ids)


@pytest.mark.parametrize("fault", [{"status": 400}, {"status": 503, "times": 3}, {"status": 429}])
def test_a_search_that_fails_costs_only_the_order(harness: Backlog, fault: dict[str, Any]) -> None:
    collected = ready(harness)
    ids = harness.burst(110, m100="He was injured.")
    harness.fault(method="messages.list", kind="status", **fault)
    rounds(harness, collected)
    assert collected.given == ids


def test_a_search_is_left_out_when_the_units_are_short(harness: Backlog) -> None:
    collected = ready(harness)
    harness.burst(110)
    page = harness.source().pull(collected.cursor, budget=6)
    assert dict(page.units) == {"history.list": 2}


def test_looking_puts_in_order_what_pulling_then_reads(harness: Backlog) -> None:
    collected = ready(harness)
    ids = harness.burst(110, m100="He was injured.")
    source = harness.source()
    page = source.look(collected.cursor)
    store(page, collected)
    assert sum(page.units.values()) == 7 <= source.look_units
    page = source.pull(collected.cursor)
    assert ids_of(page)[0] == ids[99]
    assert sum(page.units.values()) <= source.page_units


def test_phrases_are_quoted_and_as_many_as_fit() -> None:
    assert gmail_find._any_of(['say "no"', "a  b"]) == '{"say no" "a b"}'
    assert gmail_find._any_of([]) == ""
    many = gmail_find._any_of([f"phrase number {n}" for n in range(500)])
    assert len(many) <= gmail_find.MOST_QUERY + 2
    assert many.endswith('"}')


def test_a_burst_costs_what_reading_costs(harness: Backlog) -> None:
    collected = ready(harness)
    ids = harness.burst(300, m290="He was injured.")
    rounds(harness, collected)
    assert collected.given[0] == ids[289]
    assert sum(harness.spent().values()) == 300 * 20 + 2 + 5
    assert collected.cursor is not None
    largest = max(len(json.dumps(dict(p.cursor.value))) for p in collected.pages)
    assert largest < 10_000


def test_a_sample_of_a_burst_is_read_before_its_rest(harness: Backlog) -> None:
    collected = ready(harness)
    ids = harness.burst(420, m200="She was injured.")
    rounds(harness, collected)
    read_first = collected.given[1 : 1 + gmail_find.SAMPLED]
    assert collected.given[0] == ids[199], "urgent mail all the same"
    places = sorted(ids.index(i) for i in read_first)
    assert (places[0], places[-1]) == (0, 419)
    assert max(b - a for a, b in pairwise(places)) <= 60, "spread over all of it"
    rest = collected.given[1 + gmail_find.SAMPLED :]
    assert rest == [i for i in ids if i in {*rest}], "then the oldest"
    assert sorted(collected.given) == sorted(ids)
