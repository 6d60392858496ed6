"""The labels themselves: remembered by id, adopted, made anew, renamed; and what that costs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import table
from tests.ops.desk import BILLING, DELIVERY, NAMES, UNANSWERED, Desk
from triage.store import db

LATE = "delivery is late"
FRENCH = {"delivery": "Triage/Retard, perte, livraison", "unanswered": "Triage/Sans réponse"}


@pytest.fixture
def two(desk: Desk) -> tuple[Desk, str, str]:
    """Two mails about deliveries in conversations of their own, labelled."""
    mails = [desk.deliver(LATE, thread=f"t{i}") for i in (1, 2)]
    desk.round()
    assert [desk.labels(m) for m in mails] == [{UNANSWERED, DELIVERY}] * 2
    desk.round()
    desk.spent()
    return desk, mails[0], mails[1]


def a_day_passes(desk: Desk) -> None:
    with db.transaction(desk.connection):
        db.execute(desk.connection, "UPDATE triage.label SET seen_at = now() - interval '25 hours'")


def stored(desk: Desk) -> dict[str, tuple[str, str]]:
    found = table(desk.connection, "SELECT key, native_id, name FROM triage.label ORDER BY key")
    return {r["key"]: (r["native_id"], r["name"]) for r in found}


class TestIds:
    """A change costs no list of labels."""

    def test_one_more_message_costs_27_units(self, two: tuple[Desk, str, str]) -> None:
        desk, _, _ = two
        mail = desk.deliver(LATE, thread="t3")
        desk.round()
        assert desk.spent() == {"history.list": 2, "messages.get": 20, "messages.modify": 5}
        assert desk.labels(mail) == {UNANSWERED, DELIVERY}

    def test_nothing_new_costs_a_look_at_history(self, two: tuple[Desk, str, str]) -> None:
        desk, _, _ = two
        desk.round()
        assert desk.spent() == {"history.list": 2}

    def test_a_label_that_a_person_renamed_stays_ours(self, two: tuple[Desk, str, str]) -> None:
        desk, first, _ = two
        desk.person("rename_label", label=DELIVERY, name="Parcels")
        mail = desk.deliver(LATE, thread="t3")
        desk.round()
        assert desk.labels(mail) == {UNANSWERED, "Parcels"}
        desk.take_off(first, "Parcels")
        desk.round()
        assert desk.corrections() == [(first, "delivery", None)]
        assert desk.labelled() == {UNANSWERED, "Parcels"}
        assert desk.spent() == {
            "history.list": 4, "messages.get": 20, "messages.modify": 5, "labels.list": 1
        }  # fmt: skip


class TestLost:
    """A label that somebody deleted is made anew, and all that is wanted carries it again."""

    @pytest.mark.parametrize("history", [False, True])
    def test_noticed_with_the_next_change(self, two: tuple[Desk, str, str], history: bool) -> None:
        desk, first, second = two
        desk.reply(second)
        desk.round()
        desk.person("delete_label", label=UNANSWERED, history=history)
        desk.person("delete_label", label=DELIVERY, history=history)
        mail = desk.deliver(LATE, thread="t3")
        desk.round()
        assert desk.labels(mail) == desk.labels(first) == {UNANSWERED, DELIVERY}
        assert desk.labels(second) == {DELIVERY}
        assert (desk.corrections(), desk.audit()) == ([], [])
        assert [desk.state(m) for m in (first, second, mail)] == ["waiting", "answered", "waiting"]
        assert desk.labelled() == {UNANSWERED, DELIVERY}
        desk.round()
        desk.spent()
        desk.round()
        assert desk.spent() == {"history.list": 2}

    def test_noticed_by_the_history_of_its_messages(self, two: tuple[Desk, str, str]) -> None:
        desk, first, second = two
        desk.person("delete_label", label=DELIVERY, history=True)
        desk.round()
        assert desk.labels(first) == desk.labels(second) == {UNANSWERED, DELIVERY}
        assert desk.corrections() == []

    def test_noticed_within_a_day_for_one_unit(self, two: tuple[Desk, str, str]) -> None:
        desk, first, second = two
        desk.person("delete_label", label=DELIVERY)
        desk.round()
        assert desk.labels(first) == {UNANSWERED}
        a_day_passes(desk)
        desk.round()
        assert desk.labels(first) == desk.labels(second) == {UNANSWERED, DELIVERY}
        desk.round()
        desk.spent()
        a_day_passes(desk)
        desk.round()
        desk.round()
        assert desk.spent() == {"history.list": 4, "labels.list": 1}

    def test_a_label_of_its_name_is_adopted(self, two: tuple[Desk, str, str]) -> None:
        desk, first, _ = two
        desk.person("delete_label", label=DELIVERY)
        desk.person("create_label", name=DELIVERY.lower())
        desk.deliver(LATE, thread="t3")
        desk.round()
        assert desk.labelled() == {UNANSWERED, DELIVERY.lower()}
        assert desk.labels(first) == {UNANSWERED, DELIVERY.lower()}

    def test_what_a_person_took_off_is_not_set_again(self, two: tuple[Desk, str, str]) -> None:
        desk, first, second = two
        desk.take_off(first, DELIVERY)
        desk.round()
        desk.person("delete_label", label=DELIVERY)
        a_day_passes(desk)
        desk.round()
        assert desk.labels(first) == {UNANSWERED}
        assert desk.labels(second) == {UNANSWERED, DELIVERY}

    def test_quota_that_ends_meanwhile_loses_nothing(self, two: tuple[Desk, str, str]) -> None:
        desk, first, second = two
        desk.person("delete_label", label=DELIVERY)
        mail = desk.deliver(LATE, thread="t3")
        desk.poll()
        desk.decide()
        for limit in (1, 3, 6, 7, 12, 100):
            with db.transaction(desk.connection):
                db.execute(desk.connection, "DELETE FROM triage.quota_use")
            desk.label(units_per_minute=2 * limit)
        desk.round()
        assert [desk.labels(m) for m in (first, second, mail)] == [{UNANSWERED, DELIVERY}] * 3


class TestRenamed:
    """The configuration gives a label another name: it is renamed, and its messages keep it."""

    def test_every_message_keeps_it(self, two: tuple[Desk, str, str]) -> None:
        desk, first, second = two
        before = stored(desk)
        desk.names |= FRENCH
        desk.round()
        assert desk.labels(first) == desk.labels(second) == set(FRENCH.values())
        assert desk.labelled() == set(FRENCH.values())
        assert {key: label_id for key, (label_id, _) in stored(desk).items()} == {
            key: label_id for key, (label_id, _) in before.items()
        }
        assert desk.spent() == {"history.list": 2, "labels.list": 1, "labels.patch": 10}
        desk.round()
        assert desk.spent() == {"history.list": 2}

    def test_a_persons_name_stays(self, two: tuple[Desk, str, str]) -> None:
        desk, first, _ = two
        desk.person("rename_label", label=DELIVERY, name="Parcels")
        desk.names |= FRENCH
        desk.round()
        assert desk.labels(first) == {FRENCH["unanswered"], "Parcels"}
        desk.spent()
        mail = desk.deliver(LATE, thread="t3")
        desk.round()
        assert desk.labels(mail) == {FRENCH["unanswered"], "Parcels"}
        assert "labels.list" not in desk.spent()

    def test_a_name_that_is_taken_is_told(self, two: tuple[Desk, str, str]) -> None:
        desk, first, _ = two
        desk.person("create_label", name=FRENCH["delivery"])
        desk.names |= FRENCH
        report = desk.label()
        assert len(report.notes) == 1
        assert "cannot be renamed" in report.notes[0]
        assert "another label has that name" in report.notes[0]
        assert desk.labels(first) == {FRENCH["unanswered"], DELIVERY}
        desk.person("delete_label", label=FRENCH["delivery"])
        assert desk.label().notes == []
        assert desk.labels(first) == set(FRENCH.values())

    def test_one_that_is_gone_is_made_under_the_new_name(self, two: tuple[Desk, str, str]) -> None:
        desk, first, _ = two
        desk.person("delete_label", label=DELIVERY)
        desk.names |= FRENCH
        desk.round()
        assert desk.labels(first) == set(FRENCH.values())

    @pytest.mark.parametrize("method", ["labels.list", "labels.patch"])
    def test_trouble_is_a_note_and_the_next_run_tries_again(
        self, two: tuple[Desk, str, str], method: str
    ) -> None:
        desk, first, _ = two
        desk.names |= FRENCH
        desk.harness.fault(method=method, kind="status", status=503, times=3)
        assert "the next run tries again" in desk.label().notes[0]
        desk.round()
        assert desk.labels(first) == set(FRENCH.values())


def test_no_more_labels_than_topics_and_one(desk: Desk) -> None:
    for number, key in enumerate(sorted(NAMES.keys() - {"unsure", "not_crisis", "unanswered"})):
        desk.deliver(f"{key} happened", thread=f"t{number}")
    desk.deliver("not_crisis at all", thread="n")
    desk.deliver("unsure what it is", thread="u")
    desk.person("create_label", name=BILLING.lower())
    desk.round()
    made = desk.labelled()
    assert len(made) == len(NAMES) - 2
    assert {name.casefold() for name in made} <= {name.casefold() for name in NAMES.values()}
    spent: dict[str, Any] = desk.spent()
    assert spent["labels.create"] == 5 * (len(made) - 1)
