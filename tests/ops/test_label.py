"""Labelling: what is pending is sent once, refusals are kept, quota is respected, one run at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import ROOT, message, one, shipped_topics, table
from tests.ops.kit import PRICE, ByWord, Mailbox
from triage import config
from triage.core.types import Cursor, Direction, LabelChange, LabelOutcome, Message
from triage.ops.classify import classify
from triage.ops.collect import collect
from triage.ops.label import PATIENCE, label, label_names
from triage.ops.report import Report
from triage.store import db, labels, messages, quota

NAMES = label_names(config.load(ROOT / "config"))
DELIVERY = {"Triage/Unanswered", "Triage/Delay, loss, delivery"}


def triage(connection: Connection, *page: Message) -> None:
    """Collect and classify a page of the mailbox."""
    with db.transaction(connection):
        db.execute(connection, "DELETE FROM triage.cursor")
    collect(connection, Mailbox(page), "care")
    classify(connection, ByWord(), shipped_topics())


def send(connection: Connection, mailbox: Mailbox, **given: int) -> Report:
    return label(connection, mailbox, "care", NAMES, **given)


def pending(connection: Connection) -> int:
    return int(
        one(
            connection,
            "SELECT count(*) AS n FROM triage.label_outbox WHERE wanted <> applied AND NOT gone AND NOT held",
        )
    )


@pytest.fixture
def three(connection: Connection) -> Connection:
    """Three mails about a delivery, each with two labels to set."""
    triage(connection, *(message(f"m{i}", f"t{i}", text="delivery is late") for i in (1, 2, 3)))
    return connection


def test_labels_are_set_once(three: Connection) -> None:
    mailbox = Mailbox(())
    report = send(three, mailbox)
    assert mailbox.labels == {"m1": DELIVERY, "m2": DELIVERY, "m3": DELIVERY}
    assert (report.read, report.kept, report.units) == (6, 6, {"messages.modify": 3 * PRICE})
    assert (
        one(three, "SELECT sum(units) AS n FROM triage.quota_use WHERE method = 'messages.modify'")
        == 3 * PRICE
    )
    again = send(three, mailbox)
    assert (again.read, len(mailbox.sent)) == (0, 1)


def test_a_reply_takes_the_label_away_and_a_new_message_brings_it_back(three: Connection) -> None:
    mailbox = Mailbox(())
    send(three, mailbox)
    triage(three, message("r1", "t1", minute=9, direction=Direction.OUTBOUND))
    send(three, mailbox)
    assert mailbox.labels["m1"] == DELIVERY - {"Triage/Unanswered"}
    triage(three, message("m4", "t1", minute=12, text="delivery is still late"))
    send(three, mailbox)
    assert mailbox.labels["m4"] == DELIVERY
    assert "r1" not in mailbox.labels


def test_gone_messages_are_not_sent_again(three: Connection) -> None:
    mailbox = Mailbox((), gone=frozenset({"m2"}))
    report = send(three, mailbox)
    assert (report.kept, report.skipped, pending(three)) == (4, 1, 0)
    assert send(three, mailbox).read == 0


def test_a_refusal_is_kept_and_tried_again_by_the_next_run(three: Connection) -> None:
    report = send(three, Mailbox((), refused={"m2": "invalid label"}))
    assert (report.kept, report.failed, pending(three)) == (4, 1, 2)
    errors = table(three, "SELECT DISTINCT native_id, error FROM triage.label_outbox WHERE error IS NOT NULL")
    assert errors == [{"native_id": "m2", "error": "invalid label"}]
    assert send(three, Mailbox(())).kept == 2
    assert one(three, "SELECT count(error) AS n FROM triage.label_outbox") == 0


def test_quota_pauses_and_the_next_run_goes_on(three: Connection) -> None:
    with db.transaction(three):
        db.execute(three, "DELETE FROM triage.quota_use")
        quota.spend(three, "care", {"messages.get": 30})
    mailbox = Mailbox(())
    report = send(three, mailbox, units_per_minute=50)
    assert (mailbox.budgets, report.kept, pending(three)) == ([20], 2, 4)
    assert report.notes == ["paused: quota; the next run goes on"]
    assert send(three, mailbox).kept == 4


def test_batches_follow_one_another(three: Connection) -> None:
    mailbox = Mailbox(())
    assert send(three, mailbox, batch=2).kept == 6
    assert [len(changes) for changes in mailbox.sent] == [1, 1, 1]


def test_a_mailbox_that_does_nothing_ends_the_run(three: Connection) -> None:
    mailbox = Mailbox((), idle=True)
    assert send(three, mailbox).kept == 0
    assert (len(mailbox.sent), pending(three)) == (1, 6)


def test_a_change_of_mind_while_sending_is_sent_next(three: Connection, dsn: str) -> None:
    class Slow(Mailbox):
        """While the labels are on their way, the customer is answered."""

        def apply(self, changes: Sequence[LabelChange], **given: Any) -> LabelOutcome:
            if not self.sent:
                with db.connect(dsn) as other:
                    triage(other, message("r1", "t1", minute=9, direction=Direction.OUTBOUND))
            return super().apply(changes, **given)

    mailbox = Slow(())
    send(three, mailbox)
    assert mailbox.labels["m1"] == DELIVERY - {"Triage/Unanswered"}
    assert pending(three) == 0


def test_two_runs_do_not_label_one_mailbox(three: Connection, dsn: str) -> None:
    with db.connect(dsn) as other:
        with db.transaction(other):
            assert labels.lock_account(other, "care")
        assert send(three, Mailbox(())).notes == ["another run is labelling this account"]
        labels.unlock_account(other, "care")
    assert send(three, Mailbox(())).kept == 6


def test_a_topic_that_left_the_configuration_does_not_stop_the_others(three: Connection) -> None:
    names = {key: name for key, name in NAMES.items() if key != "delivery"}
    report = label(three, Mailbox(()), "care", names)
    assert report.kept == 3
    assert report.notes == [
        "labels of topics that left topics.yaml stay as they are: delivery; put them back to remove them"
    ]


def test_changes_wait_while_reading_is_behind_but_not_for_ever(three: Connection) -> None:
    with db.transaction(three):
        messages.write_cursor(three, Cursor(account="care"), behind=True)
    report = send(three, Mailbox(()))
    assert (report.read, report.notes) == (0, ["6 changes wait until reading has caught up"])
    with db.transaction(three):
        overdue = "UPDATE triage.label_outbox SET updated_at = now() - %s WHERE native_id = 'm1'"
        db.execute(three, overdue, (PATIENCE,))
    assert send(three, Mailbox(())).kept == 2
    with db.transaction(three):
        messages.write_cursor(three, Cursor(account="care"))
    assert send(three, Mailbox(())).kept == 4


def test_the_newest_open_message_carries_the_labels(three: Connection) -> None:
    mailbox = Mailbox(())
    triage(three, message("m4", "t1", minute=4, text="delivery is still late"))
    send(three, mailbox)
    assert mailbox.labels == {"m2": DELIVERY, "m3": DELIVERY, "m4": DELIVERY}
    triage(three, message("m5", "t1", minute=5, text="billing is wrong too"))
    send(three, mailbox)
    assert mailbox.labels["m4"] == {"Triage/Unanswered"}
    assert mailbox.labels["m5"] == {"Triage/Unanswered", "Triage/Billing, refund"}
    triage(three, message("r1", "t1", minute=9, direction=Direction.OUTBOUND))
    send(three, mailbox)
    assert [i for i, carried in mailbox.labels.items() if "Triage/Unanswered" in carried] == ["m2", "m3"]


def test_label_names_follow_the_language() -> None:
    settings = config.load(ROOT / "config")
    french = settings.model_copy(
        update={"triage": settings.triage.model_copy(update={"label_language": "fr"})}
    )
    assert label_names(french)["unanswered"] == "Triage/Sans réponse"
    assert label_names(french)["delivery"] == "Triage/Retard, perte, livraison"
    assert len(set(NAMES.values())) == len(NAMES) == 19
