"""Drift: told when people write about other things, silent when days merely differ."""

from __future__ import annotations

import random

import pytest

from triage.core.drift import FEWEST, FEWEST_DAYS, Shift, shifts

USUAL = {"delivery": 300, "billing": 150, "unsure": 50}


def day(rng: random.Random, total: int = 400, **more: float) -> dict[str, int]:
    """A day's messages by chance, of the usual mix; `more` are weights of their own."""
    weights = {**USUAL, **more}
    found = dict.fromkeys(weights, 0)
    for topic in rng.choices(list(weights), weights=list(weights.values()), k=total):
        found[topic] += 1
    return found


def test_the_same_mix_is_no_drift() -> None:
    assert shifts([USUAL] * 8, USUAL) == []


def test_what_moved_is_named_the_furthest_first() -> None:
    today = {"delivery": 150, "billing": 150, "unsure": 200}
    assert shifts([USUAL] * 8, today) == [
        Shift(topic="delivery", share=0.3, usual=0.6),
        Shift(topic="unsure", share=0.4, usual=0.1),
    ] or shifts([USUAL] * 8, today) == [
        Shift(topic="unsure", share=0.4, usual=0.1),
        Shift(topic="delivery", share=0.3, usual=0.6),
    ]


def test_a_topic_that_nobody_knew_is_seen() -> None:
    assert [s.topic for s in shifts([USUAL] * 8, USUAL | {"tampering": 200})] == ["tampering", "delivery"]


def test_days_that_differ_by_chance_raise_nothing() -> None:
    rng = random.Random(7)
    alarms = [shifts([day(rng) for _ in range(8)], day(rng)) for _ in range(200)]
    assert [found for found in alarms if found] == []


def test_a_real_change_is_found_among_days_that_differ() -> None:
    rng = random.Random(7)
    found = [shifts([day(rng) for _ in range(8)], day(rng, unsure=200)) for _ in range(50)]
    assert all("unsure" in {s.topic for s in one} for one in found)


def test_days_that_always_differ_much_want_a_larger_change() -> None:
    wild = [{"delivery": 100 + 200 * (n % 2), "billing": 300 - 200 * (n % 2)} for n in range(8)]
    assert shifts(wild, {"delivery": 320, "billing": 80}) == []
    assert shifts([{"delivery": 200, "billing": 200}] * 8, {"delivery": 320, "billing": 80}) != []


@pytest.mark.parametrize(
    ("past", "today"),
    [
        ([USUAL] * (FEWEST_DAYS - 1), {"unsure": 500}),
        ([USUAL] * (FEWEST_DAYS - 1) + [{"delivery": FEWEST - 1}] * 4, {"unsure": 500}),
        ([USUAL] * 8, {"unsure": FEWEST - 1}),
        ([{}] * 8, {}),
    ],
)
def test_too_little_says_nothing(past: list[dict[str, int]], today: dict[str, int]) -> None:
    assert shifts(past, today) == []
