"""Training: what config.cfg declares, run by `triage train`. The only part that needs scikit-learn.

The same corpus gives the same bytes on the same machine and library versions.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example as SpacyExample
from spacy.util import load_config, load_model_from_config, registry

from triage.classify import calibrate, corpus, pipeline
from triage.classify.calibrate import Array, Flags, Judged
from triage.classify.document import LANG, TEXT, WORDS
from triage.classify.encoder import Encoder, load_encoder, shown
from triage.classify.fitting import (
    Blend,
    Choices,
    Labels,
    blend,
    discriminant,
    held_out,
    margins,
    other_hands,
    random_folds,
)
from triage.classify.linear import Weights
from triage.classify.matrix import Matrix
from triage.classify.textcat import Head, Settings, TextCat, Trained
from triage.classify.vectors import read as read_vectors
from triage.config import load_topics
from triage.core.errors import ConfigError

CONFIG = Path(__file__).with_name("config.cfg")

HEAD_SCALE = 5.0
"""What learning multiplies the encoder's vectors by, so that one prior suits both readers' features."""


@registry.readers("triage.Corpus.v1")  # type: ignore[untyped-decorator,unused-ignore]
def _reader(path: str) -> Callable[[Language], Iterable[SpacyExample]]:
    """Examples of a corpus folder (empty path: the shipped one), topic in `cats`, language in `user_data`."""

    def read(nlp: Language) -> Iterator[SpacyExample]:
        for one in corpus.read(Path(path) if path else corpus.CORPUS):
            doc = nlp.make_doc(one.text)
            doc.cats = {one.topic: 1.0}
            doc.user_data[LANG] = one.lang
            yield SpacyExample(doc.copy(), doc)

    return read


def train(
    out: Path = pipeline.MODEL,
    corpus_dir: Path | None = None,
    encoder: Callable[[], Encoder | None] = load_encoder,
) -> Settings:
    """Train as config.cfg says and replace the model at `out`; what was found. Raises ConfigError.

    Where `encoder` gives none, the model has no second reader.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise ConfigError(
            "training needs scikit-learn; install it: pip install 'inbox-triage[train]'"
        ) from None
    examples = corpus.read(corpus_dir or corpus.CORPUS)
    overrides: dict[str, Any] = {"corpora.train.path": str(corpus_dir or "")}
    nlp = load_model_from_config(load_config(CONFIG, overrides=overrides), auto_fill=True)
    train_on = registry.resolve(nlp.config["corpora"])["train"]
    textcat: TextCat = nlp.get_pipe("triage_textcat")  # type: ignore[assignment]
    textcat.initialize(lambda: train_on(nlp), nlp=nlp, encoder=encoder())
    if textcat.model is None or textcat.model.settings.examples != len(examples):
        raise ConfigError(f"{corpus_dir or corpus.CORPUS}: the corpus changed while it was read; train again")
    nlp.config["corpora"]["train"]["path"] = ""
    nlp.meta.update(name="fast", version="0.1.0", description="Topics of messages in a crisis, EN and FR")
    write(nlp, out)
    return textcat.model.settings


def write(nlp: Language, out: Path) -> None:
    """Put the pipeline at `out`; a run that dies in the middle leaves the old one whole."""
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        nlp.to_disk(Path(scratch) / "model", exclude=["vocab"])
        if out.exists():
            out.rename(Path(scratch) / "old")
        shutil.move(Path(scratch) / "model", out)


