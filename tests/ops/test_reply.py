"""The outbox of replies: at most once, paid for, withdrawn when somebody else was faster, healed where it can be."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import at, message, one, table
from tests.ops.reply_kit import PRICE, Desk, Post
from triage.core.errors import ConfigError, Declined, Fatal, InDoubt, Retry, Skip
from triage.core.types import Direction, Reply
from triage.ops import reply
from triage.store import db, replies
from triage.store.queue import Refused

AS_ANN = "SELECT set_config('triage.acting_for', 'ann', true), "


@pytest.fixture
def desk(connection: Connection, dsn: str) -> Desk:
    return Desk(connection, dsn)


class TestMeanwhile:
    """Answered elsewhere is first-class."""

    def test_who_writes_from_gmail_first_has_answered(self, desk: Desk) -> None:
        post, conversation = Post(), desk.ask("a")
        reply_id = desk.say(conversation)
        desk.keep(
            message("ours", "t-a", direction=Direction.OUTBOUND, author="bob@volmera.example", minute=5)
        )
        report = desk.send(post)
        assert (report.skipped, post.calls, desk.spent()) == (1, 0, 0)
        assert desk.state(reply_id) == "withdrawn"
        when = f"{at(5):%Y-%m-%d %H:%M} UTC"
        assert desk.error(reply_id) == f"answered elsewhere meanwhile by bob@volmera.example at {when}"

    @pytest.mark.parametrize(
        ("act", "words"),
        [
            (AS_ANN + "triage.dismiss(%s, 'spam')", "settled meanwhile: dismiss by ann"),
            (AS_ANN + "triage.answer(%s, 'by phone')", "settled meanwhile: answer by ann"),
            ("UPDATE triage.message SET deleted_at = now() WHERE conversation_id = %s", "is gone"),
        ],
    )
    def test_what_was_settled_is_withdrawn(self, desk: Desk, act: str, words: str) -> None:
        post, conversation = Post(), desk.ask("a")
        reply_id = desk.say(conversation)
        desk.run(act, conversation)
        desk.run("SELECT triage.refresh(ARRAY[%s]::bigint[])", conversation)
        desk.send(post)
        assert (post.calls, desk.state(reply_id)) == (0, "withdrawn")
        assert words in desk.error(reply_id)

    def test_an_answer_that_comes_in_while_ours_goes_out_settles_it_no_less(self, desk: Desk) -> None:
        post, conversation = Post(), desk.ask("a")
        reply_id = desk.say(conversation)

        def answer(_: Reply) -> None:
            with db.connect(desk.dsn) as other:
                ours = message("ours", "t-a", direction=Direction.OUTBOUND, author="bob@x.example", minute=5)
                Desk(other, desk.dsn).keep(ours)

        post.during = answer
        desk.send(post)
        assert (desk.state(reply_id), desk.waits(conversation)) == ("sent", False)

    def test_what_somebody_adds_before_it_goes_out_does_not_stop_it(self, desk: Desk) -> None:
        post, conversation = Post(), desk.ask("a")
        reply_id = desk.say(conversation)
        desk.keep(message("more", "t-a", minute=9))
        desk.send(post)
        assert (desk.state(reply_id), desk.waits(conversation)) == ("sent", False)


class TestRefusals:
    """The platform's no, and troubles of our own."""

    def test_a_refusal_is_shown_and_costs_nothing(self, desk: Desk) -> None:
        post, conversation = Post(Declined("X refuses it (403): not mentioned")), desk.ask("a")
        reply_id = desk.say(conversation)
        report = desk.send(post)
        assert (report.failed, desk.state(reply_id), desk.spent()) == (1, "refused", 0)
        assert desk.waits(conversation)
        deed = table(desk.connection, "SELECT verb, by, reason FROM triage.deeds(%s)", conversation)[-1]
        assert deed == {"verb": "refused", "by": "ann", "reason": "X refuses it (403): not mentioned"}
        desk.say(conversation, "Another try.")
        desk.send(post)
        assert list(post.out.values()) == ["Another try."]

    def test_one_refusal_stops_no_other(self, desk: Desk) -> None:
        post = Post(Declined("no"))
        first, second = desk.say(desk.ask("a")), desk.say(desk.ask("b"))
        desk.send(post)
        assert (desk.state(first), desk.state(second)) == ("refused", "sent")

    def test_a_service_that_asks_for_patience_gets_it(self, desk: Desk) -> None:
        post = Post(Retry("X asks for patience (429)", after=timedelta(minutes=9)))
        ids = [desk.say(desk.ask(name)) for name in "ab"]
        report = desk.send(post)
        assert report.notes == ["X asks for patience (429)"]
        assert [desk.state(i) for i in ids] == ["wanted", "wanted"]
        assert [desk.error(i) for i in ids] == ["X asks for patience (429)"] * 2
        desk.send(post)
        assert post.calls == 1
        rest = "SELECT min(not_before) - clock_timestamp() > interval '8 minutes' AS rest FROM triage.reply"
        assert one(desk.connection, rest)
        desk.due()
        desk.send(post)
        assert [desk.state(i) for i in ids] == ["sent", "sent"]
        assert desk.spent() == 2 * PRICE + 40  # what was handed over before is looked for first

    @pytest.mark.parametrize("error", [Fatal("the scope is missing"), ConfigError("no keys to write with")])
    def test_what_a_person_has_to_mend_fails_the_run_and_is_shown(self, desk: Desk, error: Exception) -> None:
        post = Post(error)
        ids = [desk.say(desk.ask(name)) for name in "ab"]
        with pytest.raises(type(error)):
            desk.send(post)
        assert [(desk.state(i), desk.error(i)) for i in ids] == [("wanted", str(error))] * 2
        assert desk.spent() == 0
        desk.due()
        desk.send(post)
        assert (len(post.out), post.doubles) == (2, [])

    def test_a_connection_that_cannot_write_is_said_to_whoever_wrote(self, desk: Desk) -> None:
        reply_id = desk.say(desk.ask("a"))

        def closed() -> Post:
            raise ConfigError("care: no keys to write with")

        with pytest.raises(ConfigError):
            reply.send(desk.connection, closed, "care")
        assert (desk.state(reply_id), desk.error(reply_id)) == ("wanted", "care: no keys to write with")
        desk.due()
        desk.send(Post())
        assert desk.state(reply_id) == "sent"


