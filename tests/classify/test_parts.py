from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.classify import corpus
from triage.classify.calibrate import thresholds
from triage.classify.decide import Taxonomy, decide
from triage.classify.language import identify
from triage.classify.linear import Scorer, Table, Weights, neighbours
from triage.classify.pipeline import MODEL, Classifier
from triage.classify.rules import Hit, Rule
from triage.classify.text import MAX_CHARS, clean, fold, tokens
from triage.classify.vectors import VECTORS
from triage.core.types import UNSURE, DecidedBy


def test_the_shipped_model_was_trained_on_this_corpus(classifier: Classifier) -> None:
    assert classifier.settings.corpus == corpus.digest(corpus.read()), (
        "the corpus changed: run `triage train`"
    )


def test_the_model_stays_small() -> None:
    shipped = [f for folder in (MODEL, VECTORS) for f in folder.rglob("*") if f.is_file()]
    assert sum(f.stat().st_size for f in shipped) <= 25 * 2**20


def test_the_digest_changes_with_a_message_and_not_with_blank_lines(tmp_path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "en" / "billing.txt"
    file.parent.mkdir()
    file.write_text("one\ntwo\n", encoding="utf-8")
    first = corpus.digest(corpus.read(tmp_path))
    file.write_text("one\n\n two \n", encoding="utf-8")
    assert corpus.digest(corpus.read(tmp_path)) == first
    file.write_text("one\ntoo\n", encoding="utf-8")
    assert corpus.digest(corpus.read(tmp_path)) != first


@given(st.text(alphabet=st.characters(), max_size=300))
def test_tokens_lose_nothing_and_offsets_point_home(text: str) -> None:
    cleaned = clean(text)
    words, spaces = tokens(cleaned.text)
    assert "".join(w + " " * s for w, s in zip(words, spaces, strict=True)) == cleaned.text
    for start in range(len(cleaned.text)):
        where, end = cleaned.original(start, start + 1)
        assert end == where + 1
        assert text[where] == cleaned.text[start] or not cleaned.text[start].isalnum()


def test_a_huge_text_is_cut() -> None:
    assert len(clean("x" * 10 * MAX_CHARS).text) == MAX_CHARS


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("Décollé", ["decolle"]),
        ("SOOOOOO", ["soo"]),
        ("#VolmeraRecall", ["volmera", "recall"]),
        ("@brand", ["<user>"]),
        ("https://t.co/x", ["<url>"]),
        ("re\u200bcall", ["recall"]),
        ("𝐑𝐞𝐜𝐚𝐥𝐥", ["recall"]),
        ("123456789", ["000000"]),
        ("...", []),
        ("!!!", ["!"]),
    ],
)
def test_folding(token: str, words: list[str]) -> None:
    assert fold(token) == words


@pytest.mark.parametrize(
    ("text", "known", "lang"),
    [
        ("The mixer is on fire and it will not stop", "", "en"),
        ("Le colis est arrivé cassé et vous ne répondez pas", "", "fr"),
        ("Mein Paket ist immer noch nicht angekommen", "", "de"),
        ("Где мой заказ?", "", "ru"),
        ("O liquidificador pegou fogo e queimou minha mão", "", "pt"),
        ("Where is it", "fr-CA", "fr"),
        ("Where is it and who will bring the thing", "und", "en"),
        ("😀", "", "und"),
        ("help", "", "en"),
    ],
)
def test_languages(text: str, known: str, lang: str) -> None:
    assert identify(text, known) == lang


def test_the_corpus_is_read_as_what_it_is() -> None:
    wrong = [e.text for e in corpus.read() if identify(e.text) != e.lang]
    assert len(wrong) <= len(corpus.read()) // 200


def test_no_message_of_the_corpus_is_written_twice() -> None:
    examples = corpus.read()
    assert [(examples[a].text, examples[b].text) for a, b in corpus.near_duplicates(examples)] == []


