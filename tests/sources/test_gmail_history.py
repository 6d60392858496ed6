"""Gmail history: additions, deletions, trash and spam; expiry and resync."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from demo.common.serving import Server
from tests.sources.contract import Collected, collect, store
from tests.sources.gmail_harness import GmailHarness, mail, ready
from triage.core.errors import CursorExpired
from triage.core.types import Cursor
from triage.sources.gmail_history import Changes, Position


@pytest.fixture
def harness(gmail_server: Server) -> GmailHarness:
    return GmailHarness(gmail_server)


class TestHistory:
    """Additions, deletions, trash and spam."""

    def pull(self, harness: GmailHarness, collected: Collected) -> Any:
        page = harness.source().pull(collected.cursor)
        store(page, collected)
        return page

    def test_trash_and_back(self, harness: GmailHarness) -> None:
        (one,) = harness.deliver(1)
        collected = collect(harness)
        harness.box("person", {"action": "trash", "message": one})
        assert self.pull(harness, collected).deleted == (one,)
        harness.box("person", {"action": "untrash", "message": one})
        page = self.pull(harness, collected)
        assert page.restored == (one,)
        assert not page.deleted

    def test_deleted_for_good(self, harness: GmailHarness) -> None:
        (one,) = harness.deliver(1)
        collected = collect(harness)
        harness.box("person", {"action": "delete", "message": one})
        page = self.pull(harness, collected)
        assert page.deleted == (one,)
        assert dict(page.units) == {"history.list": 2}

    def test_spam_is_read_only_when_it_turns_out_to_be_none(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        (one,) = harness.put([mail()], labels=["SPAM"])
        assert not self.pull(harness, collected).messages
        harness.box("person", {"action": "label", "message": one, "remove": ["SPAM"], "add": ["INBOX"]})
        assert [m.key.native_id for m in self.pull(harness, collected).messages] == [one]

    def test_drafts_are_never_read(self, harness: GmailHarness) -> None:
        harness.put([mail(1)], labels=["DRAFT"])
        collected = ready(harness)
        harness.put([mail(2)], labels=["DRAFT"])
        page = self.pull(harness, collected)
        assert not collected.given
        assert "messages.get" not in page.units

    def test_gone_between_history_and_get(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        one, two = harness.deliver(2)
        harness.fault(method="messages.get", kind="gone", path=one)
        page = self.pull(harness, collected)
        assert [m.key.native_id for m in page.messages] == [two]
        assert page.deleted == (one,)
        assert not page.quarantined

    def test_trashed_while_it_was_pending(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        (one,) = harness.deliver(1)
        store(harness.source().pull(collected.cursor, budget=2), collected)
        harness.box("person", {"action": "trash", "message": one})
        assert self.pull(harness, collected).deleted == (one,)
        assert not collected.messages

    def test_the_cursor_stays_until_the_last_page_of_history(self, harness: GmailHarness) -> None:
        (one,) = harness.deliver(1)
        collected = collect(harness)
        assert collected.cursor is not None
        start = collected.cursor.value["history_id"]
        for number in range(300):
            change = {"remove": ["UNREAD"]} if number % 2 == 0 else {"add": ["UNREAD"]}
            harness.box("person", {"action": "label", "message": one, **change})
            harness.box(
                "person", {"action": "label", "message": one, "add" if number % 2 else "remove": ["STARRED"]}
            )
        late = harness.deliver(1)
        page = self.pull(harness, collected)
        assert page.has_more, "one page of history proves nothing"
        stood = page.cursor.value["upto"]
        late += harness.deliver(1)
        while page.has_more:
            assert page.cursor.value["history_id"] == start
            page = self.pull(harness, collected)
        assert page.cursor.value["history_id"] == stood != start
        collect(harness, collected)
        assert set(collected.given[1:]) == set(late)

    def test_a_page_token_that_died_starts_the_walk_again(self, harness: GmailHarness) -> None:
        ids = harness.deliver(130)
        collected = collect(harness, pages=1)
        assert collected.cursor is not None
        value = {**collected.cursor.value, "page": "no-such-token"}
        collected.cursor = Cursor(account="care", value=value)
        collect(harness, collected)
        assert set(collected.messages) == set(ids)

    def test_a_history_id_from_another_mailbox_is_an_expired_one(self, harness: GmailHarness) -> None:
        cursor = Cursor(account="care", value={"mode": "history", "history_id": "99999999999", "taken_at": 1})
        with pytest.raises(CursorExpired):
            harness.source().pull(cursor)

    def test_the_first_sync_is_bounded(self, harness: GmailHarness) -> None:
        now = datetime.now(UTC)
        old, new = (int((now - timedelta(days=d)).timestamp() * 1000) for d in (8, 6))
        harness.put([mail(1)], internalDate=old)
        (recent,) = harness.put([mail(2)], internalDate=new)
        assert collect(harness).given == [recent]

    def test_a_resync_is_bounded_and_reads_only_what_is_missing(self, harness: GmailHarness) -> None:
        now = datetime.now(UTC)
        hours_ago = int((now - timedelta(hours=3)).timestamp() * 1000)
        (old,) = harness.put([mail(1)], internalDate=hours_ago)
        collected = collect(harness)
        missed = harness.deliver(1)
        harness.expire()
        source = harness.source(stored={old})
        assert collected.cursor is not None
        page = source.pull(source.resync(collected.cursor))
        assert page.reset
        assert [m.key.native_id for m in page.messages] == missed
        ancient = Cursor(account="care", value={"mode": "history", "history_id": "1", "taken_at": 1})
        reach = int(now.timestamp()) - source.resync(ancient).value["after"]
        assert reach == pytest.approx(28 * 86400, abs=600)

    def test_a_message_that_gmail_never_gives_is_quarantined_in_the_end(self, harness: GmailHarness) -> None:
        collected = ready(harness)
        one, *others = harness.deliver(3)
        harness.fault(method="messages.get", kind="status", status=500, path=one, times=0)
        for _ in range(8):
            page = self.pull(harness, collected)
        assert sorted(collected.given) == sorted(others)
        assert list(collected.quarantined) == [one]
        assert not page.has_more


def test_a_message_that_is_added_and_deleted_in_one_page_is_only_deleted() -> None:
    message = {"message": {"id": "a", "labelIds": ["INBOX"]}}
    changes = Changes().fold([{"messagesAdded": [message]}, {"messagesDeleted": [message]}])
    assert (list(changes.read), list(changes.deleted)) == ([], ["a"])


def test_a_position_survives_json() -> None:
    position = Position(
        mode="history", history_id="7", pending=("a", "b"), tries={"a": 1}, page="p", upto="9"
    )
    assert Position.of(json.loads(json.dumps(position.as_value()))) == position
