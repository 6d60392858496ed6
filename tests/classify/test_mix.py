"""What an inbox is about: doubtful messages lean to what everybody writes of, and a decision made again is the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.classify.mix import SEVERE_LEAST, WINDOW, Fixed, Mix
from triage.classify.pipeline import Classifier

SHARES = {"billing": 0.25, "delivery": 0.5, "safety_injury": 0.25}
DELIVERIES = [[0.2, 0.7, 0.1]] * 60
DOUBT = [[0.46, 0.44, 0.1]]

rows = st.lists(st.tuples(*[st.floats(0.001, 1.0)] * 3), min_size=1, max_size=40)


def test_a_doubtful_message_is_about_what_the_others_are_about() -> None:
    weighed = Mix(SHARES).weigh(np.array(DELIVERIES + DOUBT))
    assert weighed[-1].argmax() == 1


def test_a_message_alone_changes_little() -> None:
    weighed = Mix(SHARES).weigh(np.array(DOUBT))
    assert np.abs(weighed - DOUBT).max() < 0.1


def test_a_corpus_like_inbox_changes_nothing() -> None:
    likely = np.eye(3)[[0, 1, 1, 2] * 50] * 0.97 + 0.01
    mix = Mix(SHARES)
    mix.weigh(likely)
    assert list(mix.times.values()) == pytest.approx([1, 1, 1], abs=0.1)


def test_an_injury_is_not_overlooked_where_nobody_is_ever_hurt() -> None:
    injury = np.array([[0.02, 0.13, 0.85]])
    graver, plain = Mix(SHARES, {"safety_injury"}), Mix(SHARES)
    for mix in (graver, plain):
        for _ in range(20):
            mix.weigh(np.array(DELIVERIES))
    assert graver.times["safety_injury"] == SEVERE_LEAST
    assert (graver.weigh(injury).argmax(), plain.weigh(injury).argmax()) == (2, 1)


def test_what_an_inbox_was_about_fades() -> None:
    mix = Mix(SHARES)
    for _ in range(50):
        mix.weigh(np.array(DELIVERIES))
    assert sum(mix.counts.values()) <= WINDOW + 60
    for _ in range(20):
        mix.weigh(np.array([[0.7, 0.2, 0.1]] * 60))
    assert mix.times["billing"] > 1 > mix.times["delivery"]


@given(rows)
def test_chances_stay_chances_and_can_be_weighed_again(chances: list[tuple[float, ...]]) -> None:
    given_, mix = np.array(chances), Mix(SHARES, {"safety_injury"})
    weighed = mix.weigh(given_)
    assert weighed.sum(axis=1) == pytest.approx(np.ones(len(chances)))
    assert (Fixed(mix.times).weigh(given_) == weighed).all()


@given(rows, rows)
def test_a_mix_goes_on_where_it_was_kept(
    first: list[tuple[float, ...]], then: list[tuple[float, ...]]
) -> None:
    whole = Mix(SHARES)
    whole.weigh(np.array(first))
    kept = Mix(SHARES, counts=whole.counts)
    assert kept.weigh(np.array(then)) == pytest.approx(whole.weigh(np.array(then)), abs=1e-3)


def test_the_classifier_decides_each_message_in_its_own_inbox(classifier: Classifier) -> None:
    parcels = [("", f"Where is parcel {n}? The courier never came to my door.", "en") for n in range(40)]
    doubt = ("", "It has been three weeks, and still nothing at all. What is going on?", "en")
    busy, calm = classifier.mix(), classifier.mix()
    *_, among, apart = classifier.classify([*parcels, doubt, doubt], [*[busy] * 41, calm])
    [alone] = classifier.classify([doubt])

    def chance(found: object) -> float:
        return next(t.score for t in found.topics if t.topic == "delivery")  # type: ignore[attr-defined]

    assert chance(among) > chance(apart)
    assert chance(apart) == pytest.approx(chance(alone), abs=0.2)


def test_a_topic_that_an_older_mix_does_not_know_keeps_its_chance(classifier: Classifier) -> None:
    older = Fixed({topic: 1.0 for topic in classifier.mix().topics if topic != "delivery"})
    parcel = ("", "Where is my parcel? The courier never came to my door.", "en")
    [found], [alone] = classifier.classify([parcel], [older]), classifier.classify([parcel])
    assert found.topic == alone.topic == "delivery"
    assert found.topics[0] == alone.topics[0]