def test_near_duplicates_are_found() -> None:
    texts = [
        "my parcel has been stuck in Lyon for nine days and nobody answers the phone",
        "my parcel has been stuck in Lille for nine days and nobody answers the phone",
        "Nobody answers the phone when I ask about my parcel",
        "ok",
        "OK!",
    ]
    examples = [corpus.Example(text=text, topic="delivery", lang="en") for text in texts]
    assert corpus.near_duplicates(examples) == [(0, 1)]
    assert corpus.near_duplicates([*examples, examples[3]]) == [(0, 1), (3, 5)]


TAXONOMY = Taxonomy(
    severity={"grave": 1, "mild": 3, "none": 4},
    threshold={"fast": {"grave": 0.3, "mild": 0.6}, "encoder": {}},
)


def hit(topic: str) -> Hit:
    return Hit(rule=Rule(target=topic, kind="phrase", value=topic), start=0, end=1)


@pytest.mark.parametrize(
    ("guess", "score", "hits", "lang", "topic", "by"),
    [
        ("mild", 0.7, [], "en", "mild", DecidedBy.MODEL),
        ("mild", 0.5, [], "en", UNSURE, DecidedBy.MODEL),
        ("grave", 0.4, [], "en", "grave", DecidedBy.MODEL),
        ("grave", 0.9, [], "de", UNSURE, DecidedBy.MODEL),
        ("none", 0.9, [], "en", UNSURE, DecidedBy.MODEL),
        ("grave", 0.2, [hit("mild")], "en", "mild", DecidedBy.RULE),
        ("grave", 0.4, [hit("mild")], "en", "grave", DecidedBy.MODEL),
        ("grave", 0.4, [hit("mild")], "de", "mild", DecidedBy.RULE),
        ("mild", 0.9, [hit("grave")], "en", "grave", DecidedBy.RULE),
        ("mild", 0.1, [hit("none"), hit("none"), hit("mild")], "en", "mild", DecidedBy.RULE),
    ],
)
def test_deciding(guess: str, score: float, hits: list[Hit], lang: str, topic: str, by: DecidedBy) -> None:
    verdict = decide({guess: score}, guess, hits, lang, TAXONOMY)
    assert (verdict.topic, verdict.by) == (topic, by)


def test_thresholds_prefer_recall_where_it_is_grave() -> None:
    chance = np.linspace(0.99, 0.2, 40)
    truth = np.array((["a"] * 20) + ["b"] * 20)
    scores = np.stack([chance, np.zeros(40)], axis=1)
    strict = thresholds(scores, ["a", "b"], truth, set())[0]
    assert thresholds(scores, ["a", "b"], truth, {"a"})[0] < strict
    assert (truth[chance >= strict] == "a").mean() >= 0.8


def test_a_score_is_the_sum_of_what_its_tokens_gave() -> None:
    own = np.array([5, 0, 7], np.uint32)
    keys, at = neighbours(own, np.zeros(3, np.int64))
    assert at.tolist() == [[0, 2]]
    assert len(keys) == 1
    draw = np.random.default_rng(0)
    from triage.classify.features import word_features

    words = ["Where", "is", "my", "parcel", "?", "parcel"]
    found = sorted({k for w in words for part in word_features(w)[1:] for k in part})
    spoken = sorted({k for w in words for k in word_features(w)[1]})

    def table(keys: list[int]) -> Table:
        return Table(
            keys=np.array(keys, np.uint32),
            idf=draw.uniform(0.5, 3, len(keys)).astype(np.float16),
            rows=draw.integers(-127, 127, (len(keys), 2)).astype(np.int8),
            scale=np.array([0.01, 0.02], np.float32),
        )

    pairs = neighbours(np.array([word_features(w)[0] for w in words], np.uint32), np.zeros(6, np.int64))[0]
    weights = Weights(
        seen=table(sorted({*found, *pairs.tolist()})),
        vectors=table(spoken),
        bias=np.array([0.5, -0.5], np.float32),
    )
    batch = Scorer(weights).score([words, [], ["zzz"]])
    given = [batch.given_in(number) for number in range(3)]
    assert [len(g(0)) for g in given] == [6, 0, 1]
    for topic in (0, 1):
        assert given[0](topic).sum() + weights.bias[topic] == pytest.approx(batch.scores[0, topic], abs=1e-4)
    assert batch.scores[1].tolist() == [0.5, -0.5]
