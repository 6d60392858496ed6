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
import numpy.typing as npt
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example as SpacyExample
from spacy.util import load_config, load_model_from_config, registry

from triage.classify import calibrate, corpus, pipeline
from triage.classify.document import LANG, TEXT, WORDS
from triage.classify.features import word_features
from triage.classify.linear import Weights, first_of_each, neighbours
from triage.classify.textcat import Settings, TextCat, calibrated
from triage.config import load_topics
from triage.core.errors import ConfigError

CONFIG = Path(__file__).with_name("config.cfg")

Keys = npt.NDArray[np.uint32]


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


def train(out: Path = pipeline.MODEL, corpus_dir: Path | None = None) -> Settings:
    """Train as config.cfg says and replace the model at `out`; what was found. Raises ConfigError."""
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
    textcat.initialize(lambda: train_on(nlp), nlp=nlp)
    if textcat.settings is None or textcat.settings.examples != len(examples):
        raise ConfigError(f"{corpus_dir or corpus.CORPUS}: the corpus changed while it was read; train again")
    nlp.config["corpora"]["train"]["path"] = ""
    nlp.meta.update(name="fast", version="0.1.0", description="Topics of messages in a crisis, EN and FR")
    write(nlp, out)
    return textcat.settings


def write(nlp: Language, out: Path) -> None:
    """Put the pipeline at `out`; a run that dies in the middle leaves the old one whole."""
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        nlp.to_disk(Path(scratch) / "model", exclude=["vocab"])
        if out.exists():
            out.rename(Path(scratch) / "old")
        shutil.move(Path(scratch) / "model", out)


class Matrix:
    """The messages' features: (message, key, half, count) quadruples, and the matrix for a choice of messages."""

    def __init__(self, docs: Sequence[Doc]) -> None:
        seen: dict[str, tuple[int, list[int], list[int]]] = {}
        message, key, half = [], [], []
        for number, doc in enumerate(docs):
            found = [seen.get(t) or seen.setdefault(t, word_features(t)) for t in doc.user_data[WORDS]]
            own = np.array([f[0] for f in found], np.uint32)
            zeros = np.zeros(len(own), np.int64)
            for at in first_of_each(zeros, own).tolist():
                for side in (0, 1):
                    keys = found[at][1 + side]
                    message += [number] * len(keys)
                    key += keys
                    half += [side] * len(keys)
            pairs = np.unique(neighbours(own, zeros)[0]).tolist()
            message += [number] * len(pairs)
            key += pairs
            half += [0] * len(pairs)
        self.count = len(docs)
        self.message, self.half = np.array(message), np.array(half)
        self.keys, self.column = np.unique(np.array(key, np.uint32), return_inverse=True)

    def idf(self, chosen: npt.NDArray[np.intp]) -> npt.NDArray[np.float16]:
        """Inverse document frequency over the chosen messages; 0 for a feature that they lack."""
        used = np.isin(self.message, chosen)
        both = np.unique(np.stack([self.message[used], self.column[used]]), axis=1)
        often = np.bincount(both[1], minlength=len(self.keys))
        idf = np.log((1 + len(chosen)) / (1 + often)) + 1
        return np.where(often, idf, 0).astype(np.float16)

    def rows(self, idf: npt.NDArray[np.float16]) -> Any:
        """All messages as a sparse matrix, halves scaled to length one, as linear.py does when it scores."""
        from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

        value = idf.astype(np.float64)[self.column]
        place = self.message * 2 + self.half
        norm = np.sqrt(np.bincount(place, weights=value * value, minlength=2 * self.count))
        value = value / np.maximum(norm, 1e-9)[place]
        return csr_matrix((value, (self.message, self.column)), shape=(self.count, len(self.keys)))


def _one_against_rest(x: Any, truth: npt.NDArray[np.str_], topics: Sequence[str], c: float, seed: int) -> Any:
    """Coefficients (topic x feature) and biases of balanced logistic regressions."""
    from sklearn.linear_model import LogisticRegression

    how: dict[str, Any] = {"solver": "liblinear", "dual": True, "class_weight": "balanced", "max_iter": 1000}
    made = [LogisticRegression(C=c, random_state=seed, **how).fit(x, truth == topic) for topic in topics]
    return np.vstack([m.coef_[0] for m in made]), np.array([m.intercept_[0] for m in made])


