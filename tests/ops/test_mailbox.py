"""What a person does to our labels in Gmail is kept and learned from; our own echo is nobody's word."""

from __future__ import annotations

from datetime import timedelta

from tests.builders import START, one
from tests.ops.desk import BILLING, DELIVERY, UNANSWERED, WHO, Desk
from triage.ops import queue, replay
from triage.store import db

LATE = "delivery is late"


class TestTopics:
    """A topic label that a person moved."""

    def test_taken_off_it_stays_off_and_somebody_must_look(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail
        desk.take_off(mail, DELIVERY)
        desk.round()
        desk.round()
        assert desk.labels(mail) == {UNANSWERED}
        assert desk.corrections() == [(mail, "delivery", None)]
        assert desk.decision(mail) == ("unsure", "mailbox", WHO)
        assert (desk.state(mail), desk.topic(mail), desk.pending()) == ("waiting", "unsure", 0)
        assert desk.audit() == [("relabel", WHO, None)]

    def test_moved_to_another_topic(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail
        other = desk.deliver("billing is wrong", thread="t2")
        desk.round()
        desk.person("label", message=mail, add=[BILLING], remove=[DELIVERY])
        desk.round()
        desk.round()
        assert desk.labels(mail) == {UNANSWERED, BILLING}
        assert desk.corrections() == [(mail, "delivery", "billing")]
        assert desk.decision(mail) == ("billing", "mailbox", WHO)
        assert desk.topic(mail) == desk.topic(other) == "billing"
        assert desk.decision(other)[2] == ""

    def test_put_on_beside_ours_it_replaces_ours_and_is_not_removed(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail
        desk.deliver("billing is wrong", thread="t2")
        desk.round()
        desk.put_on(mail, BILLING)
        desk.round()
        assert desk.labels(mail) == {UNANSWERED, BILLING}
        assert desk.corrections() == [(mail, "delivery", "billing")]
        conversation = one(
            desk.connection, "SELECT conversation_id FROM triage.message WHERE native_id = %s", mail
        )
        queue.relabel(desk.connection, conversation, by="Ana", topic="delivery")
        desk.round()
        assert desk.labels(mail) >= {UNANSWERED, BILLING}

    def test_no_machine_overrules_it(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail
        desk.take_off(mail, DELIVERY)
        desk.poll()
        replay.forget(desk.connection, since=START - timedelta(days=3650), account="care")
        desk.round()
        assert desk.decision(mail) == ("unsure", "mailbox", WHO)
        assert desk.labels(mail) == {UNANSWERED}

    def test_open_messages_that_the_person_saw_follow(self, desk: Desk) -> None:
        first, second = desk.deliver(LATE, thread="t1"), desk.deliver("delivery again", thread="t1")
        desk.deliver("billing is wrong", thread="t2")
        desk.round()
        assert (desk.labels(first), desk.labels(second)) == (set(), {UNANSWERED, DELIVERY})
        third = desk.deliver("tampering is what I fear", thread="t1")
        desk.person("label", message=second, add=[BILLING], remove=[DELIVERY])
        desk.round()
        assert desk.decision(first) == desk.decision(second) == ("billing", "mailbox", WHO)
        assert desk.corrections() == [(second, "delivery", "billing")]
        assert desk.decision(third)[0] == "tampering"
        assert desk.decision(third)[1] != "mailbox"

    def test_the_whole_thread_labelled_by_hand_is_one_word(self, desk: Desk) -> None:
        """In Gmail's conversation view a label goes onto every message, our own replies included."""
        first = desk.deliver(LATE, thread="t1")
        desk.deliver("billing is wrong", thread="t2")
        desk.round()
        desk.reply(first)
        second = desk.deliver("delivery is not here", thread="t1")
        desk.round()
        thread = desk._shown()[first]["thread"]
        desk.person("label", thread=thread, add=[BILLING], remove=[DELIVERY])
        desk.round()
        desk.round()
        assert desk.decision(second) == ("billing", "mailbox", WHO)
        assert sorted(desk.corrections()) == sorted(
            [(first, "delivery", "billing"), (second, "delivery", "billing")]
        )
        assert desk.labels(second) == {UNANSWERED, BILLING}
        assert desk.labels(first) == {BILLING}

    def test_a_change_of_mind(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail
        desk.take_off(mail, DELIVERY)
        desk.poll()
        desk.put_on(mail, DELIVERY)
        desk.round()
        assert desk.decision(mail) == ("delivery", "mailbox", WHO)
        assert desk.labels(mail) == {UNANSWERED, DELIVERY}
        desk.take_off(mail, DELIVERY)
        desk.round()
        assert desk.decision(mail) == ("unsure", "mailbox", WHO)
        assert desk.labels(mail) == {UNANSWERED}

    def test_on_an_answered_conversation_it_teaches_and_opens_nothing(
        self, one_mail: tuple[Desk, str]
    ) -> None:
        desk, mail = one_mail
        desk.reply(mail)
        desk.round()
        desk.take_off(mail, DELIVERY)
        desk.round()
        assert desk.corrections() == [(mail, "delivery", None)]
        assert (desk.state(mail), desk.labels(mail)) == ("answered", set())

    def test_a_later_message_does_not_bring_it_back_but_is_unanswered(
        self, one_mail: tuple[Desk, str]
    ) -> None:
        desk, mail = one_mail
        desk.take_off(mail, DELIVERY)
        desk.round()
        desk.reply(mail)
        desk.round()
        later = desk.deliver("delivery is late once more", thread="t1")
        desk.round()
        desk.round()
        assert desk.topic(later) == "delivery"
        assert desk.labels(later) == {UNANSWERED}
        assert desk.pending() == 0
        other = desk.deliver("billing is wrong", thread="t1")
        desk.round()
        assert desk.labels(other) in ({UNANSWERED, BILLING}, {UNANSWERED})
        desk.put_on(later, DELIVERY)
        desk.round()
        newest = desk.deliver("delivery is late for ever", thread="t1")
        desk.round()
        assert DELIVERY in desk.labels(newest)

    def test_a_label_that_is_still_to_be_set_on_a_newer_message_is_not_set(
        self, one_mail: tuple[Desk, str]
    ) -> None:
        desk, mail = one_mail
        later = desk.deliver("delivery is late again", thread="t1")
        desk.poll()
        desk.decide()
        desk.take_off(mail, DELIVERY)
        desk.poll()
        desk.label()
        assert desk.labels(later) == {UNANSWERED}
        assert desk.labels(mail) == {UNANSWERED}


class TestUnanswered:
    """The label that says that somebody waits."""

    def test_taken_off_is_a_dismissal_with_a_reason_and_a_name(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail
        desk.take_off(mail, UNANSWERED)
        desk.round()
        desk.round()
        assert desk.state(mail) == "dismissed"
        assert desk.labels(mail) == {DELIVERY}
        assert desk.audit() == [("dismiss", WHO, "label removed in Gmail")]
        assert desk.corrections() == []
        assert one(desk.connection, "SELECT dismissed FROM triage.ledger") == 1

    def test_a_later_message_opens_a_new_spell(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail
        desk.take_off(mail, UNANSWERED)
        desk.round()
        later = desk.deliver("delivery is still late", thread="t1")
        desk.round()
        assert (desk.state(mail), desk.labels(later)) == ("waiting", {UNANSWERED, DELIVERY})
        assert UNANSWERED not in desk.labels(mail)

    def test_a_message_that_the_person_cannot_have_seen_still_waits(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail
        later = desk.deliver("delivery is still late", thread="t1")
        desk.take_off(mail, UNANSWERED)
        desk.round()
        assert (desk.state(mail), desk.labels(later)) == ("waiting", {UNANSWERED, DELIVERY})

    def test_put_back_undoes_it_and_a_reply_takes_it_off(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail
        since = one(desk.connection, "SELECT waiting_since FROM triage.conversation")
        desk.take_off(mail, UNANSWERED)
        desk.poll()
        desk.put_on(mail, UNANSWERED)
        desk.round()
        assert (desk.state(mail), desk.labels(mail)) == ("waiting", {UNANSWERED, DELIVERY})
        assert one(desk.connection, "SELECT waiting_since FROM triage.conversation") == since
        assert [verb for verb, _, _ in desk.audit()] == ["dismiss", "reopen"]
        desk.reply(mail)
        desk.round()
        assert (desk.state(mail), desk.labels(mail)) == ("answered", {DELIVERY})

    def test_put_back_does_not_undo_a_responders_dismissal(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail
        conversation = one(desk.connection, "SELECT id FROM triage.conversation")
        queue.dismiss(desk.connection, conversation, by="Ana", reason="spam")
        desk.round()
        assert desk.labels(mail) == {DELIVERY}
        desk.put_on(mail, UNANSWERED)
        desk.round()
        desk.round()
        assert desk.state(mail) == "dismissed"
        assert desk.labels(mail) == {UNANSWERED, DELIVERY}
        assert [verb for verb, _, _ in desk.audit()] == ["dismiss"]

    def test_put_back_on_a_whole_thread_leaves_nothing_behind(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail
        desk.reply(mail)
        later = desk.deliver("delivery is still late", thread="t1")
        desk.round()
        desk.take_off(later, UNANSWERED)
        desk.round()
        desk.person("label", thread=desk._shown()[mail]["thread"], add=[UNANSWERED])
        desk.round()
        assert desk.state(mail) == "waiting"
        assert UNANSWERED in desk.labels(later)
        desk.reply(mail)
        desk.round()
        carried = {name for shown in desk._shown().values() for name in shown["labels"]}
        assert UNANSWERED not in carried

    def test_a_lease_does_not_stand_against_it(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail
        queue.claim(desk.connection, count=1, by="Ana")
        desk.take_off(mail, UNANSWERED)
        desk.round()
        assert desk.state(mail) == "dismissed"

    def test_both_labels_taken_off(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail
        desk.take_off(mail, UNANSWERED, DELIVERY)
        desk.round()
        assert (desk.state(mail), desk.labels(mail)) == ("dismissed", set())
        assert desk.decision(mail) == ("unsure", "mailbox", WHO)

    def test_archive_read_star_and_spam_say_nothing(self, one_mail: tuple[Desk, str]) -> None:
        desk, mail = one_mail
        desk.put_on(mail, "STARRED")
        desk.take_off(mail, "INBOX")
        desk.person("create_label", name="Projects")
        desk.put_on(mail, "Projects")
        desk.round()
        assert (desk.state(mail), desk.corrections(), desk.audit()) == ("waiting", [], [])


def test_a_restored_message_is_labelled_again(one_mail: tuple[Desk, str]) -> None:
    desk, mail = one_mail
    with db.transaction(desk.connection):
        db.execute(desk.connection, "UPDATE triage.label_outbox SET gone = true, applied = false")
    desk.harness.box("person", {"action": "label", "message": mail, "remove": [UNANSWERED, DELIVERY]})
    desk.person("trash", message=mail)
    desk.round()
    assert desk.state(mail) == "dismissed"
    desk.person("untrash", message=mail)
    desk.round()
    assert (desk.state(mail), desk.labels(mail)) == ("waiting", {UNANSWERED, DELIVERY})
