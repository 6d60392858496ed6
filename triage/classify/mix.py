"""What one inbox is about of late, as a weight on the chances that the corpus taught.

A classifier supposes that topics arrive as often as its corpus has them. No inbox is like that, and least of all one in
a crisis: where everybody writes about one recall, a doubtful message is more likely about the recall too. How often
each topic really arrives is estimated from the chances alone, without any label, and each chance weighed by it:
M. Saerens, P. Latinne, C. Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori Probabilities",
Neural Computation 14 (2002).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from triage.classify.document import LANG
from triage.classify.language import READ
from triage.core.types import Classification

if TYPE_CHECKING:
    from spacy.tokens import Doc

    from triage.classify.pipeline import Classifier

Array = npt.NDArray[np.float64]

WINDOW = 500
"""Messages of an inbox that count; what came before them fades."""

ROUNDS = 10
"""Turns of estimating and weighing; by then nothing moves."""

SEVERE_LEAST = 0.5
"""What a chance of a topic of severity 1 is multiplied by at least."""

LEAST = 1e-4
"""A chance below this says no more than this: no mix brings back what the words rule out."""


class Weigher(Protocol):
    """Weighs chances (message x topic, in the order of `topics`) of messages that arrived together; rows sum to 1."""

    topics: Sequence[str]

    def weigh(self, chances: Array) -> Array:
        """The chances in an inbox where topics are as frequent as in this one."""


class Mix:
    """The topics of one inbox's latest messages: it weighs chances, and counts what it has weighed.

    `shares` is how often the corpus has each topic; it stands for one message of each. `counts` is how many messages
    of the inbox were about each (the sum of their chances). No chance of a topic of `severe` is ever more than halved:
    an injury is not to be overlooked because it is rare here. `times` is what chances were last multiplied by: enough
    to weigh the same messages again in the same way (`Fixed`).
    """

    def __init__(
        self,
        shares: Mapping[str, float],
        severe: Collection[str] = (),
        counts: Mapping[str, float] | None = None,
    ) -> None:
        self.topics: Sequence[str] = sorted(shares)
        known = counts or {}
        self._shares = np.array([shares[topic] for topic in self.topics])
        self._severe = np.array([topic in severe for topic in self.topics])
        self._counts = _faded(np.array([known.get(topic, 0.0) for topic in self.topics]))
        self._times = self._found(self._counts)

    @property
    def counts(self) -> dict[str, float]:
        """How many of the latest messages were about each topic."""
        return dict(zip(self.topics, self._counts.round(4).tolist(), strict=True))

    @property
    def times(self) -> dict[str, float]:
        """What chances of each topic were last multiplied by."""
        return dict(zip(self.topics, self._times.tolist(), strict=True))

    def weigh(self, chances: Array) -> Array:
        """The chances in this inbox; the messages count from now on."""
        weighed = _weighed(chances, self._times)
        for _ in range(ROUNDS):
            self._times = self._found(self._counts + weighed.sum(axis=0))
            weighed = _weighed(chances, self._times)
        self._counts = _faded(self._counts + weighed.sum(axis=0))
        return weighed

    def _found(self, counts: Array) -> Array:
        """Rounded: what is stored gives the same answer again."""
        prior = len(self.topics)
        times = (prior * self._shares + counts) / ((prior + counts.sum()) * self._shares)
        kept: Array = np.where(self._severe, np.maximum(times, SEVERE_LEAST), times).round(4)
        return kept


class Fixed:
    """Weighs chances as a mix did before."""

    def __init__(self, times: Mapping[str, float]) -> None:
        self.topics: Sequence[str] = sorted(times)
        self._times = np.array([times[topic] for topic in self.topics])

    def weigh(self, chances: Array) -> Array:
        """The chances as they were weighed then."""
        return _weighed(chances, self._times)


def _weighed(chances: Array, times: Array) -> Array:
    weighed = np.maximum(chances, LEAST) * times
    return np.asarray(weighed / weighed.sum(axis=1, keepdims=True))


def _faded(counts: Array) -> Array:
    return counts * min(1.0, WINDOW / counts.sum()) if counts.sum() else counts


def weigh(docs: Sequence[Doc], mixes: Sequence[Weigher | None]) -> None:
    """Replace `doc.cats` of those that a reader has read by what they are in their inbox.

    Topics that the mix does not know keep their chance: a newer model has them, and an older mix is no word on them.
    """
    for mix in {id(mix): mix for mix in mixes if mix is not None}.values():
        mine = [doc for doc, its in zip(docs, mixes, strict=True) if its is mix and _read(doc)]
        if mine:
            chances = np.array([[doc.cats.get(topic, 0.0) for topic in mix.topics] for doc in mine])
            for doc, row in zip(mine, mix.weigh(chances).tolist(), strict=True):
                doc.cats = {**doc.cats, **dict(zip(mix.topics, row, strict=True))}


def _read(doc: Doc) -> bool:
    return doc.user_data[LANG] in READ and any(doc.cats.values())


class Inbox:
    """A classifier for the messages of one inbox in the order they came, where no database remembers its mix."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier, self._mix = classifier, classifier.mix()

    def classify(self, items: Sequence[tuple[str, str, str]]) -> list[Classification]:
        """Decide (subject, text, known language or empty) triples, in order."""
        return self._classifier.classify(items, [self._mix] * len(items))
