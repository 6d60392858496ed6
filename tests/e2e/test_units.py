"""What mail costs in Gmail's units, end to end, on the stand-in that counts them."""

from __future__ import annotations

from benchmarks.units import burst, day, trickle


def test_one_mail_costs_what_cannot_be_avoided() -> None:
    assert trickle()["units a mail"] == 2 + 20 + 5


def test_a_burst_shares_its_calls() -> None:
    row = burst(100)
    assert row["mails labelled"] == 100
    assert row["units"] <= 100 * 20 + 5 * 50 + 6 * 5 + 10


def test_a_day_costs_what_cannot_be_avoided_but_for_making_the_labels() -> None:
    rows = {row["part of the day"]: row for row in day(6, poll=600)}
    assert {rows[part]["ratio"] for part in ("polling", "reading", "unlabelling")} == {1.0}
    made = 6 * (5 + 1)  # each label is looked for once and made once
    assert rows["labelling"]["units"] <= rows["labelling"]["unavoidable"] + made
