"""The models that stand beside ours, trained at run time on the same text: scikit-learn's and spaCy's."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Protocol

import spacy
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC
from spacy.training import Example
from spacy.util import fix_random_seed, minibatch

EPOCHS = 10


class Peer(Protocol):
    """Learns from texts and topics, then names the topic of each text."""

    def fit(self, texts: Sequence[str], truth: Sequence[str]) -> Any:
        """Learn."""

    def predict(self, texts: Sequence[str]) -> Sequence[str]:
        """The likeliest topic of each text."""


def linear_svc() -> Any:
    """Support vectors on words 1-2 and characters 3-5, as scikit-learn's documentation would have it."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    return make_pipeline(make_union(words, grams), LinearSVC())


class SpacyBow:
    """spaCy's own bag-of-words text classifier, as its documentation configures it, for ten rounds."""

    def fit(self, texts: Sequence[str], truth: Sequence[str]) -> SpacyBow:
        """Learn."""
        fix_random_seed(0)
        nlp = spacy.blank("xx")
        model = {
            "@architectures": "spacy.TextCatBOW.v3",
            "exclusive_classes": True,
            "ngram_size": 2,
            "no_output_layer": False,
        }
        nlp.add_pipe("textcat", config={"model": model})
        topics = sorted(set(truth))
        examples = [
            Example.from_dict(
                nlp.make_doc(text), {"cats": {topic: float(topic == right) for topic in topics}}
            )
            for text, right in zip(texts, truth, strict=True)
        ]
        optimizer = nlp.initialize(lambda: examples)
        draw = random.Random(0)
        for _ in range(EPOCHS):
            draw.shuffle(examples)
            for batch in minibatch(examples, size=64):
                nlp.update(batch, sgd=optimizer)
        self._nlp = nlp
        return self

    def predict(self, texts: Sequence[str]) -> list[str]:
        """The likeliest topic of each text."""
        return [max(doc.cats, key=doc.cats.__getitem__) for doc in self._nlp.pipe(texts)]


PEERS: dict[str, Any] = {"LinearSVC": linear_svc, "spaCy BOW": SpacyBow}
