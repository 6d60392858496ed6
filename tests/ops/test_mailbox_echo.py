"""Our own label changes come back in history, and so do pages stored before: that is nobody's word."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from psycopg2.extras import Json

from tests.builders import one, table
from tests.ops.desk import DELIVERY, UNANSWERED, Desk
from triage.core.types import LabelMove
from triage.ops import queue
from triage.ops.collect import collect
from triage.ops.mailbox import follow
from triage.sources import gmail_find
from triage.store import db

LATE = "delivery is late"


class TestEcho:
    """Our own changes come back in history; so do pages that were stored before."""

    def test_off_and_on_again_between_two_polls(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail
        conversation = one(desk.connection, "SELECT id FROM triage.conversation")
        for topic in ("billing", "delivery", "billing", "delivery"):
            queue.relabel(desk.connection, conversation, by="Ana", topic=topic)
            desk.label()
        desk.round()
        assert desk.labels(mail) == {UNANSWERED, DELIVERY}
        assert desk.corrections() == []
        assert {by for _, by, _ in desk.audit()} == {"Ana"}

    def test_a_page_between_our_removal_and_our_readding(self, one_mail: tuple[Desk, str]) -> None:
        """The walk ends before we set the label again, and its page is stored after."""
        desk, _ = one_mail
        conversation = one(desk.connection, "SELECT id FROM triage.conversation")
        queue.relabel(desk.connection, conversation, by="Ana", topic="billing")
        desk.label()
        pulled = desk.source.pull

        class Slow:
            name, apply, labels, owed = "gmail", desk.source.apply, desk.source.labels, desk.source.owed

            def pull(self, *given: object, **named: object) -> object:
                page = pulled(*given, **named)  # type: ignore[arg-type]
                queue.relabel(desk.connection, conversation, by="Ana", topic="delivery")
                desk.label()
                return page

        collect(desk.connection, Slow(), "care")  # type: ignore[arg-type]
        desk.round()
        assert desk.corrections() == []
        assert desk.decision(one_mail[1])[2] == "Ana"

    def test_a_change_that_is_on_its_way_explains_a_move(self, one_mail: tuple[Desk, str]) -> None:
        """Gmail did it, the run died before it could note so: the echo is ours all the same."""
        desk, mail = one_mail
        conversation = one(desk.connection, "SELECT id FROM triage.conversation")
        queue.relabel(desk.connection, conversation, by="Ana", topic="billing")

        living = desk.source

        class Killed(Exception):
            """What ends the run."""

        class Dying:
            name, labels, owed = "gmail", living.labels, living.owed

            def apply(self, *given: object, **named: object) -> object:
                living.apply(*given, **named)  # type: ignore[arg-type]
                raise Killed

        desk.source = Dying()  # type: ignore[assignment]
        with pytest.raises(Killed):
            desk.label()
        desk.source = living
        desk.poll()
        assert desk.corrections() == []
        queue.relabel(desk.connection, conversation, by="Ana", topic="delivery")
        desk.poll()
        desk.round()
        desk.round()
        assert desk.labels(mail) == {UNANSWERED, DELIVERY}
        assert desk.corrections() == []

    def test_the_same_page_twice(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail
        cursor = table(desk.connection, "SELECT version, value FROM triage.cursor")
        desk.person("label", message=mail, remove=[UNANSWERED, DELIVERY])
        desk.poll()
        seen = desk.corrections(), desk.audit(), outbox(desk)
        with db.transaction(desk.connection):
            value = Json(cursor[0]["value"])
            db.execute(desk.connection, "UPDATE triage.cursor SET value = %s", (value,))
        desk.poll()
        assert (desk.corrections(), desk.audit(), outbox(desk)) == seen
        assert len(desk.corrections()) == 1

    def test_pages_of_one_walk(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        mails = [desk.deliver(LATE, thread=f"t{i}") for i in range(4)]
        desk.round()
        monkeypatch.setattr(gmail_find, "MOST_RECORDS", 1)
        ours = [
            one(desk.connection, "SELECT id FROM triage.conversation WHERE key = %s", t) for t in keys(desk)
        ]
        for conversation in ours[:2]:
            queue.relabel(desk.connection, conversation, by="Ana", topic="billing")
        desk.label()
        for conversation in ours[:2]:
            queue.relabel(desk.connection, conversation, by="Ana", topic="delivery")
        desk.label()
        desk.take_off(mails[3], DELIVERY)
        desk.round()
        assert desk.corrections() == [(mails[3], "delivery", None)]
        assert [desk.labels(m) for m in mails] == [{UNANSWERED, DELIVERY}] * 3 + [{UNANSWERED}]

    def test_what_we_were_about_to_do_is_no_word(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail
        desk.reply(mail)
        desk.poll()
        desk.take_off(mail, UNANSWERED)
        desk.poll()
        desk.spent()
        report = desk.label()
        assert (report.read, desk.spent(), desk.audit()) == (0, {}, [])
        assert (desk.state(mail), desk.labels(mail)) == ("answered", {DELIVERY})

    def test_moves_of_unknown_messages_and_labels(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail

        def never() -> Mapping[str, str]:
            raise AssertionError("nothing was taken off")

        label_id = one(desk.connection, "SELECT native_id FROM triage.label WHERE key = 'delivery'")
        moves = [
            LabelMove(native_id="unknown", label_id=label_id, added=False),
            LabelMove(native_id=mail, label_id="Label_999", added=False),
        ]
        with db.transaction(desk.connection):
            assert follow(desk.connection, "care", moves, ago=timedelta(0), still_there=never) == []


def keys(desk: Desk) -> list[str]:
    return [r["key"] for r in table(desk.connection, "SELECT key FROM triage.conversation ORDER BY id")]


def outbox(desk: Desk) -> list[dict[str, object]]:
    return table(desk.connection, "SELECT * FROM triage.label_outbox ORDER BY message_id, label")
