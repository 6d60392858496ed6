"""The estimators behind `triage train`, and scores of messages by models that did not see them.

Two linear models make the fast reader: support vectors on words and character n-grams, which know the corpus best,
and a discriminant on the summed word vectors, which knows words that the corpus lacks. A discriminant on the
encoder's vectors is the second reader. All are one row of weights per topic, so that they add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from triage.classify.calibrate import Array, softmax
from triage.classify.linear import Floats
from triage.classify.matrix import Matrix

Labels = npt.NDArray[np.str_]
Places = npt.NDArray[np.intp]
Folds = Iterable[tuple[Places, Places]]
Rows = tuple[Array, Array]
"""Coefficients (topic x column) and one bias per topic."""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What config.cfg declares: C of the n-grams' model, shrinkage of the discriminants, seed."""

    regularisation: float
    shrinkage: float
    seed: int


def margins(x: Any, truth: Labels, topics: Sequence[str], how: Choices) -> Rows:
    """Support vectors, one topic against the rest."""
    from sklearn.svm import LinearSVC

    made = [
        LinearSVC(C=how.regularisation, dual=True, random_state=how.seed).fit(x, truth == topic)
        for topic in topics
    ]
    return np.vstack([m.coef_[0] for m in made]), np.array([m.intercept_[0] for m in made])


def discriminant(x: Array, truth: Labels, topics: Sequence[str], how: Choices) -> Rows:
    """Linear discriminant with equal priors; the covariance within topics is shrunk towards its mean variance."""
    number = np.searchsorted(np.array(topics), truth)
    means = np.stack([x[number == n].mean(axis=0) for n in range(len(topics))])
    spread = x - means[number]
    covariance = spread.T @ spread / len(x)
    size = len(covariance)
    covariance *= 1 - how.shrinkage
    covariance[np.diag_indices(size)] += how.shrinkage * np.trace(spread.T @ spread) / len(x) / size
    rows = np.linalg.solve(covariance, means.T).T
    return rows, -0.5 * (rows * means).sum(axis=1)


def random_folds(strata: Labels, count: int, seed: int) -> list[tuple[Places, Places]]:
    """Seen and unseen messages; every stratum is spread evenly."""
    from sklearn.model_selection import StratifiedKFold

    return list(StratifiedKFold(count, shuffle=True, random_state=seed).split(strata, strata))


def other_hands(strata: Labels, count: int) -> list[tuple[Places, Places]]:
    """Like random_folds, but a fold is a run of neighbouring lines of every file.

    One hand wrote neighbouring lines, so that each fold is judged by a model that knows other hands better.
    """
    fold = np.zeros(len(strata), np.intp)
    for one in np.unique(strata):
        mine = np.flatnonzero(strata == one)
        fold[mine] = np.arange(len(mine)) * count // len(mine)
    return [(np.flatnonzero(fold != n), np.flatnonzero(fold == n)) for n in range(count)]


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Raw scores (message x topic) by models that did not see the message, of each part of the two readers."""

    grams: Floats
    vectors: Floats
    second: Floats | None


def held_out(
    matrix: Matrix, encoded: Array | None, truth: Labels, topics: Sequence[str], folds: Folds, how: Choices
) -> HeldOut:
    """Every message is scored once, by the models of the fold that it was kept from."""
    grams = np.zeros((matrix.count, len(topics)), np.float32)
    vectors, second = np.zeros_like(grams), np.zeros_like(grams)
    words = len(matrix.keys)
    for seen, unseen in folds:
        x = matrix.rows(matrix.idf(seen))
        _score(grams, x[:, :words], margins, truth, topics, seen, unseen, how)
        _score(vectors, x[:, words:].toarray(), discriminant, truth, topics, seen, unseen, how)
        if encoded is not None:
            _score(second, encoded, discriminant, truth, topics, seen, unseen, how)
    return HeldOut(grams=grams, vectors=vectors, second=second if encoded is not None else None)


def _score(
    into: Floats,
    x: Any,
    fit: Any,
    truth: Labels,
    topics: Sequence[str],
    seen: Places,
    unseen: Places,
    how: Choices,
) -> None:
    rows, bias = fit(x[seen], truth[seen], topics, how)
    into[unseen] = x[unseen] @ rows.T + bias


@dataclass(frozen=True, kw_only=True)
class Blend:
    """How much each part counts in a raw score."""

    grams: float
    vectors: float
    second: float

    def fast(self, scores: HeldOut) -> Floats:
        """Raw scores of the fast reader."""
        return (self.grams * scores.grams + self.vectors * scores.vectors).astype(np.float32)

    def both(self, scores: HeldOut) -> Floats | None:
        """Raw scores of both readers together; None without a second."""
        if scores.second is None:
            return None
        return (self.fast(scores) + self.second * scores.second).astype(np.float32)


def blend(scores: HeldOut, right: Places) -> Blend:
    """The weights under which the softmax of held-out scores is likeliest: of the fast reader's alone and of both
    readers' together, both counting the same."""
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    parts = [scores.grams, scores.vectors] + ([] if scores.second is None else [scores.second])
    parts = [part.astype(np.float64) for part in parts]
    here = np.arange(len(right))

    def unlikely(raw: Array) -> float:
        return float(-np.log(np.maximum(softmax(raw)[here, right], 1e-12)).mean())

    def loss(given: Array) -> float:
        weights = np.exp(given)
        fast = weights[0] * parts[0] + weights[1] * parts[1]
        if len(parts) == 2:
            return unlikely(fast)
        return unlikely(fast) + unlikely(weights[3] * (fast + weights[2] * parts[2]))

    start = np.log([1.0, 0.3, 0.3, 0.5][: 2 * len(parts) - 2])
    found = np.exp(
        minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-5}).x
    ).round(4)
    return Blend(
        grams=float(found[0]), vectors=float(found[1]), second=float(found[2]) if len(parts) > 2 else 0.0
    )
