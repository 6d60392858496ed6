"""Measure the classifier on labelled messages: precision, recall and F1 per topic, abstention, calibration.

`topic`s are judged as decided: `unsure` is a miss for recall and no error for precision. `forced` figures judge
the best guess of every message instead, whether or not the classifier would have acted on it.
A row may name several right topics (`topics`), and others that a fair judge accepts (`also_ok`): when the
prediction is one of those, it counts as the truth; else the first of `topics` does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from triage.classify.calibrate import calibration_error
from triage.core.errors import ConfigError
from triage.core.types import Classification


class Classifier(Protocol):
    """What this verb needs of `triage.classify`."""

    def classify(self, items: Sequence[tuple[str, str, str]]) -> list[Classification]:
        """Decide (subject, text, known language or empty) triples."""


@dataclass(frozen=True, kw_only=True)
class TopicFigures:
    """How one topic fared. `support` is how many messages are truly about it."""

    topic: str
    support: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Figures of one set of messages (`name`: `all`, or a language).

    `coverage` is the share decided, `precision` the share right among those, `surest_half` the share right in
    the half with the highest chances. `macro_f1` is over the topics that truly occur.
    """

    name: str
    messages: int
    macro_f1: float
    forced_macro_f1: float
    coverage: float
    precision: float
    surest_half: float
    calibration_error: float
    topics: tuple[TopicFigures, ...]

    def as_json(self) -> dict[str, Any]:
        """For `--json`, fractions to four places."""
        return {k: _rounded(v) for k, v in asdict(self).items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One message: its truth beside what was decided, and its truth beside the best guess with its chance."""

    truth: str
    decided: str
    forced_truth: str
    guess: str
    chance: float
    abstained: bool


def read_row(row: Any, place: str) -> tuple[tuple[str, str, str], list[str], list[str]]:
    """(subject, text, lang), right topics and accepted ones of one row. Raises ConfigError naming `place`."""
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise ConfigError(f"{place}: a row needs a string `text`; mend or remove it")
    right = row.get("topics") or ([row["topic"]] if row.get("topic") else [])
    if not right or not isinstance(right, list) or not all(isinstance(t, str) for t in right):
        raise ConfigError(f"{place}: a row needs `topic` or a list `topics`; mend or remove it")
    item = (str(row.get("subject") or ""), row["text"], str(row.get("lang") or ""))
    return item, right, [*right, *(row.get("also_ok") or [])]


def evaluate(classifier: Classifier, rows: Iterable[tuple[str, Any]]) -> list[Evaluation]:
    """Figures over all rows, then per language; `rows` are (place, row) pairs, the place for errors."""
    read = [read_row(row, place) for place, row in rows]
    if not read:
        raise ConfigError("no rows to evaluate; give JSON lines with `text` and `topic`")
    decided = classifier.classify([item for item, _, _ in read])
    by_lang: dict[str, list[Judged]] = defaultdict(list)
    everything = []
    for (item, right, accepted), one in zip(read, decided, strict=True):
        judged = judge(one, right, accepted)
        everything.append(judged)
        by_lang[item[2] or one.lang].append(judged)
    return [figures("all", everything), *(figures(lang, by_lang[lang]) for lang in sorted(by_lang))]


def judge(one: Classification, right: Sequence[str], accepted: Sequence[str]) -> Judged:
    """A decision beside the right topics and all acceptable ones."""
    guess = one.topics[0]
    return Judged(
        truth=one.topic if one.topic in accepted else right[0],
        decided=one.topic,
        forced_truth=guess.topic if guess.topic in accepted else right[0],
        guess=guess.topic,
        chance=guess.score,
        abstained=one.abstained,
    )


def figures(name: str, rows: Sequence[Judged]) -> Evaluation:
    """Figures of messages that were judged."""
    acted = [r for r in rows if not r.abstained]
    surest = sorted(rows, key=lambda r: -r.chance)[: max(1, len(rows) // 2)]
    topics = per_topic([(r.truth, r.decided) for r in rows])
    return Evaluation(
        name=name,
        messages=len(rows),
        macro_f1=macro_f1(topics),
        forced_macro_f1=macro_f1(per_topic([(r.forced_truth, r.guess) for r in rows])),
        coverage=len(acted) / len(rows),
        precision=_share(r.truth == r.decided for r in acted),
        surest_half=_share(r.forced_truth == r.guess for r in surest),
        calibration_error=calibration_error(
            np.array([r.chance for r in rows]), np.array([r.forced_truth == r.guess for r in rows])
        ),
        topics=tuple(topics),
    )


def per_topic(pairs: Sequence[tuple[str, str]]) -> list[TopicFigures]:
    """Figures of every topic that truly occurs in (truth, predicted) pairs, in the order of the alphabet."""
    found = []
    for topic in sorted({truth for truth, _ in pairs}):
        support = sum(truth == topic for truth, _ in pairs)
        said = sum(predicted == topic for _, predicted in pairs)
        hit = sum(truth == predicted == topic for truth, predicted in pairs)
        precision, recall = hit / said if said else 0.0, hit / support
        f1 = 2 * hit / (said + support)
        found.append(TopicFigures(topic=topic, support=support, precision=precision, recall=recall, f1=f1))
    return found


def macro_f1(topics: Sequence[TopicFigures]) -> float:
    """Mean F1 over the topics that truly occur."""
    return sum(t.f1 for t in topics) / len(topics) if topics else 0.0


def _share(values: Iterable[bool]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, tuple | list):
        return [_rounded(v) for v in value]
    return {k: _rounded(v) for k, v in value.items()} if isinstance(value, dict) else value
