"""Labels on Gmail messages: few calls, idempotent, whatever Gmail answers."""

from __future__ import annotations

from typing import Any

import pytest

from demo.common.serving import Server
from tests.sources.gmail_harness import GmailHarness
from triage.core.types import LabelChange


@pytest.fixture
def harness(gmail_server: Server) -> GmailHarness:
    return GmailHarness(gmail_server)


class TestLabels:
    """Labels by name, made when missing, few calls."""

    def labels(self, harness: GmailHarness) -> dict[str, set[str]]:
        mine = {"INBOX", "UNREAD"}
        return {m["id"]: set(m["labels"]) - mine for m in harness.box("snapshot")["messages"]}

    def test_more_than_ten_alike_go_together(self, harness: GmailHarness) -> None:
        ids = harness.deliver(14)
        changes = [LabelChange(native_id=i, add=("Triage/A", "Triage/B")) for i in ids[:11]]
        changes += [LabelChange(native_id=i, add=("Triage/B",)) for i in ids[11:]]
        outcome = harness.source().apply(changes)
        assert sorted(outcome.done) == sorted(ids)
        expected = {"labels.list": 1, "labels.create": 10, "messages.batchModify": 50, "messages.modify": 15}
        assert dict(outcome.units) == expected
        assert harness.spent() == expected
        assert [self.labels(harness)[i] for i in ids] == [{"Triage/A", "Triage/B"}] * 11 + [{"Triage/B"}] * 3

    def test_a_second_time_changes_nothing(self, harness: GmailHarness) -> None:
        changes = [LabelChange(native_id=i, add=("Triage/A",)) for i in harness.deliver(2)]
        harness.source().apply(changes)
        before = harness.box("snapshot")
        assert len(harness.source().apply(changes).done) == 2
        assert harness.box("snapshot") == before

    def test_removing(self, harness: GmailHarness) -> None:
        one, two = harness.deliver(2)
        harness.source().apply([LabelChange(native_id=one, add=("Triage/A",))])
        outcome = harness.source().apply(
            [
                LabelChange(native_id=one, add=("Triage/B",), remove=("Triage/A", "Triage/Never made")),
                LabelChange(native_id=two, remove=("Triage/Never made",)),
            ]
        )
        assert sorted(outcome.done) == sorted([one, two])
        assert self.labels(harness) == {one: {"Triage/B"}, two: set()}
        assert "Triage/Never made" not in harness.box("snapshot")["labels"]

    def test_an_empty_change_is_free(self, harness: GmailHarness) -> None:
        outcome = harness.source().apply([LabelChange(native_id="abc")], budget=0)
        assert outcome.done == ("abc",)
        assert not outcome.units

    def test_a_message_that_is_gone(self, harness: GmailHarness) -> None:
        one, two = harness.deliver(2)
        harness.box("person", {"action": "delete", "message": one})
        outcome = harness.source().apply([LabelChange(native_id=i, add=("Triage/A",)) for i in (one, two)])
        assert (outcome.gone, outcome.done) == ((one,), (two,))

    def test_batch_modify_refused_falls_back_to_single_changes(self, harness: GmailHarness) -> None:
        ids = harness.deliver(11)
        harness.fault(method="messages.batchModify", kind="status", status=404)
        outcome = harness.source().apply([LabelChange(native_id=i, add=("Triage/A",)) for i in ids])
        assert sorted(outcome.done) == sorted(ids)
        assert all(self.labels(harness)[i] == {"Triage/A"} for i in ids)

    def test_a_label_that_somebody_made_meanwhile_is_adopted(self, harness: GmailHarness) -> None:
        (one,) = harness.deliver(1)
        harness.box("person", {"action": "create_label", "name": "triage/a"})
        harness.source().apply([LabelChange(native_id=one, add=("Triage/A",))])
        assert self.labels(harness)[one] == {"triage/a"}
        harness.fault(method="labels.create", kind="drop", when="after")
        outcome = harness.source().apply([LabelChange(native_id=one, add=("Triage/B",))])
        assert outcome.done == (one,)
        assert self.labels(harness)[one] == {"triage/a", "Triage/B"}

    @pytest.mark.parametrize("budget", [0, 1, 6, 10, 11, 30])
    def test_the_budget_is_kept(self, harness: GmailHarness, budget: int) -> None:
        ids = harness.deliver(8)
        outcome = harness.source().apply(
            [LabelChange(native_id=i, add=("Triage/A",)) for i in ids], budget=budget
        )
        assert sum(outcome.units.values()) <= budget
        assert len(outcome.done) == max(0, (budget - 6) // 5)
        assert outcome.paused.startswith("quota")

    def test_rate_limit_inside_a_batch_keeps_what_is_done(self, harness: GmailHarness) -> None:
        ids = harness.deliver(5)
        harness.fault(method="messages.modify", kind="status", status=429, skip=2, times=3)
        changes = [LabelChange(native_id=i, add=("Triage/A",)) for i in ids]
        outcome = harness.source().apply(changes)
        assert sorted(outcome.done) == sorted(ids[:2])
        assert outcome.paused.startswith("quota")
        assert not outcome.failed
        assert sum(outcome.units.values()) == 1 + 5 + 10
        assert len(harness.source().apply(changes).done) == 5

    @pytest.mark.parametrize(
        "fault", [{"kind": "truncated"}, {"kind": "status", "status": 503}, {"kind": "drop"}]
    )
    @pytest.mark.parametrize("method", ["batch", "labels.list", "labels.create", "messages.modify"])
    def test_trouble_on_the_way_is_overcome(
        self, harness: GmailHarness, method: str, fault: dict[str, Any]
    ) -> None:
        ids = harness.deliver(3)
        harness.fault(method=method, **fault)
        outcome = harness.source().apply([LabelChange(native_id=i, add=("Triage/A",)) for i in ids])
        assert sorted(outcome.done) == sorted(ids)
        assert all(self.labels(harness)[i] == {"Triage/A"} for i in ids)

    def test_gmail_down_is_a_pause_not_an_error(self, harness: GmailHarness) -> None:
        harness.fault(method="labels.list", kind="status", status=503, times=0)
        outcome = harness.source().apply([LabelChange(native_id="1a", add=("Triage/A",))])
        assert outcome.paused
        assert not outcome.done

    def test_a_name_that_gmail_refuses_is_told(self, harness: GmailHarness) -> None:
        (one,) = harness.deliver(1)
        outcome = harness.source().apply([LabelChange(native_id=one, add=("Inbox/ /x",))])
        assert "Inbox/ /x" in outcome.paused
        assert not outcome.done


class TestKnownIds:
    """The caller remembers ids: no list, until Gmail says that one is gone."""

    def known(self, harness: GmailHarness, *names: str) -> dict[str, str]:
        """Labels of these names, made by us, and their ids."""
        (one,) = harness.deliver(1)
        return dict(harness.source().apply([LabelChange(native_id=one, add=names)]).labels)

    def test_ids_are_told_once(self, harness: GmailHarness) -> None:
        known = self.known(harness, "Triage/A", "Triage/B")
        assert known.keys() == {"Triage/A", "Triage/B"}
        assert {name: i for i, name in harness.source().labels().items() if i in known.values()} == known
        (two,) = harness.deliver(1)
        change = LabelChange(native_id=two, add=("Triage/A",), remove=("Triage/B",))
        outcome = harness.source().apply([change], known=known)
        assert (outcome.done, outcome.labels, dict(outcome.units)) == ((two,), {}, {"messages.modify": 5})

    def test_a_name_that_is_not_known_is_looked_up(self, harness: GmailHarness) -> None:
        known = self.known(harness, "Triage/A", "Triage/B")
        (two,) = harness.deliver(1)
        outcome = harness.source().apply(
            [LabelChange(native_id=two, add=("Triage/A", "Triage/B"))], known={"Triage/A": known["Triage/A"]}
        )
        assert outcome.labels == {"Triage/B": known["Triage/B"]}
        assert dict(outcome.units) == {"labels.list": 1, "messages.modify": 5}

    @pytest.mark.parametrize("count", [2, 11, 60])
    def test_a_deleted_label_is_made_anew_and_what_had_it_is_done_again(
        self, harness: GmailHarness, count: int
    ) -> None:
        known = self.known(harness, "Triage/A", "Triage/B")
        harness.box("person", {"action": "delete_label", "label": "Triage/A"})
        ids = harness.deliver(count)
        changes = [LabelChange(native_id=i, add=("Triage/B",)) for i in ids[: count // 2]]
        changes += [LabelChange(native_id=i, add=("Triage/A",)) for i in ids[count // 2 :]]
        outcome = harness.source().apply(changes, known=known)
        assert (sorted(outcome.done), outcome.failed, outcome.gone) == (sorted(ids), {}, ())
        assert outcome.labels.keys() == {"Triage/A"}
        assert outcome.labels["Triage/A"] != known["Triage/A"]
        assert outcome.units["labels.list"] == 1
        snapshot = {m["id"]: set(m["labels"]) for m in harness.box("snapshot")["messages"]}
        assert all("Triage/B" in snapshot[i] for i in ids[: count // 2])
        assert all("Triage/A" in snapshot[i] for i in ids[count // 2 :])

    def test_a_label_deleted_while_we_send_loses_nothing(self, harness: GmailHarness) -> None:
        """The first fifty were labelled before it was deleted: they are told as done only when they carry it again."""
        known = self.known(harness, "Triage/A")
        ids = harness.deliver(60)
        source = harness.source()
        client, sent = source._client, []
        batch = client.batch

        def deleting(method: str, requests: Any) -> Any:
            answers = batch(method, requests)
            if not sent:
                harness.box("person", {"action": "delete_label", "label": "Triage/A"})
            sent.append(len(requests))
            return answers

        client.batch = deleting  # type: ignore[method-assign]
        changes = [
            LabelChange(native_id=i, add=("Triage/A",), remove=(f"none {n // 5}",)) for n, i in enumerate(ids)
        ]
        known |= {f"none {n}": f"Label_9{n}" for n in range(12)}
        outcome = source.apply(changes, known=known)
        assert sorted(outcome.done) == sorted(ids)
        snapshot = {m["id"]: set(m["labels"]) for m in harness.box("snapshot")["messages"]}
        assert all("Triage/A" in snapshot[i] for i in ids)

    def test_a_refusal_of_the_message_itself_stays_one(self, harness: GmailHarness) -> None:
        known = self.known(harness, "Triage/A")
        one, two = harness.deliver(2)
        harness.box("person", {"action": "delete", "message": one})
        changes = [LabelChange(native_id=i, add=("Triage/A",)) for i in (one, two, "not an id")]
        outcome = harness.source().apply(changes, known=known)
        assert (outcome.gone, outcome.done, outcome.failed.keys()) == ((one,), (two,), {"not an id"})
        assert dict(outcome.units) == {"messages.modify": 15, "labels.list": 1}

    def test_our_other_label_is_not_adopted_for_its_name(self, harness: GmailHarness) -> None:
        """A person gave one of ours the name of another and deleted that one: both stay apart."""
        known = self.known(harness, "Triage/A", "Triage/B")
        harness.box("person", {"action": "delete_label", "label": "Triage/A"})
        harness.box("person", {"action": "rename_label", "label": "Triage/B", "name": "Triage/A"})
        (one,) = harness.deliver(1)
        outcome = harness.source().apply([LabelChange(native_id=one, add=("Triage/A",))], known=known)
        assert not outcome.done
        assert "Triage/A" in outcome.paused

    def test_what_may_have_been_done_is_told_as_failed(self, harness: GmailHarness) -> None:
        known = self.known(harness, "Triage/A")
        (one,) = harness.deliver(1)
        harness.fault(method="batch", kind="drop", when="after", times=0)
        outcome = harness.source().apply([LabelChange(native_id=one, add=("Triage/A",))], known=known)
        assert outcome.paused
        assert outcome.failed.keys() == {one}

    def test_renaming(self, harness: GmailHarness) -> None:
        known = self.known(harness, "Triage/A", "Triage/B")
        source = harness.source()
        assert source.rename(known["Triage/A"], "Triage/C") == ""
        assert source.rename(known["Triage/B"], "Triage/C") == "another label has that name"
        assert source.rename("Label_99", "Triage/D") == "it is not there"
        assert source.labels()[known["Triage/A"]] == "Triage/C"
        assert source.owed() == {"labels.patch": 15, "labels.list": 1}
