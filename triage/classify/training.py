"""Training: what config.cfg declares, run by `triage train`. The only part that needs scikit-learn.

The same corpus gives the same bytes on the same machine and library versions.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example as SpacyExample
from spacy.util import load_config, load_model_from_config, registry

from triage.classify import calibrate, corpus, pipeline
from triage.classify.calibrate import Array, Flags, Judged
from triage.classify.decide import READERS
from triage.classify.document import LANG, TEXT, WORDS
from triage.classify.encoder import Encoder, load_encoders, shown
from triage.classify.fitting import (
    Blend,
    Choices,
    Labels,
    blend,
    discriminant,
    held_out,
    kernel,
    margins,
    random_folds,
    raw_scores,
    shifts,
    together,
)
from triage.classify.linear import Weights
from triage.classify.matrix import Matrix
from triage.classify.textcat import Head, Settings, TextCat, Trained
from triage.classify.vectors import read as read_vectors
from triage.config import load_topics
from triage.core.errors import ConfigError

CONFIG = Path(__file__).with_name("config.cfg")


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
    encoders: Callable[[], Sequence[Encoder]] = load_encoders,
) -> Settings:
    """Train as config.cfg says and replace the model at `out`; what was found. Raises ConfigError.

    The model has a reader for each of `encoders`, beside the fast one.
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
    textcat.initialize(lambda: train_on(nlp), nlp=nlp, encoders=encoders())
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


def fit(docs: Sequence[Doc], how: TextCat, encoders: Sequence[Encoder]) -> Trained:
    """Weights from all docs; blend, calibration and thresholds from parts that differ from what was known; figures from
    those, from other hands alone and from folds drawn at random."""
    from threadpoolctl import threadpool_limits

    truth = np.array([next(iter(doc.cats)) for doc in docs])
    langs = np.array([doc.user_data[LANG] for doc in docs])
    topics = sorted(set(truth.tolist()))
    texts = [shown(doc.user_data[TEXT]) for doc in docs]
    encoded = [one.encode(texts).astype(np.float64) for one in encoders]
    matrix = Matrix([doc.user_data[WORDS] for doc in docs], read_vectors())
    choices = Choices(
        regularisation=how.regularisation, shrinkage=how.shrinkage, centres=how.centres, ridge=how.ridge,
        seed=how.seed,
    )  # fmt: skip
    strata = np.char.add(langs, truth)
    ways = shifts(strata, np.array([len(doc.user_data[TEXT]) for doc in docs]), langs, how.hands)
    with threadpool_limits(1):
        shifted = [held_out(matrix, encoded, truth, topics, way, choices) for way in ways]
        drawn = held_out(matrix, encoded, truth, topics, random_folds(strata, how.folds, how.seed), choices)
        all_ways = together(shifted)
        truths, languages = np.tile(truth, len(ways)), np.tile(langs, len(ways))
        mix = blend(all_ways, np.searchsorted(np.array(topics), truths))
        weights, heads = _weights(matrix, encoded, truth, topics, choices, mix)
    judged = calibrate.judge(raw_scores(all_ways, mix), topics, truths, _severe())
    by_hands, by_chance = (calibrate.read(judged.stages, raw_scores(one, mix)) for one in (shifted[0], drawn))
    settings = Settings(
        topics=topics,
        corpus=corpus.digest(_examples(docs)),
        examples=len(docs),
        stages=judged.stages,
        shares=[round(float(np.mean(truth == topic)), 4) for topic in topics],
        encoders=[one.name for one in encoders],
        figures={
            "shifts": figures(judged, topics, truths, languages),
            "hands": figures(by_hands, topics, truth, langs),
            "folds": figures(by_chance, topics, truth, langs),
        },
    )
    return Trained(settings=settings, weights=weights, heads=heads)


def _weights(
    matrix: Matrix, encoded: Sequence[Array], truth: Labels, topics: Sequence[str], how: Choices, mix: Blend
) -> tuple[Weights, tuple[Head, ...]]:
    """The fast reader's two models as one pair of tables, and a head for each reader after it."""
    idf, words = matrix.idf(np.arange(matrix.count)), len(matrix.keys)
    x = matrix.rows(idf)
    grams, gram_bias = margins(x[:, :words], truth, topics, how)
    vectors, vector_bias = discriminant(x[:, words:].toarray(), truth, topics, how)
    fast = mix[0]
    seen, spoken = matrix.tables(np.hstack([fast[0] * grams, fast[1] * vectors]), idf)
    start = fast[0] * gram_bias + fast[1] * vector_bias
    fitted = [discriminant(one, truth, topics, how) for one in encoded]
    heads = []
    for count, mine in enumerate(mix[1:], 1):
        share = mine[:2] / fast
        pulling = kernel(encoded[:count], truth, topics, how)
        heard = [(by * rows, by * bias) for by, (rows, bias) in zip(mine[2:-1], fitted, strict=False)]
        bias = mine[0] * gram_bias + mine[1] * vector_bias - share[0] * start
        heads.append(
            Head(
                mix=share.astype(np.float32),
                rows=np.hstack([rows for rows, _ in heard]).astype(np.float32),
                bias=(bias + sum(each for _, each in heard)).astype(np.float32),
                kernel=replace(pulling, pulls=(mine[-1] * pulling.pulls).astype(np.float32)),
            )
        )
    return Weights(seen=seen, vectors=spoken, bias=start.astype(np.float32)), tuple(heads)


def _examples(docs: Sequence[Doc]) -> list[corpus.Example]:
    return [
        corpus.Example(text=doc.user_data[TEXT], topic=next(iter(doc.cats)), lang=doc.user_data[LANG])
        for doc in docs
    ]


def _severe() -> set[str]:
    return {key for key, topic in load_topics().topics.items() if topic.severity == 1}


def figures(judged: Judged, topics: Sequence[str], truth: Labels, langs: Labels) -> dict[str, Any]:
    """What held-out messages say, of every reader."""
    return {
        reader: measured(chances, sure, topics, truth, langs)
        for reader, chances, sure in zip(READERS, judged.chances, judged.sure, strict=False)
    }


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
