"""Whether a model that learnt from corrections may decide: measured on what it never saw, with reasons either way.

Two questions. Does it read what comes next better? The older corrections teach a trial model, the newer ones judge
it, beside the model that decides now. Has it forgotten what we did not correct? A fifth of the corpus is frozen: the
gate trains its own base on the other four fifths, teaches it all corrections, and compares both on the frozen fifth.
Always against the base, not the last promoted model: so small losses of many promotions cannot add up. A message is
frozen by the digest of its text: it stays so while the corpus around it grows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from triage.classify.corpus import Example
from triage.core.types import Classification
from triage.ops.evaluate import macro_f1, per_topic

CHUNK = 20
"""Messages a call: few, so that the encoders' budgets never end."""


class Classifier(Protocol):
    """What the gate needs of `triage.classify`."""

    def classify(self, items: Sequence[tuple[str, str, str]]) -> list[Classification]:
        """Decide (subject, text, known language or empty) triples."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What is asked of a candidate. Shares from 0 to 1.

    `minimum`: corrections in all; `fresh`: corrections since the last model; `newer`: share of all that judges.
    `severe_loss`: recall that one topic of severity 1 may lose on the frozen part; `macro_loss`: macro-F1 that all
    may lose there; `precision_loss`: precision of what is decided that the newer corrections may show lost.
    """

    minimum: int = 40
    fresh: int = 10
    newer: float = 0.25
    severe_loss: float = 0.05
    macro_loss: float = 0.03
    precision_loss: float = 0.05


@dataclass(frozen=True, kw_only=True)
class Measured:
    """`macro_f1` and `recall` are of the best guess, `decided` is the share acted on, `precision` that of it."""

    messages: int
    macro_f1: float
    decided: float
    precision: float
    recall: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """For the registry, to four places."""
        plain = asdict(self) | {"recall": {t: round(r, 4) for t, r in self.recall.items()}}
        return plain | {name: round(plain[name], 4) for name in ("macro_f1", "decided", "precision")}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The newer corrections and the frozen part, each read by the model before and by the one that learnt."""

    newer: tuple[Measured, Measured]
    frozen: tuple[Measured, Measured]

    def as_json(self) -> dict[str, Any]:
        """For the registry."""
        return {
            name: {"before": before.as_json(), "after": after.as_json()}
            for name, (before, after) in (("newer", self.newer), ("frozen", self.frozen))
        }


def split(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """The corpus without its frozen fifth, and that fifth."""
    frozen = [int(hashlib.sha256(e.text.encode("utf-8")).hexdigest()[:8], 16) % 5 == 0 for e in examples]
    return (
        [e for e, is_frozen in zip(examples, frozen, strict=True) if not is_frozen],
        [e for e, is_frozen in zip(examples, frozen, strict=True) if is_frozen],
    )


def measure(classifier: Classifier, rows: Sequence[tuple[str, str]]) -> Measured:
    """Figures on (text, topic) rows."""
    items = [("", text, "") for text, _ in rows]
    decided = [
        one
        for start in range(0, len(items), CHUNK)
        for one in classifier.classify(items[start : start + CHUNK])
    ]
    topics = per_topic([(topic, one.topics[0].topic) for (_, topic), one in zip(rows, decided, strict=True)])
    acted = [one.topic == topic for (_, topic), one in zip(rows, decided, strict=True) if not one.abstained]
    return Measured(
        messages=len(rows),
        macro_f1=macro_f1(topics),
        decided=len(acted) / len(rows),
        precision=sum(acted) / len(acted) if acted else 0.0,
        recall={t.topic: t.recall for t in topics},
    )


def faults(trial: Trial, severe: Collection[str], gate: Gate) -> list[str]:
    """Why the candidate may not decide; empty when it may."""
    before, after = trial.newer
    found = []
    if after.macro_f1 <= before.macro_f1:
        found.append(
            f"no better on {after.messages} newer corrections: macro-F1 {before.macro_f1:.3f} -> {after.macro_f1:.3f}"
        )
    if after.decided and after.precision < before.precision - gate.precision_loss:
        found.append(
            f"less precise on newer corrections: {before.precision:.3f} -> {after.precision:.3f} of what is decided"
        )
    before, after = trial.frozen
    if after.macro_f1 < before.macro_f1 - gate.macro_loss:
        found.append(
            f"forgot: macro-F1 {before.macro_f1:.3f} -> {after.macro_f1:.3f} on {after.messages} frozen messages"
        )
    for topic in sorted(set(severe) & set(before.recall)):
        if after.recall[topic] < before.recall[topic] - gate.severe_loss:
            found.append(
                f"{topic} (severity 1) lost recall: {before.recall[topic]:.3f} -> {after.recall[topic]:.3f}"
            )
    return found


def merits(trial: Trial) -> list[str]:
    """What speaks for a candidate that the gate let pass."""
    (before, after), (was, now) = trial.newer, trial.frozen
    return [
        f"better on {after.messages} newer corrections: macro-F1 {before.macro_f1:.3f} -> {after.macro_f1:.3f}",
        f"kept on {now.messages} frozen messages: macro-F1 {was.macro_f1:.3f} -> {now.macro_f1:.3f}",
    ]
