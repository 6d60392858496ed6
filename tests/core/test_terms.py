"""Which words a surge has, and which messages are read first."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from triage.core.sample import Lead, Reading, leading, pooled, sample
from triage.core.terms import KEPT, Background, emerging, rule, terms

CALM = [
    "Where is my order? It is late again.", "The mixer is great, thank you.", "Can I return the blue kettle?",
    "Où est ma commande ? Elle est en retard.", "Merci pour la réponse, c'est parfait.", "Is the shop open on Sunday?",
] * 60  # fmt: skip
BURST = [
    "The Duo 7 fell while it was running! #mixergate", "My duo 7 too, the head fell down. Is it safe?",
    "La duo 7 est tombée, c'est dangereux #mixergate", "Is the Duo 7 of my mother safe? #MixerGate",
    "duo 7 broken again, is there a recall", "Une duo 7 est tombée chez nous aussi #mixergate",
]  # fmt: skip


@pytest.fixture
def background() -> Background:
    made = Background()
    made.learn(CALM)
    return made


def test_a_text_is_words_tags_names_and_pairs() -> None:
    assert terms("L'usine de #Nice: @Marc, see https://x.example/a or mail a@b.example") == {
        "usine", "#nice", "@marc", "see", "mail", "l usine", "usine de", "de see", "see or", "or mail",
    }  # fmt: skip


def test_what_distinguishes_a_surge(background: Background) -> None:
    found = emerging([(f"p{n}", text) for n, text in enumerate(BURST)], background)
    texts = [term.text for term in found]
    assert {"duo", "#mixergate"} <= set(texts)
    assert not {"the", "is", "est", "la"} & set(texts)
    assert found == sorted(found, key=lambda term: (-term.score, term.text))
    tag = next(term for term in found if term.text == "#mixergate")
    assert (tag.kind, tag.people, tag.usual) == ("hashtag", 4, 0.0)


def test_one_person_is_one(background: Background) -> None:
    assert emerging([("p", f"zebra {n}") for n in range(50)], background) == []


def test_a_pair_says_it_better_than_its_words(background: Background) -> None:
    told = [(f"p{n}", f"{w} brake failure today") for n, w in enumerate(["a", "my", "the", "some", "one"])]
    texts = [term.text for term in emerging(told, background)]
    assert "brake failure" in texts
    assert "brake" not in texts


def test_without_a_background_nothing_breaks() -> None:
    assert len(emerging([(f"p{n}", text) for n, text in enumerate(BURST)], Background())) <= 10
    assert emerging([], Background()) == []


def test_the_rule_is_yaml_for_topics(background: Background) -> None:
    found = emerging([(f"p{n}", text) for n, text in enumerate(BURST)], background)
    read = yaml.safe_load("topics:\n" + rule("product_defect", found, label='The "Duo"'))
    topic = read["topics"]["product_defect"]
    assert topic["hashtags"] == ["#mixergate"]
    assert "duo" in topic["phrases"]
    assert topic["label"]["en"] == 'The "Duo"'


def test_the_background_is_bounded_and_stored() -> None:
    made = Background()
    made.learn(f"word{n} common" for n in range(3 * KEPT))
    state = json.loads(json.dumps(made.dump()))
    assert len(state["counts"]) == KEPT
    assert Background(state).share("common") == pytest.approx(1.0)


@given(st.lists(st.text(max_size=80), max_size=8))
def test_any_text_is_read(texts: list[str]) -> None:
    made = Background()
    made.learn(texts)
    for term in emerging([(str(n), t) for n, t in enumerate(texts)], made, least_people=1):
        assert 0 < term.share <= 1
        assert yaml.safe_load(rule("x", [term]))


class TestSample:
    @given(st.integers(0, 300), st.integers(0, 320))
    def test_no_message_twice_and_no_fewer_than_asked(self, number: int, size: int) -> None:
        ids = [str(n) for n in range(number)]
        chosen = sample(ids, size)
        assert len(chosen) == len(set(chosen)) == min(number, size)
        assert set(chosen) <= set(ids)
        if chosen:
            assert chosen[0] == ids[-1]
            assert size == 1 or number == 1 or chosen[1] == ids[0]

    @given(st.integers(40, 2000), st.integers(9, 40))
    def test_it_is_spread(self, number: int, size: int) -> None:
        places = sorted(int(n) for n in sample([str(n) for n in range(number)], size))
        widest = max(b - a for a, b in pairwise(places))
        assert widest <= number / 8 * 1.1 + 2


def leans(topics: dict[str, int], **chances: float) -> Reading:
    """So many messages decided on these topics; of the unsure ones each leans to topics with these chances."""
    each = {**chances, "not_crisis": 1 - sum(chances.values())} if chances else {}
    return pooled((topic, each if topic == "unsure" else {}) for topic, n in topics.items() for _ in range(n))


NOTHING = Reading()


class TestLeading:
    def test_what_a_sample_is_about(self) -> None:
        lead = leading(leans({"unsure": 20, "product_defect": 18, "delivery": 4}), NOTHING)
        assert lead == Lead(
            topic="product_defect", read=42, share=18 / 42, second="delivery", second_share=4 / 42
        )  # fmt: skip

    def test_what_nobody_is_sure_of_leans_one_way(self) -> None:
        lead = leading(leans({"unsure": 40}, tampering=0.7, delivery=0.1), NOTHING)
        assert lead is not None
        assert (lead.topic, lead.second) == ("tampering", "delivery")
        assert lead.share == pytest.approx(0.7)

    def test_the_usual_is_no_news(self) -> None:
        read = leans({"delivery": 40, "billing": 20})
        assert leading(read, leans({"delivery": 60, "billing": 35, "not_crisis": 5})) is None

    def test_two_topics_alike_name_nothing_yet(self) -> None:
        assert leading(leans({"billing": 12, "delivery": 10}), NOTHING) is None
        lead = leading(leans({"billing": 60, "delivery": 50}), NOTHING)
        assert lead is not None
        assert lead.topic == "billing"

    def test_few_messages_and_no_topics_name_nothing(self) -> None:
        assert leading(leans({"tampering": 19}), NOTHING) is None
        assert leading(leans({"unsure": 50, "not_crisis": 50}), NOTHING) is None

    def test_praise_that_leans_a_little_to_a_topic_names_nothing(self) -> None:
        assert leading(leans({"not_crisis": 200, "unsure": 100}, product_defect=0.6), NOTHING) is None
