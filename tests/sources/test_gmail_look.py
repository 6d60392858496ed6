"""Looking without reading, and labels that moved, as one walk through history tells them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from demo.common.serving import Server
from tests.sources.contract import Collected, collect, store
from tests.sources.gmail_harness import GmailHarness, ready
from triage.core.errors import CursorExpired
from triage.core.types import Cursor, LabelMove, Page
from triage.sources import gmail_find
from triage.sources.gmail_history import Position, pack, told, unpack


@pytest.fixture
def harness(gmail_server: Server) -> GmailHarness:
    return GmailHarness(gmail_server)


def look(harness: GmailHarness, collected: Collected, **options: Any) -> Page:
    page = harness.source().look(collected.cursor, **options)
    store(page, collected)
    return page


def pull(harness: GmailHarness, collected: Collected) -> Page:
    page = harness.source().pull(collected.cursor)
    store(page, collected)
    return page


class TestLook:
    """Two units, ids only; what it found is read without asking again."""

    def test_nothing_new_costs_two(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        page = look(harness, collected)
        assert (page.has_more, dict(page.units)) == (False, {"history.list": 2})

    def test_a_trickle_of_one_costs_two_and_twenty(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        (one,) = harness.deliver(1)
        page = look(harness, collected)
        assert page.has_more
        assert not page.messages
        page = pull(harness, collected)
        assert [m.key.native_id for m in page.messages] == [one]
        assert not page.has_more
        assert harness.spent() == {"history.list": 2, "messages.get": 20}

    def test_looking_again_before_it_is_read_costs_nothing(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        ids = harness.deliver(2)
        look(harness, collected)
        again = look(harness, collected)
        assert again.has_more
        assert not again.units
        collect(harness, collected)
        assert sorted(collected.given) == sorted(ids)

    def test_what_came_after_the_look_is_found_by_the_next_one(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        first = harness.deliver(1)
        look(harness, collected)
        late = harness.deliver(1)
        assert not pull(harness, collected).has_more
        assert look(harness, collected).has_more
        collect(harness, collected)
        assert collected.given == [*first, *late]

    def test_deletions_come_with_the_look(self, harness: GmailHarness) -> None:
        (one,) = harness.deliver(1)
        collected = collect(harness)
        harness.box("person", {"action": "trash", "message": one})
        page = look(harness, collected)
        assert (page.deleted, page.has_more) == ((one,), False)

    def test_the_first_look_lists_and_reads_nothing(self, harness: GmailHarness) -> None:
        ids = harness.deliver(2)
        collected = Collected()
        assert look(harness, collected).has_more
        assert harness.spent() == {"getProfile": 1, "messages.list": 5}
        collect(harness, collected)
        assert sorted(collected.given) == sorted(ids)

    def test_too_few_units_are_no_reason_to_wake_anybody(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        harness.deliver(1)
        page = look(harness, collected, budget=1)
        assert page.paused
        assert not page.has_more

    def test_an_expired_cursor_is_told(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        harness.expire()
        with pytest.raises(CursorExpired):
            look(harness, collected)


class TestMoves:
    """User labels that came and went."""

    @pytest.fixture
    def harness(self, gmail_server: Server, monkeypatch: pytest.MonkeyPatch) -> GmailHarness:
        monkeypatch.setattr(gmail_find, "MOST_RECORDS", 5)
        made = GmailHarness(gmail_server)
        made.box("person", {"action": "create_label", "name": "Mine"})
        return made

    def label(self, harness: GmailHarness, native_id: str, **change: list[str]) -> None:
        harness.box("person", {"action": "label", "message": native_id, **change})

    def test_the_last_word_on_a_message_and_label_and_no_label_of_gmails(self, harness: GmailHarness) -> None:
        one, two = harness.deliver(2)
        collected = collect(harness)
        self.label(harness, one, add=["Mine"])
        self.label(harness, two, add=["Mine", "STARRED"])
        self.label(harness, one, remove=["Mine", "UNREAD"])
        before = datetime.now(UTC)
        page = look(harness, collected)
        assert [(m.native_id, m.added) for m in page.moved] == [(two, True), (one, False)]
        assert {m.label_id[:6] for m in page.moved} == {"Label_"}
        assert page.walked_at is not None
        assert before <= page.walked_at <= datetime.now(UTC)
        assert not look(harness, collected).moved

    def test_a_removal_and_a_return_on_two_pages_are_one_word(self, harness: GmailHarness) -> None:
        one, two = harness.deliver(2)
        collected = collect(harness)
        self.label(harness, one, add=["Mine"])
        collect(harness, collected)
        self.label(harness, one, remove=["Mine"])
        self.flicker(harness, two)
        self.label(harness, one, add=["Mine"])
        page = look(harness, collected)
        began = page.walked_at
        assert page.has_more, "one page of history proves nothing"
        assert not page.moved
        page = look(harness, collected)
        assert not page.has_more
        assert [(m.native_id, m.added) for m in page.moved] == [(one, True)]
        assert page.walked_at == began

    def test_a_walk_that_starts_again_forgets_what_it_carried(self, harness: GmailHarness) -> None:
        one, two = harness.deliver(2)
        collected = collect(harness)
        self.label(harness, one, add=["Mine"])
        self.flicker(harness, two)
        look(harness, collected)
        assert collected.cursor is not None
        value = {**collected.cursor.value, "page": "no-such-token"}
        assert value["moves"]
        collected.cursor = Cursor(account="care", value=value)
        collect(harness, collected)
        assert [m.added for page in collected.pages for m in page.moved] == [True]

    def test_a_cursor_carries_so_many_and_the_oldest_are_told_at_once(
        self, harness: GmailHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gmail_find, "MOST_MOVES", 1)
        one, two = harness.deliver(2)
        collected = collect(harness)
        self.label(harness, one, add=["Mine"])
        self.label(harness, two, add=["Mine"])
        self.flicker(harness, two)
        pages = [look(harness, collected) for _ in range(2)]
        assert [[m.native_id for m in page.moved] for page in pages] == [[one], [two]]

    def flicker(self, harness: GmailHarness, native_id: str) -> None:
        """As many records as a page holds."""
        for number in range(gmail_find.MOST_RECORDS):
            self.label(harness, native_id, **{"add" if number % 2 else "remove": ["UNREAD"]})


def test_packed_moves_come_back() -> None:
    moves = {("1a", "Label_1"): True, ("1b", "Label_22"): False}
    assert unpack(pack(moves)) == moves
    assert told(pack(moves))[1] == LabelMove(native_id="1b", label_id="Label_22", added=False)


def test_a_cursor_of_another_release_is_read() -> None:
    assert Position.of({"mode": "history", "history_id": "7", "listed": True, "taken_at": 5}) == Position(
        mode="history", history_id="7", taken_at=5
    )