class TestDoubt:
    """A lost answer, or a process that died."""

    def test_what_went_out_is_found(self, desk: Desk) -> None:
        post, conversation = Post(InDoubt("the answer was lost")), desk.ask("a")
        reply_id = desk.say(conversation)
        desk.send(post)
        assert (desk.state(reply_id), desk.waits(conversation)) == ("sending", True)
        desk.send(post)
        assert (desk.state(reply_id), desk.waits(conversation), post.calls) == ("sent", False, 1)
        assert desk.spent() == PRICE + 40

    def test_what_did_not_go_out_is_sent_once_it_would_show(self, desk: Desk) -> None:
        post = Post(InDoubt("the answer was lost"), early=True)
        reply_id = desk.say(desk.ask("a"))
        for _ in range(2):
            desk.send(post)
            assert (desk.state(reply_id), post.calls) == ("sending", 1)
        desk.age(minutes=3)
        desk.send(post)
        assert (desk.state(reply_id), post.calls, post.doubles) == ("sent", 2, [])
        assert len(post.out) == 1

    def test_what_shows_late_is_found_before_it_is_sent_again(self, desk: Desk) -> None:
        """It was not there when it was looked for, and is when its turn comes."""
        post = Post(InDoubt("the answer was lost"))
        post.visible = False
        reply_id = desk.say(desk.ask("a"))
        desk.send(post)
        desk.age(minutes=3)
        post.during = lambda _: None
        seen = post.find

        def late(reply: Reply) -> object:
            found = seen(reply)
            post.visible = True
            return found

        post.find = late  # type: ignore[assignment]
        desk.send(post)
        assert (desk.state(reply_id), post.calls, post.doubles) == ("sent", 1, [])

    def test_what_cannot_be_told_is_left_to_a_person(self, desk: Desk) -> None:
        post, conversation = Post(InDoubt("the answer was lost")), desk.ask("a")
        reply_id = desk.say(conversation)
        desk.send(post)
        post.blind = InDoubt("too many posts since")
        desk.send(post)
        assert desk.state(reply_id) == "sending"
        desk.age(minutes=16)
        desk.send(post)
        assert desk.state(reply_id) == "unknown"
        assert "may have gone out" in desk.error(reply_id)
        assert desk.waits(conversation)
        with pytest.raises(Refused, match="may have gone out"):
            desk.say(conversation, "Once more.")
        post.blind = None
        with db.transaction(desk.connection):
            replies.resend(desk.connection, reply_id, by="ann")
        desk.send(post)
        assert (desk.state(reply_id), post.calls, post.doubles) == ("sent", 1, [])

    def test_an_unknown_one_may_be_given_up(self, desk: Desk) -> None:
        conversation = desk.ask("a")
        reply_id = desk.say(conversation)
        desk.run("UPDATE triage.reply SET state = 'unknown'")
        with pytest.raises(Refused, match="is with ann"), db.transaction(desk.connection):
            replies.withdraw(desk.connection, reply_id, by="bob")
        with db.transaction(desk.connection):
            replies.withdraw(desk.connection, reply_id, by="ann")
        assert (desk.state(reply_id), desk.error(reply_id)) == ("withdrawn", "withdrawn by ann")
        assert desk.say(conversation, "Once more.") != reply_id

    @pytest.mark.parametrize("state", ["unknown", "wanted"])
    def test_one_that_was_settled_since_stands_in_nobodys_way(self, desk: Desk, state: str) -> None:
        """It was answered elsewhere; the person writes again, and is answered from here."""
        conversation = desk.ask("a")
        first = desk.say(conversation)
        desk.run("UPDATE triage.reply SET state = %s, not_before = 'infinity'", state)
        desk.keep(message("ours", "t-a", direction=Direction.OUTBOUND, minute=5))
        desk.keep(message("again", "t-a", minute=9))
        second = desk.say(conversation, "Once more.")
        desk.send(Post())
        assert (desk.state(first), desk.error(first)) == ("withdrawn", "settled meanwhile")
        assert desk.state(second) == "sent"

    def test_a_look_that_fails_oddly_stops_no_other(self, desk: Desk) -> None:
        post = Post(InDoubt("lost"))
        first, second = desk.say(desk.ask("a")), desk.say(desk.ask("b"))
        desk.send(post)
        post.blind = Skip("created_at is not a time")
        desk.send(post)
        assert (desk.state(first), desk.state(second)) == ("sending", "sent")
        desk.age(minutes=16)
        desk.send(post)
        assert desk.state(first) == "unknown"

    def test_answers_that_are_lost_again_and_again_end_with_a_person(self, desk: Desk) -> None:
        post = Post(*[InDoubt("lost")] * 5, early=True)
        reply_id = desk.say(desk.ask("a"))
        for _ in range(6):
            desk.send(post)
            desk.age(minutes=3)
        assert (desk.state(reply_id), post.calls) == ("unknown", 3)

    def test_a_reply_in_doubt_stops_no_other(self, desk: Desk) -> None:
        post = Post(InDoubt("lost"), early=True)
        first, second = desk.say(desk.ask("a")), desk.say(desk.ask("b"))
        desk.send(post)
        desk.send(post)
        assert (desk.state(first), desk.state(second)) == ("sending", "sent")


