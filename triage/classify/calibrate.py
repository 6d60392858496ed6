"""From raw scores on held-out folds to chances, and to the chance below which we say `unsure`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

PRECISION, PRECISION_SEVERE = 0.70, 0.50
"""Held-out precision that decisions for a topic must reach; severity 1 asks for less: it prefers recall."""

FEWEST = 8
"""Decisions above a threshold below which its precision is luck, not evidence."""

LOWEST, HIGHEST = 0.10, 0.60
"""Bounds of a threshold. The upper one also stands where the folds never showed the wanted precision: from there
the calibrated chance itself says that the topic is likelier than all others together."""


def platt(scores: Array, right: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of the logistic curve through one topic's held-out scores (Platt 1999)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e6, solver="lbfgs", tol=1e-8, max_iter=500).fit(scores[:, None], right)
    return round(float(model.coef_[0, 0]), 5), round(float(model.intercept_[0]), 5)


def thresholds(
    chances: Array, topics: Sequence[str], truth: npt.NDArray[np.str_], severe: set[str]
) -> list[float]:
    """Per topic: the lowest chance from which decisions for it are precise enough on held-out messages."""
    decided = chances.argmax(axis=1)
    found = []
    for number, topic in enumerate(topics):
        mine = decided == number
        wanted = PRECISION_SEVERE if topic in severe else PRECISION
        found.append(_threshold(chances[mine, number], truth[mine] == topic, wanted))
    return found


def _threshold(chance: Array, right: npt.NDArray[np.bool_], wanted: float) -> float:
    order = np.argsort(-chance, kind="stable")
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(precision >= wanted)
    enough = enough[enough + 1 >= FEWEST]
    if not len(enough):
        return HIGHEST
    return round(float(np.clip(chance[order[enough[-1]]], LOWEST, HIGHEST)), 4)


def calibration_error(chance: Array, right: npt.NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error: mean distance of chance and share of right ones over bins of equal width."""
    if not len(chance):
        return 0.0
    at = np.minimum((chance * bins).astype(int), bins - 1)
    gaps = [
        abs(chance[at == b].mean() - right[at == b].mean()) * (at == b).mean()
        for b in range(bins)
        if (at == b).any()
    ]
    return float(sum(gaps))
