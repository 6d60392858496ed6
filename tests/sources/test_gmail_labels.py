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