class TestMoney:
    """Quota and cap count before anything goes out."""

    def test_units_are_entered_before_it_goes_out(self, desk: Desk) -> None:
        post, seen = Post(), []
        post.during = lambda _: seen.append(desk.spent())
        desk.say(desk.ask("a"))
        desk.send(post, units_per_minute=6000)
        assert (seen, desk.spent()) == ([PRICE], PRICE)

    def test_a_minute_is_never_overdrawn_and_the_rest_follows(self, desk: Desk) -> None:
        post = Post()
        ids = [desk.say(desk.ask(f"m{n}")) for n in range(5)]
        report = desk.send(post, units_per_minute=250)
        assert [desk.state(i) for i in ids] == ["sent", "sent", "wanted", "wanted", "wanted"]
        assert report.notes == ["the minute's units are spent; the next run goes on"]
        desk.run("UPDATE triage.quota_use SET at = at - interval '61 seconds'")
        desk.send(post, units_per_minute=250)
        assert [desk.state(i) for i in ids].count("sent") == 4

    def test_many_of_the_same_leave_half_of_a_minute_and_come_last(self, desk: Desk) -> None:
        order: list[str] = []
        post = Post()
        post.during = lambda reply: order.append(reply.text)
        for n in range(4):
            conversation = desk.ask(f"m{n}")
            sql = f"SELECT triage.reply(%s, 'bulk {n}', bulk => true)"
            desk.run(sql, conversation)
        desk.say(desk.ask("urgent"), "by hand")
        desk.send(post, units_per_minute=600)
        assert order == ["by hand", "bulk 0", "bulk 1"]

    def test_the_days_cap_holds_and_what_waits_says_so(self, desk: Desk) -> None:
        post = Post()
        ids = [desk.say(desk.ask(f"m{n}")) for n in range(3)]
        report = desk.send(post, units_per_day=250)
        assert [desk.state(i) for i in ids] == ["sent", "sent", "wanted"]
        assert report.notes[0].startswith("cap: $0.000 of today's dollars are left")
        assert desk.error(ids[2]) == report.notes[0]
        desk.due()
        desk.send(post, units_per_day=300)
        assert (desk.state(ids[2]), desk.spent()) == ("sent", 300)