def held_out(
    matrix: Matrix, truth: Any, strata: Any, topics: Sequence[str], *, folds: int, seed: int, c: float
) -> Any:
    """Raw scores of every message by a model that did not see it."""
    from sklearn.model_selection import StratifiedKFold

    scores = np.zeros((matrix.count, len(topics)))
    for seen, unseen in StratifiedKFold(folds, shuffle=True, random_state=seed).split(strata, strata):
        x = matrix.rows(matrix.idf(seen))
        coefficients, bias = _one_against_rest(x[seen], truth[seen], topics, c, seed)
        scores[unseen] = x[unseen] @ coefficients.T + bias
    return scores


def fit(docs: Sequence[Doc], *, folds: int, seed: int, regularisation: float) -> tuple[Settings, Weights]:
    """Weights from all docs; calibration, thresholds and figures from held-out folds."""
    truth = np.array([next(iter(doc.cats)) for doc in docs])
    langs = np.array([doc.user_data[LANG] for doc in docs])
    topics = sorted(set(truth.tolist()))
    matrix = Matrix(docs)
    strata = np.char.add(langs, truth)
    scores = held_out(matrix, truth, strata, topics, folds=folds, seed=seed, c=regularisation)
    curves = [calibrate.platt(scores[:, i], truth == topic) for i, topic in enumerate(topics)]
    slope, offset = (np.array(column, np.float32) for column in zip(*curves, strict=True))
    chances = calibrated(scores.astype(np.float32), slope, offset).astype(np.float64)
    severe = {key for key, topic in load_topics().topics.items() if topic.severity == 1}
    threshold = calibrate.thresholds(chances, topics, truth, severe)

    read = [
        corpus.Example(text=doc.user_data[TEXT], topic=topic, lang=lang)
        for doc, topic, lang in zip(docs, truth.tolist(), langs.tolist(), strict=True)
    ]
    idf = matrix.idf(np.arange(len(docs)))
    coefficients, bias = _one_against_rest(matrix.rows(idf), truth, topics, regularisation, seed)
    scale = np.abs(coefficients).max(axis=1) / 127
    weights = Weights(
        keys=matrix.keys,
        idf=idf,
        rows=np.round(coefficients / scale[:, None]).T.astype(np.int8),
        scale=scale.astype(np.float32),
        bias=bias.astype(np.float32),
    )
    settings = Settings(
        topics=topics,
        scale=weights.scale.tolist(),
        bias=weights.bias.tolist(),
        slope=slope.tolist(),
        offset=offset.tolist(),
        threshold=threshold,
        corpus=corpus.digest(read),
        examples=len(docs),
        figures=figures(chances, topics, truth, langs, np.array(threshold)),
    )  # fmt: skip
    return settings, weights


def figures(chances: Any, topics: Sequence[str], truth: Any, langs: Any, threshold: Any) -> dict[str, Any]:
    """What the held-out folds say about the model."""
    from sklearn.metrics import f1_score

    guess, top = np.array(topics)[chances.argmax(axis=1)], chances.max(axis=1)
    right, sure = guess == truth, top >= threshold[chances.argmax(axis=1)]
    surest = np.argsort(-top, kind="stable")[: len(top) // 2]
    macro = {
        g: float(f1_score(truth[langs == g], guess[langs == g], average="macro")) for g in sorted(set(langs))
    }
    found = {
        "macro_f1": float(f1_score(truth, guess, average="macro")),
        **{f"macro_f1_{lang}": value for lang, value in macro.items()},
        "abstained": float(1 - sure.mean()),
        "precision_when_sure": float(right[sure].mean()) if sure.any() else 0.0,
        "precision_surest_half": float(right[surest].mean()),
        "calibration_error": calibrate.calibration_error(top, right),
    }
    return {name: round(value, 4) for name, value in found.items()}
