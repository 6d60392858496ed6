"""What an alarm means for the incidents there are: every rule by an example, and the machine by chance."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import START, at
from triage.core.incident import NOTHING, Act, Standing, Stream, act_on, harmless, named
from triage.core.surge import Surge

DEFECT = Stream(name="topic:product_defect", topic="product_defect")
DELIVERY = Stream(name="topic:delivery", topic="delivery")
CARE = Stream(name="account:care", account="care")
BRAND = Stream(name="account:volmera_x", account="volmera_x")
ALL = Stream(name="all")


def surge(kind: Any = "alarm", minute: float = 0) -> Surge:
    return Surge(
        kind=kind, started_at=at(minute - 5), alarmed_at=at(minute), at=at(minute), observed=20, expected=1.0, peak=9,
        severity=2,
    )  # fmt: skip


def standing(number: int = 1, stream: Stream = DEFECT, state: str = "open", **given_: Any) -> Standing:
    return Standing(
        id=number, **{"topic": stream.topic, "account": None, "stream": stream.name, "state": state, **given_}
    )


CASES: dict[str, tuple[Act, Stream, str, list[Standing], dict[str, int]]] = {
    "the first alarm opens": (Act(verb="open", topic="product_defect"), DEFECT, "alarm", [], {}),
    "an incident on another topic is another": (
        Act(verb="open", topic="delivery"), DELIVERY, "alarm", [standing()], {}),
    "the same alarm again is nothing": (NOTHING, DEFECT, "alarm", [standing()], {}),
    "it grows": (
        Act(verb="escalate", incident=1, topic="product_defect"), DEFECT, "escalation", [standing()], {}),
    "a second surge while people still wait": (
        Act(verb="alarm", incident=1, topic="product_defect"), DEFECT, "alarm", [standing(surge_ended_at=at(-60))], {}),
    "the surge ends": (Act(verb="end", incident=1), DEFECT, "end", [standing()], {}),
    "it ends once": (NOTHING, DEFECT, "end", [standing(surge_ended_at=at(-1))], {}),
    "the end of another stream is not its end": (NOTHING, CARE, "end", [standing()], {}),
    "watched, it opens again": (
        Act(verb="reopen", incident=1, topic="product_defect"), DEFECT, "alarm",
        [standing(state="watched", closed_at=at(-60))], {}),
    "what was closed a moment ago stays closed": (
        NOTHING, DEFECT, "alarm", [standing(state="watched", closed_at=at(-1))], {}),
    "and so does what was closed for good": (
        NOTHING, DEFECT, "alarm", [standing(state="closed", closed_at=at(-1))], {}),
    "closed for good long ago, the next is a new one": (
        Act(verb="open", topic="product_defect"), DEFECT, "alarm", [standing(state="closed", closed_at=at(-60))], {}),
    "more mail, nothing read": (Act(verb="open"), CARE, "alarm", [], {"delivery": 1}),
    "more mail, and it is known what about": (
        Act(verb="open", topic="delivery"), CARE, "alarm", [], {"delivery": 16, "billing": 5}),
    "more mail about what is an incident already": (
        Act(verb="join", incident=1, topic="product_defect"), CARE, "alarm", [standing()], {"product_defect": 26}),
    "of an open incident fewer say enough": (
        Act(verb="join", incident=1, topic="product_defect"), CARE, "alarm", [standing()], {"product_defect": 6}),
    "and joined once": (NOTHING, CARE, "escalation", [standing()], {"product_defect": 26}),
    "more mail, but it is praise": (NOTHING, CARE, "alarm", [], {"not_crisis": 19, "delivery": 2}),
    "one volume incident for account and everything": (
        Act(verb="join", incident=1), ALL, "alarm", [standing(stream=CARE, account="care")], {}),
    "another account is another": (
        Act(verb="open"), BRAND, "alarm", [standing(stream=CARE, account="care")], {}),
    "a topic's alarm names what had no name": (
        Act(verb="alarm", incident=1, topic="product_defect"), DEFECT, "alarm",
        [standing(stream=CARE, account="care")], {}),
    "but not while that topic is watched": (
        Act(verb="reopen", incident=2, topic="product_defect"), DEFECT, "alarm",
        [standing(stream=CARE, account="care"), standing(2, state="watched", closed_at=at(-60))], {}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_done(case: str) -> None:
    wanted, stream, kind, known, read = CASES[case]
    assert act_on(stream, surge(kind), known, read, {}) == wanted


def test_a_name_needs_enough_that_was_read_and_more_than_usual() -> None:
    assert named({"delivery": 19}, {}) is None
    assert named({"delivery": 20}, {}) == "delivery"
    assert named({"delivery": 9, "not_crisis": 91}, {"delivery": 0.1}) is None, "as always"
    assert named({"delivery": 40, "not_crisis": 60}, {"delivery": 0.1}) == "delivery"
    assert named({"unsure": 20, "billing": 4}, {"billing": 0.2}) is None, "perhaps more is read in a moment"
    assert named({"unsure": 25, "billing": 5}, {"billing": 0.2}) == "unsure", "nobody has a topic for it yet"
    assert named({"delivery": 30, "not_crisis": 4}, {"delivery": 0.95}) == "delivery", (
        "as always, and much more"
    )
    assert named({}, {}) is None
    assert harmless({"not_crisis": 16, "delivery": 4})
    assert not harmless({"not_crisis": 9})


moves = st.tuples(
    st.sampled_from([DEFECT, DELIVERY, CARE, BRAND, ALL]),
    st.sampled_from(["alarm", "escalation", "end", "close", "forget"]),
    st.dictionaries(
        st.sampled_from(["product_defect", "delivery", "not_crisis", "unsure"]), st.integers(0, 40)
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(moves, max_size=30))
def test_no_two_incidents_are_ever_about_the_same(script: list[Any]) -> None:
    """Whatever streams say and people close: one active incident a topic, and acts only on what there is."""
    known: list[Standing] = []
    for number, (stream, what, read) in enumerate(script):
        now = START + number * timedelta(minutes=10)
        if what in ("close", "forget"):
            known = [_closed(i, "watched" if what == "close" else "closed", now) for i in known]
            continue
        act = act_on(stream, surge(what, number * 10), known, {} if stream.topic else read, {})
        known = _done(act, stream, known, now)
        active = [(i.topic, i.account) for i in known if i.state != "closed"]
        assert len(active) == len(set(active))
        assert act.verb != "end" or what == "end"
        assert what != "end" or act.verb in ("end", "nothing")


def _closed(one: Standing, state: str, now: datetime) -> Standing:
    if one.state == "closed":
        return one
    return replace(one, state=state, surge_ended_at=None, closed_at=now)


def _done(act: Act, stream: Stream, known: list[Standing], now: datetime) -> list[Standing]:
    """What the store makes of an act."""
    if act.verb == "open":
        account = None if act.topic else stream.account
        return [*known, standing(len(known) + 1, stream, topic=act.topic, account=account)]
    found = []
    for one in known:
        if one.id == act.incident:
            assert one.state == ("watched" if act.verb == "reopen" else "open")
            named_now = act.topic if one.topic is None and act.topic else one.topic
            place = None if named_now and one.topic is None else one.account
            of = stream.name if act.verb in ("reopen", "alarm", "escalate") else one.stream
            ended = (
                now
                if act.verb == "end"
                else None
                if act.verb in ("alarm", "escalate")
                else one.surge_ended_at
            )
            one = Standing(
                id=one.id, topic=named_now, account=place, stream=of, state="open", surge_ended_at=ended
            )
        found.append(one)
    return found
