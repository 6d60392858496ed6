"""Training: what config.cfg declares, run by `triage train`. The only part that needs scikit-learn.

The same corpus gives the same bytes on the same machine and library versions.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example as SpacyExample
from spacy.util import load_config, load_model_from_config, registry

from triage.classify import calibrate, corpus, pipeline
from triage.classify.document import LANG, TEXT, WORDS
from triage.classify.encoder import Encoder, load_encoder, shown
from triage.classify.linear import Floats, Weights
from triage.classify.matrix import Matrix
from triage.classify.textcat import Head, Settings, TextCat, Trained
from triage.classify.vectors import read as read_vectors
from triage.config import load_topics
from triage.core.errors import ConfigError

CONFIG = Path(__file__).with_name("config.cfg")

HEAD_SCALE = 5.0
"""What the encoder's vectors are multiplied by, so that one C suits both readers' features."""

HEAD_WEIGHT = 2.0
"""What the encoder's score counts beside the fast model's, when both are added."""

Numbers = npt.NDArray[np.float64]
Labels = npt.NDArray[np.str_]


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


def _one_against_rest(x: Any, truth: Labels, topics: Sequence[str], **how: Any) -> tuple[Numbers, Numbers]:
    """Coefficients (topic x column) and biases of balanced logistic regressions."""
    from sklearn.linear_model import LogisticRegression

    shared: dict[str, Any] = {"solver": "liblinear", "class_weight": "balanced", "max_iter": 1000}
    made = [LogisticRegression(**shared, **how).fit(x, truth == topic) for topic in topics]
    return np.vstack([m.coef_[0] for m in made]), np.array([m.intercept_[0] for m in made])


def _fast(x: Any, truth: Labels, topics: Sequence[str], how: TextCat) -> tuple[Numbers, Numbers]:
    return _one_against_rest(x, truth, topics, dual=True, C=how.regularisation, random_state=how.seed)


def _second(vectors: Numbers, truth: Labels, topics: Sequence[str], how: TextCat) -> tuple[Numbers, Numbers]:
    """The encoder's head. Its vectors all point one way, so their mean is taken off first."""
    mean = vectors.mean(axis=0)
    rows, bias = _one_against_rest(
        (vectors - mean) * HEAD_SCALE, truth, topics, dual=False, C=how.second, random_state=how.seed
    )
    rows *= HEAD_SCALE
    return rows * HEAD_WEIGHT, (bias - rows @ mean) * HEAD_WEIGHT


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Raw scores of every message by models that did not see it: the fast one, and both readers together."""

    fast: Floats
    both: Floats | None


def held_out(
    matrix: Matrix,
    vectors: Numbers | None,
    truth: Labels,
    strata: Labels,
    topics: Sequence[str],
    how: TextCat,
) -> HeldOut:
    """Scores over `how.folds` folds."""
    from sklearn.model_selection import StratifiedKFold

    fast = np.zeros((matrix.count, len(topics)), np.float32)
    second = np.zeros_like(fast)
    for seen, unseen in StratifiedKFold(how.folds, shuffle=True, random_state=how.seed).split(strata, strata):
        x = matrix.rows(matrix.idf(seen))
        rows, bias = _fast(x[seen], truth[seen], topics, how)
        fast[unseen] = x[unseen] @ rows.T + bias
        if vectors is not None:
            rows, bias = _second(vectors[seen], truth[seen], topics, how)
            second[unseen] = vectors[unseen] @ rows.T + bias
    return HeldOut(fast=fast, both=fast + second if vectors is not None else None)


def fit(docs: Sequence[Doc], how: TextCat, encoder: Encoder | None) -> Trained:
    """Weights from all docs; calibration, thresholds and figures from held-out folds."""
    from threadpoolctl import threadpool_limits

    truth = np.array([next(iter(doc.cats)) for doc in docs])
    langs = np.array([doc.user_data[LANG] for doc in docs])
    topics = sorted(set(truth.tolist()))
    vectors = None
    if encoder is not None:
        vectors = encoder.encode([shown(doc.user_data[TEXT]) for doc in docs]).astype(np.float64)
    matrix = Matrix([doc.user_data[WORDS] for doc in docs], read_vectors())
    with threadpool_limits(1):
        scores = held_out(matrix, vectors, truth, np.char.add(langs, truth), topics, how)
        judged = calibrate.judge(scores.fast, scores.both, topics, truth, _severe())
        idf = matrix.idf(np.arange(len(docs)))
        rows, bias = _fast(matrix.rows(idf), truth, topics, how)
        seen, words = matrix.tables(rows, idf)
        head = None
        if vectors is not None:
            head_rows, head_bias = _second(vectors, truth, topics, how)
            head = Head(rows=head_rows.astype(np.float32), bias=head_bias.astype(np.float32))
    read = [
        corpus.Example(text=doc.user_data[TEXT], topic=topic, lang=lang)
        for doc, topic, lang in zip(docs, truth.tolist(), langs.tolist(), strict=True)
    ]
    settings = Settings(
        topics=topics,
        corpus=corpus.digest(read),
        examples=len(docs),
        fast=judged.fast,
        second=judged.second,
        encoder=encoder.name if encoder is not None else "",
        figures=figures(judged, topics, truth, langs),
    )
    return Trained(
        settings=settings, weights=Weights(seen=seen, vectors=words, bias=bias.astype(np.float32)), head=head
    )


def _severe() -> set[str]:
    return {key for key, topic in load_topics().topics.items() if topic.severity == 1}


def figures(judged: calibrate.Judged, topics: Sequence[str], truth: Labels, langs: Labels) -> dict[str, Any]:
    """What the held-out folds say: of the fast model alone, and of the cascade when there is one."""
    found = {
        f"fast_{name}": value
        for name, value in _measured(judged.fast_chances, judged.fast_sure, topics, truth, langs).items()
    }
    if judged.cascade_chances is not None:
        found |= _measured(judged.cascade_chances, judged.cascade_sure, topics, truth, langs)
    return {name: round(value, 4) for name, value in found.items()}


def _measured(
    chances: Any, sure: Any, topics: Sequence[str], truth: Labels, langs: Labels
) -> dict[str, float]:
    from sklearn.metrics import f1_score

    guess, top = np.array(topics)[chances.argmax(axis=1)], chances.max(axis=1)
    right = guess == truth
    surest = np.argsort(-top, kind="stable")[: len(top) // 2]
    macro = {
        f"macro_f1_{g}": float(f1_score(truth[langs == g], guess[langs == g], average="macro"))
        for g in sorted(set(langs.tolist()))
    }
    return {
        "macro_f1": float(f1_score(truth, guess, average="macro")),
        **macro,
        "unsure": float(1 - sure.mean()),
        "precision_when_sure": float(right[sure].mean()) if sure.any() else 0.0,
        "precision_surest_half": float(right[surest].mean()),
        "calibration_error": calibrate.calibration_error(top, right),
    }