def fit(docs: Sequence[Doc], how: TextCat, encoder: Encoder | None) -> Trained:
    """Weights from all docs; blend, calibration and thresholds from folds of other hands; figures from both folds."""
    from threadpoolctl import threadpool_limits

    truth = np.array([next(iter(doc.cats)) for doc in docs])
    langs = np.array([doc.user_data[LANG] for doc in docs])
    topics = sorted(set(truth.tolist()))
    encoded = None
    if encoder is not None:
        encoded = encoder.encode([shown(doc.user_data[TEXT]) for doc in docs]).astype(np.float64)
    matrix = Matrix([doc.user_data[WORDS] for doc in docs], read_vectors())
    choices = Choices(regularisation=how.regularisation, shrinkage=how.shrinkage, seed=how.seed)
    strata = np.char.add(langs, truth)
    with threadpool_limits(1):
        hands = held_out(matrix, encoded, truth, topics, other_hands(strata, how.hands), choices)
        drawn = held_out(matrix, encoded, truth, topics, random_folds(strata, how.folds, how.seed), choices)
        mix = blend(hands, np.searchsorted(np.array(topics), truth))
        weights, head = _weights(matrix, encoded, truth, topics, choices, mix)
    judged = calibrate.judge(mix.fast(hands), mix.both(hands), topics, truth, _severe())
    again = calibrate.again(judged, mix.fast(drawn), mix.both(drawn))
    settings = Settings(
        topics=topics,
        corpus=corpus.digest(_examples(docs)),
        examples=len(docs),
        fast=judged.fast,
        second=judged.second,
        encoder=encoder.name if encoder is not None else "",
        figures={
            "hands": figures(judged, topics, truth, langs),
            "folds": figures(again, topics, truth, langs),
        },
    )
    return Trained(settings=settings, weights=weights, head=head)


def _weights(
    matrix: Matrix, encoded: Array | None, truth: Labels, topics: Sequence[str], how: Choices, mix: Blend
) -> tuple[Weights, Head | None]:
    """The fast reader's two models as one table of weights, and the second reader's."""
    idf, words = matrix.idf(np.arange(matrix.count)), len(matrix.keys)
    x = matrix.rows(idf)
    grams, gram_bias = margins(x[:, :words], truth, topics, how)
    vectors, vector_bias = discriminant(x[:, words:].toarray(), truth, topics, how)
    seen, spoken = matrix.tables(np.hstack([mix.grams * grams, mix.vectors * vectors]), idf)
    bias = (mix.grams * gram_bias + mix.vectors * vector_bias).astype(np.float32)
    head = None
    if encoded is not None:
        rows, head_bias = discriminant(encoded, truth, topics, how)
        head = Head(
            rows=(mix.second * rows).astype(np.float32), bias=(mix.second * head_bias).astype(np.float32)
        )
    return Weights(seen=seen, vectors=spoken, bias=bias), head


def _examples(docs: Sequence[Doc]) -> list[corpus.Example]:
    return [
        corpus.Example(text=doc.user_data[TEXT], topic=next(iter(doc.cats)), lang=doc.user_data[LANG])
        for doc in docs
    ]


def _severe() -> set[str]:
    return {key for key, topic in load_topics().topics.items() if topic.severity == 1}


def figures(judged: Judged, topics: Sequence[str], truth: Labels, langs: Labels) -> dict[str, Any]:
    """What held-out messages say: of the fast model alone, and of the cascade when there is one."""
    found = {"fast": measured(judged.fast_chances, judged.fast_sure, topics, truth, langs)}
    if judged.cascade_chances is not None and judged.cascade_sure is not None:
        found["cascade"] = measured(judged.cascade_chances, judged.cascade_sure, topics, truth, langs)
    return found


def measured(
    chances: Array, sure: Flags, topics: Sequence[str], truth: Labels, langs: Labels
) -> dict[str, Any]:
    """Figures of one reader; `f1` is by topic and language, `reliability` by tenth of the chance: how many, mean
    chance, share right."""
    from sklearn.metrics import f1_score

    guess, top = np.array(topics)[chances.argmax(axis=1)], chances.max(axis=1)
    right = guess == truth
    surest = np.argsort(-top, kind="stable")[: len(top) // 2]
    by_lang = {
        str(lang): f1_score(truth[langs == lang], guess[langs == lang], labels=topics, average=None)
        for lang in np.unique(langs)
    }
    found = {
        "macro_f1": float(f1_score(truth, guess, average="macro")),
        **{f"macro_f1_{lang}": float(scores.mean()) for lang, scores in by_lang.items()},
        "unsure": float(1 - sure.mean()),
        "precision_when_sure": float(right[sure].mean()) if sure.any() else 0.0,
        "precision_surest_half": float(right[surest].mean()),
        "calibration_error": calibrate.calibration_error(top, right),
    }
    return {name: round(value, 4) for name, value in found.items()} | {
        "f1": {
            lang: dict(zip(topics, scores.round(4).tolist(), strict=True)) for lang, scores in by_lang.items()
        },
        "reliability": calibrate.reliability(top, right),
    }
