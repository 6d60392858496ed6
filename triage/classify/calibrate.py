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
"""Chance from which the fast model's decision is not read again, even when there is time."""

PRECISION, PRECISION_SEVERE = 0.95, 0.90
"""Held-out precision that decisions for a topic must reach; severity 1 asks for less: it prefers recall.

Both are far above what a decision in daily work needs, for messages from elsewhere are further from the corpus than
its own folds are from one another: what goes wrong once there goes wrong two or three times here.
"""

LOWEST, HIGHEST = 0.30, 0.95
"""Bounds of a threshold. The upper one also stands where the folds never showed the wanted precision."""


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
    """Calibration of both readers, and what the held-out messages would have got: chances, and who is sure.

    In the cascade a message that the fast model is not certain of has the chances of both readers together.
    """

    fast: Stage
    second: Stage
    fast_chances: Array
    fast_sure: Flags
    cascade_chances: Array | None = None
    cascade_sure: Flags | None = None


def judge(
    fast: Floats, both: Floats | None, topics: Sequence[str], truth: npt.NDArray[np.str_], severe: set[str]
) -> Judged:
    """Calibrate on held-out scores of the fast model, and of both readers together if there is a second.

    The second reader decides all that the fast one is not certain of; together they must be as precise as wanted.
    """
    right = np.searchsorted(np.array(topics), truth)
    first = _stage(fast, right)
    chances = first.chances(fast)
    first = replace(first, threshold=thresholds(chances, topics, truth, severe))
    sure = _sure(chances, first)
    if both is None:
        return Judged(fast=first, second=first, fast_chances=chances, fast_sure=sure)
    second = _stage(both, right)
    joined, certain = _joined(chances, sure, second.chances(both))
    second = replace(second, threshold=thresholds(joined, topics, truth, severe, certain))
    return Judged(
        fast=first,
        second=second,
        fast_chances=chances,
        fast_sure=sure,
        cascade_chances=joined,
        cascade_sure=certain | _sure(joined, second),
    )


def again(judged: Judged, fast: Floats, both: Floats | None) -> Judged:
    """The same calibration on other held-out scores of the same messages."""
    chances = judged.fast.chances(fast)
    sure = _sure(chances, judged.fast)
    found = replace(judged, fast_chances=chances, fast_sure=sure)
    if both is None:
        return found
    joined, certain = _joined(chances, sure, judged.second.chances(both))
    return replace(found, cascade_chances=joined, cascade_sure=certain | _sure(joined, judged.second))


def _joined(fast: Array, sure: Flags, second: Array) -> tuple[Array, Flags]:
    """What the cascade says: the fast reader where it is certain, else both; and where it is certain."""
    certain = sure & (fast.max(axis=1) >= CERTAIN)
    return np.where(certain[:, None], fast, second), certain


def _stage(scores: Floats, right: npt.NDArray[np.intp]) -> Stage:
    sharpness, offset = soften(scores, right)
    return Stage(sharpness=sharpness, offset=offset, threshold=[])


def _sure(chances: Array, stage: Stage) -> Flags:
    found: Flags = chances.max(axis=1) >= np.array(stage.threshold)[chances.argmax(axis=1)]
    return found


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
    chances: Array,
    topics: Sequence[str],
    truth: npt.NDArray[np.str_],
    severe: set[str],
    before: Flags | None = None,
) -> list[float]:
    """Per topic: the lowest chance from which decisions for it are precise enough on held-out messages.

    `before` marks messages that are already decided: they count, but are not up for decision again.
    """
    decided = chances.argmax(axis=1)
    done = np.zeros(len(truth), np.bool_) if before is None else before
    found = []
    for number, topic in enumerate(topics):
        said, right = decided == number, truth == topic
        start = (int((said & done).sum()), int((said & done & right).sum()))
        left = said & ~done
        wanted = PRECISION_SEVERE if topic in severe else PRECISION
        found.append(_threshold(chances[left, number], right[left], wanted, *start))
    return found


def _threshold(chance: Array, right: Flags, wanted: float, count: int, hits: int) -> float:
    """`count` and `hits`: decisions made before, and how many of them were right.

    One error more than there was is counted, so that few decisions prove nothing.
    """
    order = np.argsort(-chance, kind="stable")
    total = count + np.arange(1, len(order) + 1)
    enough = np.flatnonzero(hits + np.cumsum(right[order]) >= wanted * (total + 1))
    if not len(enough):
        return HIGHEST
    return round(float(np.clip(chance[order[enough[-1]]], LOWEST, HIGHEST)), 4)


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
