"""The estimators behind `triage train`, and scores of messages by models that did not see them.

Two linear models make the fast reader: support vectors on words and character n-grams, which know the corpus best,
and a discriminant on the summed word vectors, which knows words that the corpus lacks. All are one row of weights per
topic, so that they add up. A discriminant on each encoder's vectors, and kernel ridge regression on those of all so
far (kernel.py), make the readers after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from triage.classify.calibrate import Array, softmax
from triage.classify.kernel import Kernel, directions, ends_of, nearness, standing
from triage.classify.linear import Floats
from triage.classify.matrix import Matrix

Labels = npt.NDArray[np.str_]
Places = npt.NDArray[np.intp]
Folds = Iterable[tuple[Places, Places]]
Rows = tuple[Array, Array]
"""Coefficients (topic x column) and one bias per topic."""

_EVEN = 1e-6
"""Added to the diagonal for each message, so that centres that are nearly the same do not pull against each other."""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What config.cfg declares: C of the n-grams' model, shrinkage of the discriminants, how many centres a kernel has
    and its ridge, seed."""

    regularisation: float
    shrinkage: float
    centres: int
    ridge: float
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


def kernel(blocks: Sequence[Array], truth: Labels, topics: Sequence[str], how: Choices) -> Kernel:
    """Kernel ridge regression on the vectors of all encoders (a block each), one topic against the rest."""
    from scipy.linalg import solve  # type: ignore[import-untyped]

    ends, side_by_side = ends_of(blocks), np.hstack(blocks).astype(np.float32)
    means = side_by_side.mean(axis=0)
    x = directions(side_by_side, means, ends)
    chosen = np.sort(np.random.default_rng(how.seed).permutation(len(x))[: how.centres])
    scale = (np.abs(x).max(axis=0) / 127).astype(np.float32)
    centres = np.round(x[chosen] / np.maximum(scale, 1e-9)).astype(np.int8)
    held = standing(centres, scale)
    near = nearness(x, held.T).astype(np.float64)
    ridge = how.ridge * nearness(held, held.T).astype(np.float64)
    ridge[np.diag_indices(len(held))] += _EVEN * len(x)
    said = np.where(truth[:, None] == np.array(topics), 1.0, -1.0)
    pulls = solve(near.T @ near + ridge, near.T @ said, assume_a="pos").astype(np.float32)
    return Kernel(centres=centres, scale=scale, pulls=pulls, means=means, ends=ends)


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


def shifts(
    strata: Labels, lengths: npt.NDArray[np.int64], langs: Labels, hands: int
) -> list[list[tuple[Places, Places]]]:
    """Ways to cut the messages so that those judged differ from those known: other hands, other lengths (the shorter
    half by the longer and back), the other language, and both of these. A new inbox differs in all of them."""
    short = lengths <= np.median(lengths)
    ways = [other_hands(strata, hands), _by_others(short)]
    return [*ways, _by_others(langs), _by_others(short, langs)] if len(np.unique(langs)) > 1 else ways


def _by_others(*traits: Any) -> list[tuple[Places, Places]]:
    """Messages that share all traits are judged by those that share none."""
    own = np.stack([np.unique(trait, return_inverse=True)[1] for trait in traits])
    kinds = np.unique(own, axis=1).T[:, :, None]
    return [
        (np.flatnonzero((own != kind).all(axis=0)), np.flatnonzero((own == kind).all(axis=0)))
        for kind in kinds
    ]


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Raw scores (message x topic) by models that did not see the message, of each part: n-grams, word vectors, the
    vectors of each encoder, and nearness in those of all encoders up to each."""

    grams: Floats
    vectors: Floats
    encoded: tuple[Floats, ...] = ()
    kernels: tuple[Floats, ...] = ()

    def heard(self, reader: int) -> list[Floats]:
        """The parts that make a reader's raw scores; 0: the fast model's."""
        fast = [self.grams, self.vectors]
        return [*fast, *self.encoded[:reader], self.kernels[reader - 1]] if reader else fast


def held_out(
    matrix: Matrix, encoded: Sequence[Array], truth: Labels, topics: Sequence[str], folds: Folds, how: Choices
) -> HeldOut:
    """Every message is scored once, by the models of the fold that it was kept from."""
    found = [np.zeros((matrix.count, len(topics)), np.float32) for _ in range(2 + 2 * len(encoded))]
    words, last = len(matrix.keys), 2 + len(encoded)
    for seen, unseen in folds:
        x = matrix.rows(matrix.idf(seen))
        _score(found[0], x[:, :words], margins, truth, topics, seen, unseen, how)
        for into, dense in zip(found[1:last], [x[:, words:].toarray(), *encoded], strict=True):
            _score(into, dense, discriminant, truth, topics, seen, unseen, how)
        for number, into in enumerate(found[last:], 1):
            made = kernel([one[seen] for one in encoded[:number]], truth[seen], topics, how)
            into[unseen] = made.scores(np.hstack([one[unseen] for one in encoded[:number]]))
    return _held(found)


def _held(parts: Sequence[Floats]) -> HeldOut:
    """From all parts in their order: there are as many of nearness as of encoders."""
    last = len(parts) // 2 + 1
    return HeldOut(
        grams=parts[0], vectors=parts[1], encoded=tuple(parts[2:last]), kernels=tuple(parts[last:])
    )


def together(parts: Sequence[HeldOut]) -> HeldOut:
    """The scores of several ways to cut, one after the other."""
    every = [[one.grams, one.vectors, *one.encoded, *one.kernels] for one in parts]
    return _held([np.vstack(scores) for scores in zip(*every, strict=True)])


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


Blend = list[Array]
"""For each reader, the fast model's first, how much each part counts in its raw score."""


def raw_scores(scores: HeldOut, mix: Blend) -> list[Floats]:
    """Raw scores of every reader."""
    return [
        np.tensordot(mine, np.stack(scores.heard(reader)), 1).astype(np.float32)
        for reader, mine in enumerate(mix)
    ]


def blend(scores: HeldOut, right: Places) -> Blend:
    """Each reader's weights under which the softmax of held-out scores is likeliest."""
    return [_likeliest(scores.heard(reader), right) for reader in range(1 + len(scores.encoded))]


def _likeliest(parts: Sequence[Floats], right: Places) -> Array:
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    stacked = np.stack([part.astype(np.float64) for part in parts])
    hit = np.eye(stacked.shape[2])[right]

    def loss(given: Array) -> tuple[float, Array]:
        weights = np.exp(given)
        chances = softmax(np.tensordot(weights, stacked, 1))
        slope = np.tensordot(stacked, (chances - hit) / len(hit), 2)
        return float(-np.log(np.maximum((chances * hit).sum(axis=1), 1e-12)).mean()), weights * slope

    found: Array = np.exp(minimize(loss, np.full(len(parts), -1.0), jac=True, method="L-BFGS-B").x).round(4)
    return found