class TestMany:
    """Two senders, many replies, one responder too many."""

    def test_two_senders_at_once_send_each_reply_once(self, desk: Desk) -> None:
        post = Post()
        for n in range(30):
            desk.say(desk.ask(f"m{n}"))
        start = threading.Barrier(3)

        def work() -> None:
            with db.connect(desk.dsn) as own:
                start.wait()
                for _ in range(3):
                    reply.send(own, lambda: post, "care", patience=timedelta(0), sleep=lambda seconds: None)

        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        desk.send(post)
        assert (len(post.out), post.calls, post.doubles) == (30, 30, [])
        assert one(desk.connection, "SELECT count(*) AS n FROM triage.reply WHERE state = 'sent'") == 30

    def test_a_second_run_leaves_the_first_alone(self, desk: Desk) -> None:
        desk.say(desk.ask("a"))
        with db.connect(desk.dsn) as other, db.transaction(other):
            assert replies.lock_account(other, "care")
            post = Post()
            assert desk.send(post).notes == ["another run is sending from this account"]
        assert post.calls == 0

    def test_replies_that_nobody_sends_are_an_alarm(self, desk: Desk) -> None:
        reply_id = desk.say(desk.ask("a"))
        reply.lying(desk.connection, after=timedelta(minutes=10))
        desk.run("UPDATE triage.reply SET wanted_at = wanted_at - interval '11 minutes'")
        desk.age(minutes=11)
        with pytest.raises(Fatal, match=r"care \(1 since"):
            reply.lying(desk.connection, after=timedelta(minutes=10))
        assert reply.waiting(desk.connection, "care") == replies.Waiting(newest=reply_id, count=1)
        desk.run("UPDATE triage.reply SET not_before = now() + interval '1 hour'")
        reply.lying(desk.connection, after=timedelta(minutes=10))
        assert not reply.waiting(desk.connection, "care")
