"""The contract of a source as tests that every source inherits.

A test module of a source subclasses `SourceContract` (named `Test…`, so that pytest collects it), sets
`faults` to the names its harness can inject, and gives a fixture `harness` that yields a `Harness` around a
stand-in server. Everything goes over HTTP; nothing of the source is replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import pytest

from triage.core.errors import CursorExpired, Retry
from triage.core.types import Cursor, Direction, Message, Page
from triage.sources.base import Source


class Harness(Protocol):
    """One account at a stand-in server."""

    several_pages: int
    """So many messages do not fit into one page."""

    def source(self) -> Source:
        """A new source object, as a new process would make it."""

    def deliver(self, count: int) -> list[str]:
        """So many new, readable messages by strangers to us, each in a conversation of its own; native ids."""

    def reply(self, native_id: str) -> str:
        """We answer that message in the service itself, without our tool; the native id of the answer."""

    def deliver_unreadable(self) -> str:
        """One item that the source cannot read; its native id."""

    def expire(self) -> None:
        """Make every cursor given so far too old."""

    def inject(self, fault: str) -> None:
        """Let the server spoil its next answer (or answers) in that way."""


@dataclass
class Collected:
    """What a collector stored: messages by native id, and how often each was given."""

    cursor: Cursor | None = None
    messages: dict[str, Message] = field(default_factory=dict)
    given: list[str] = field(default_factory=list)
    quarantined: dict[str, str] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    resets: int = 0


def store(page: Page, collected: Collected) -> None:
    """What the product does with a page, in one transaction: items and cursor."""
    collected.pages.append(page)
    for message in page.messages:
        collected.messages[message.key.native_id] = message
        collected.given.append(message.key.native_id)
    collected.quarantined |= {item.key.native_id: item.reason for item in page.quarantined}
    collected.deleted += page.deleted
    collected.resets += page.reset
    collected.cursor = page.cursor


def collect(harness: Harness, collected: Collected | None = None, *, pages: int = 100) -> Collected:
    """Pull until there is no more, each page with a new source; Retry and expired cursors as in triage/ops."""
    collected = collected or Collected()
    refusals = 0
    for _ in range(pages):
        source = harness.source()
        try:
            page = source.pull(collected.cursor)
        except CursorExpired:
            assert collected.cursor is not None
            collected.cursor = source.resync(collected.cursor)
            continue
        except Retry:
            refusals += 1
            assert refusals < 5, "the source never recovers"
            continue
        store(page, collected)
        if not page.has_more:
            return collected
    return collected


Tell = Callable[[str, object], None]


class SourceContract:
    """Inherit it, set `faults`, give the fixture `harness`."""

    faults: ClassVar[tuple[str, ...]] = ()

    @pytest.fixture
    def harness(self) -> Any:
        """Overridden by the source's tests."""
        raise AssertionError("give a fixture `harness`")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each fault the harness knows."""
        if "fault" in metafunc.fixturenames:
            metafunc.parametrize("fault", self.faults)

    def test_first_pull_gives_what_is_there(self, harness: Harness) -> None:
        ids = harness.deliver(3)
        collected = collect(harness)
        assert sorted(collected.given) == sorted(ids)
        for message in collected.messages.values():
            assert message.direction is Direction.INBOUND
            assert message.text
            assert message.author
            assert message.conversation
            assert message.url.startswith("https://")
            assert message.sent_at.utcoffset() is not None
            assert message.fetched_at.utcoffset() is not None

    def test_several_pages_give_everything_once(self, harness: Harness) -> None:
        ids = harness.deliver(harness.several_pages)
        collected = collect(harness)
        assert len(collected.pages) > 1
        assert sorted(collected.given) == sorted(ids)

    def test_increment_gives_only_what_is_new(self, harness: Harness) -> None:
        first = collect_after(harness, harness.deliver(2))
        new = harness.deliver(2)
        collect(harness, first)
        assert sorted(first.given[2:]) == sorted(new)

    def test_nothing_new_gives_nothing(self, harness: Harness) -> None:
        collected = collect_after(harness, harness.deliver(1))
        collect(harness, collected)
        assert len(collected.given) == 1
        assert not collected.pages[-1].messages

    @pytest.mark.parametrize("crash_after", [0, 1])
    def test_resumes_after_a_crash_between_pages(self, harness: Harness, crash_after: int) -> None:
        ids = harness.deliver(harness.several_pages)
        collected = collect(harness, pages=crash_after)
        lost = harness.source().pull(collected.cursor)
        assert lost.messages, "the page that is lost held nothing: the crash proves nothing"
        collect(harness, collected)
        assert sorted(collected.given) == sorted(ids)

    def test_messages_that_arrive_between_pages_are_not_lost(self, harness: Harness) -> None:
        ids = harness.deliver(harness.several_pages)
        collected = collect(harness, pages=1)
        late = harness.deliver(2)
        collect(harness, collected)
        collect(harness, collected)
        assert set(collected.messages) == {*ids, *late}

    def test_repeated_pull_of_one_cursor_gives_the_same(self, harness: Harness) -> None:
        collected = collect_after(harness, harness.deliver(1))
        harness.deliver(3)
        first, second = (harness.source().pull(collected.cursor) for _ in range(2))
        assert {m.key for m in first.messages} == {m.key for m in second.messages}
        assert [m.text for m in first.messages] == [m.text for m in second.messages]
        assert len(first.messages) == 3

    def test_pulling_leaves_the_cursor_it_was_given_alone(self, harness: Harness) -> None:
        collected = collect_after(harness, harness.deliver(1))
        assert collected.cursor is not None
        before = dict(collected.cursor.value)
        harness.deliver(1)
        harness.source().pull(collected.cursor)
        assert dict(collected.cursor.value) == before

    def test_expired_cursor_is_closed_by_a_resync(self, harness: Harness) -> None:
        collected = collect_after(harness, harness.deliver(2))
        missed = harness.deliver(2)
        harness.expire()
        with pytest.raises(CursorExpired):
            harness.source().pull(collected.cursor)
        collect(harness, collected)
        assert collected.resets == 1
        assert set(missed) <= set(collected.messages)
        new = harness.deliver(1)
        collect(harness, collected)
        assert set(new) <= set(collected.messages)
        assert collected.resets == 1

    def test_unreadable_item_is_quarantined_and_the_rest_is_read(self, harness: Harness) -> None:
        before = harness.deliver(1)
        broken = harness.deliver_unreadable()
        after = harness.deliver(1)
        collected = collect(harness)
        assert set(collected.messages) == {*before, *after}
        assert list(collected.quarantined) == [broken]
        assert collected.quarantined[broken]

    def test_our_own_reply_comes_back_as_outbound(self, harness: Harness) -> None:
        (asked,) = harness.deliver(1)
        collected = collect_after(harness, [asked])
        answer = harness.reply(asked)
        collect(harness, collected)
        assert collected.messages[answer].direction is Direction.OUTBOUND
        assert collected.messages[answer].conversation == collected.messages[asked].conversation

    def test_recovers_without_losing_or_doubling(
        self, harness: Harness, fault: str, record_property: Tell
    ) -> None:
        collected = collect_after(harness, harness.deliver(2))
        ids = harness.deliver(5)
        harness.inject(fault)
        collect(harness, collected)
        collect(harness, collected)
        tell(record_property, ids, collected.given[2:])
        assert sorted(collected.given[2:]) == sorted(ids)
        assert not collected.quarantined

    def test_recovers_in_the_first_pull(self, harness: Harness, fault: str, record_property: Tell) -> None:
        ids = harness.deliver(5)
        harness.inject(fault)
        collected = collect(harness)
        collect(harness, collected)
        tell(record_property, ids, collected.given)
        assert sorted(collected.given) == sorted(ids)


def tell(record_property: Tell, ids: list[str], given: list[str]) -> None:
    """For the table of faults: how many messages were lost, and how many came twice."""
    record_property("lost", len(set(ids) - set(given)))
    record_property("doubled", len(given) - len(set(given)))


def collect_after(harness: Harness, ids: list[str]) -> Collected:
    """A collector that has seen exactly these."""
    collected = collect(harness)
    assert sorted(collected.given) == sorted(ids)
    return collected
