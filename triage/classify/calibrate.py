"""From raw scores on held-out folds to chances, and to the chance below which we say `unsure`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from triage.classify.linear import Floats

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

CERTAIN = 0.95
"""Chance from which a decision is not read again, even when there is time."""

PRECISION, PRECISION_SEVERE = 0.91, 0.88
"""Held-out precision that decisions for a topic must reach; severity 1 asks for less: it prefers recall.

Both are above what a decision in daily work needs (0.85), for messages from elsewhere are further from the corpus
than its own parts are from one another.
"""

PRIOR = 100
"""Decisions of all topics together that stand beside a topic's own, so that few of its own prove little."""

LEVELS = np.round(np.arange(0.30, 0.96, 0.01), 2)
"""Chances that may be a threshold. The last also stands where the held-out messages never showed the precision."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Calibration of one reader: chances are the softmax of sharpness * score + offset (one offset per topic).

    Below `threshold` of the best topic it abstains.
    """

    sharpness: float
    offset: list[float]
    threshold: list[float]

    def chances(self, scores: Floats) -> Array:
        """Raw scores (message x topic) as chances."""
        return softmax(scores.astype(np.float64) * self.sharpness + np.array(self.offset))


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Calibration of every reader, and what held-out messages would have got: chances, and who is sure.

    What a reader says is what stands after it: a message of which one before it is certain keeps those chances.
    """

    stages: list[Stage]
    chances: list[Array]
    sure: list[Flags]


def judge(
    scores: Sequence[Floats], topics: Sequence[str], truth: npt.NDArray[np.str_], severe: set[str]
) -> Judged:
    """Calibrate on held-out raw scores of every reader, the fast model's first."""
    right = np.searchsorted(np.array(topics), truth)
    stages: list[Stage] = []
    for number, raw in enumerate(scores):
        sharpness, offset = soften(raw, right)
        stages.append(Stage(sharpness=sharpness, offset=offset, threshold=[]))
        said = read(stages, scores[: number + 1]).chances[-1]
        stages[-1] = replace(stages[-1], threshold=thresholds(said, topics, truth, severe))
    return read(stages, scores)


def read(stages: Sequence[Stage], scores: Sequence[Floats]) -> Judged:
    """What readers with this calibration say of raw scores."""
    chances: list[Array] = []
    sure: list[Flags] = []
    for stage, raw in zip(stages, scores, strict=True):
        said = stage.chances(raw)
        if chances:
            certain = chances[-1].max(axis=1) >= CERTAIN
            said = np.where(certain[:, None], chances[-1], said)
        chances.append(said)
        lowest = np.array(stage.threshold or [1.0] * said.shape[1])
        sure.append(said.max(axis=1) >= lowest[said.argmax(axis=1)])
    return Judged(stages=list(stages), chances=chances, sure=sure)


def soften(scores: Floats, right: npt.NDArray[np.intp]) -> tuple[float, list[float]]:
    """Sharpness and offset per topic that make the softmax of held-out scores likeliest (after Guo et al. 2017)."""
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    raw = scores.astype(np.float64)
    hit = np.eye(raw.shape[1])[right]

    def loss(given: Array) -> tuple[float, Array]:
        sharp = np.exp(given[0])
        chances = softmax(raw * sharp + given[1:])
        gap = (chances - hit) / len(raw)
        likely = np.maximum((chances * hit).sum(axis=1), 1e-12)
        return float(-np.log(likely).mean()), np.r_[(gap * raw).sum() * sharp, gap.sum(axis=0)]

    found = minimize(loss, np.zeros(raw.shape[1] + 1), jac=True, method="L-BFGS-B").x
    return round(float(np.exp(found[0])), 4), [round(float(v), 4) for v in found[1:]]


def softmax(raw: Array) -> Array:
    """Rows of chances that add up to one."""
    lifted = np.exp(raw - raw.max(axis=1, keepdims=True))
    chances: Array = lifted / lifted.sum(axis=1, keepdims=True)
    return chances


def thresholds(
    chances: Array, topics: Sequence[str], truth: npt.NDArray[np.str_], severe: set[str]
) -> list[float]:
    """Per topic: the lowest chance from which decisions for it are precise enough on held-out messages.

    A topic's precision is shrunk to that of all topics from the same chance.
    """
    decided, top = np.array(topics)[chances.argmax(axis=1)], chances.max(axis=1)
    right = decided == truth
    hits, count = _from_each_level(top, right), _from_each_level(top, np.ones_like(right))
    overall = PRIOR * hits / np.maximum(count, 1)
    found = []
    for topic in topics:
        mine = decided == topic
        hits, count = _from_each_level(top[mine], right[mine]), _from_each_level(top[mine], mine[mine])
        wanted = PRECISION_SEVERE if topic in severe else PRECISION
        short = np.flatnonzero((hits + overall) / (count + PRIOR) < wanted)
        found.append(float(LEVELS[min(short[-1] + 1, len(LEVELS) - 1) if len(short) else 0]))
    return found


def _from_each_level(top: Array, flags: Flags) -> Array:
    """How many of the flagged have at least that chance, for each level."""
    ranked: Array = np.sort(top[flags])
    return len(ranked) - np.searchsorted(ranked, LEVELS).astype(np.float64)


def reliability(chance: Array, right: Flags, bins: int = 10) -> list[tuple[int, float, float]]:
    """Per bin of equal width that is not empty: how many, mean chance, share of right ones."""
    at = np.minimum((chance * bins).astype(int), bins - 1)
    inside = [at == b for b in range(bins) if (at == b).any()]
    return [
        (int(i.sum()), round(float(chance[i].mean()), 4), round(float(right[i].mean()), 4)) for i in inside
    ]


def calibration_error(chance: Array, right: Flags, bins: int = 10) -> float:
    """Expected calibration error: mean distance of chance and share of right ones over bins of equal width."""
    gaps = [abs(mean - share) * count for count, mean, share in reliability(chance, right, bins)]
    return sum(gaps) / len(chance) if len(chance) else 0.0
