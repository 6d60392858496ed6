"""What an alarm means for the incidents there are: every rule by an example, and the machine by chance."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import START, at
from triage.core.incident import NOTHING, Act, Standing, Stream, act_on, harmless, named, renamed
from triage.core.sample import Reading, pooled
from triage.core.surge import Surge

DEFECT = Stream(name="topic:product_defect", topic="product_defect")
DELIVERY = Stream(name="topic:delivery", topic="delivery")
CARE = Stream(name="account:care", account="care")
BRAND = Stream(name="account:volmera_x", account="volmera_x")
ALL = Stream(name="all")
UNSURE_ONES = Stream(name="topic:unsure", topic="unsure")


def surge(kind: Any = "alarm", minute: float = 0) -> Surge:
    return Surge(
        kind=kind, started_at=at(minute - 5), alarmed_at=at(minute), at=at(minute), observed=20, expected=1.0, peak=9,
        severity=2,
    )  # fmt: skip


def read(topics: dict[str, int], **leaning: float) -> Reading:
    """Messages that were decided so; what is unsure leans to these topics, if any are given."""
    return pooled((t, leaning if t == "unsure" else {}) for t, n in topics.items() for _ in range(n))


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
    "what nobody is sure of is about what it leans to": (
        Act(verb="open", topic="delivery"), UNSURE_ONES, "alarm", [], {"unsure": 9, "delivery": 25}),
    "or a matter of its own": (Act(verb="open", topic="unsure"), UNSURE_ONES, "alarm", [], {"unsure": 6}),
    "which waits for its name like any other volume": (
        Act(verb="join", incident=1), UNSURE_ONES, "alarm", [standing(stream=CARE, account="care")], {"unsure": 9}),
    "or is an incident already": (
        Act(verb="join", incident=1, topic="product_defect"), UNSURE_ONES, "alarm", [standing()],
        {"unsure": 9, "product_defect": 8}),
    "a volume that grows names what it was": (
        Act(verb="escalate", incident=1, topic="delivery"), CARE, "escalation",
        [standing(stream=CARE, account="care")], {"delivery": 40}),
    "but not while that topic is watched": (
        Act(verb="reopen", incident=2, topic="product_defect"), DEFECT, "alarm",
        [standing(stream=CARE, account="care"), standing(2, state="watched", closed_at=at(-60))], {}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_done(case: str) -> None:
    wanted, stream, kind, known, about = CASES[case]
    assert act_on(stream, surge(kind), known, read(about), Reading()) == wanted


def name_of(about: dict[str, int], usual: dict[str, int], **leaning: float) -> str | None:
    lead = named(read(about, **leaning), read(usual))
    return lead.topic if lead else None


def test_a_name_needs_enough_that_was_read_and_more_than_usual() -> None:
    always = {"delivery": 10, "not_crisis": 90}
    assert name_of({"delivery": 19}, {}) is None
    assert name_of({"delivery": 20}, {}) == "delivery"
    assert name_of({"delivery": 9, "not_crisis": 91}, always) is None, "as always"
    assert name_of({"delivery": 40, "not_crisis": 60}, always) == "delivery"
    assert name_of({"unsure": 20, "billing": 4}, {"billing": 2, "not_crisis": 8}) is None, (
        "perhaps in a moment"
    )
    assert name_of({"unsure": 25, "billing": 5}, {"billing": 2, "not_crisis": 8}) == "unsure", "a new matter"
    assert name_of({"unsure": 25, "billing": 5}, {}, tampering=0.8, delivery=0.2) == "tampering"
    assert name_of({"unsure": 25, "billing": 5}, {}, tampering=0.55, delivery=0.45) is None, (
        "one of them, soon"
    )
    assert name_of({"unsure": 40}, {}, not_crisis=0.7, delivery=0.3) is None, "no matter at all"
    assert name_of({"delivery": 30, "not_crisis": 4}, {"delivery": 95, "not_crisis": 5}) == "delivery", (
        "as always, and much more"
    )
    assert name_of({}, {}) is None


def test_enough_harmless_messages_are_no_crisis() -> None:
    assert harmless(read({"not_crisis": 16, "delivery": 4}))
    assert harmless(read({"unsure": 30}, not_crisis=0.9, delivery=0.1))
    assert not harmless(read({"not_crisis": 9}))
    assert not harmless(read({"unsure": 30}, not_crisis=0.6, delivery=0.4))


def test_a_name_is_taken_back_only_for_one_that_clearly_leads() -> None:
    def after_all(about: dict[str, int]) -> str | None:
        lead = renamed("delivery", read(about), read({"delivery": 10, "not_crisis": 90}))
        return lead.topic if lead else None

    assert after_all({"delivery": 30}) is None
    assert after_all({"delivery": 12, "billing": 60}) == "billing"
    assert after_all({"delivery": 40, "billing": 60}) is None, "both"
    assert after_all({"billing": 19}) is None, "too few"


moves = st.tuples(
    st.sampled_from([DEFECT, DELIVERY, UNSURE_ONES, CARE, BRAND, ALL]),
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
    for number, (stream, what, about) in enumerate(script):
        now = START + number * timedelta(minutes=10)
        if what in ("close", "forget"):
            known = [_closed(i, "watched" if what == "close" else "closed", now) for i in known]
            continue
        act = act_on(
            stream, surge(what, number * 10), known, read(about) if stream.sampled else Reading(), Reading()
        )
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
