"""The readers after the fast model: what it is not certain of is read by the encoders, each within a budget per call.

The light encoder reads first, then the deep one what is still open. Each reads first what would be left as unsure,
then decisions that were made by a small margin; the gravest first in both.

The budget is counted in characters, not by a clock, so that the same call gives the same answer again.
"""

from __future__ import annotations

from collections.abc import Sequence

from spacy.tokens import Doc

from triage.classify.calibrate import CERTAIN
from triage.classify.decide import Taxonomy, ruled_topic
from triage.classify.document import HITS, LANG, STAGE, TEXT
from triage.classify.encoder import Encoder, shown
from triage.classify.language import READ
from triage.classify.textcat import TextCat, best

PER_TEXT = 30
"""Characters that a text costs beside its own."""

SECONDS = 3
"""Seconds of each encoder for one call."""

STORM, STORM_SECONDS = 500, 0.5
"""A call with so many messages is one of many in a row: there the encoders read only the gravest."""


class Cascade:
    """Gives what the fast model is not certain of to the encoders, in their order."""

    def __init__(
        self, textcat: TextCat, encoders: Sequence[Encoder], taxonomy: Taxonomy, topics: Sequence[str]
    ) -> None:
        self._textcat, self._encoders, self._taxonomy, self._topics = textcat, encoders, taxonomy, topics

    def read(self, docs: Sequence[Doc]) -> None:
        """Replace `doc.cats` of those that are read again; the others stay as the reader before left them."""
        seconds = STORM_SECONDS if len(docs) >= STORM else SECONDS
        chosen = list(docs)
        for number, encoder in enumerate(self._encoders):
            chosen = self._chosen(chosen, int(seconds * encoder.pace))
            if chosen:
                vectors = encoder.encode([shown(doc.user_data[TEXT]) for doc in chosen])
                self._textcat.read_again(chosen, vectors, number)

    def _chosen(self, docs: Sequence[Doc], left: int) -> list[Doc]:
        """The first of those that are open, as many as `left` characters allow."""
        found = []
        for doc in sorted((d for d in docs if self._open(d)), key=self._order, reverse=True):
            left -= len(shown(doc.user_data[TEXT])) + PER_TEXT
            if left < 0:
                break
            found.append(doc)
        return found

    def _open(self, doc: Doc) -> bool:
        """Whether another reading may change anything, and there are words to read.

        A rule leaves it nothing to change only where its topic is of severity 1: no graver one goes before that.
        """
        if doc.user_data[LANG] not in READ or not any(doc.cats.values()):
            return False
        if self._taxonomy.severity.get(self._ruled(doc)) == 1:
            return False
        guess = best(doc.cats, self._topics)
        return doc.cats.get(guess, 0.0) < CERTAIN or not self._sure(doc)

    def _ruled(self, doc: Doc) -> str:
        return ruled_topic(doc.user_data[HITS], self._taxonomy)

    def _sure(self, doc: Doc) -> bool:
        guess = best(doc.cats, self._topics)
        return self._taxonomy.sure(doc.cats, guess, doc.user_data[LANG], doc.user_data[STAGE])

    def _order(self, doc: Doc) -> tuple[bool, float]:
        """Undecided ones first; among them by the chance of the likeliest topic of severity 1."""
        severity = self._taxonomy.severity
        grave = max((doc.cats.get(t, 0.0) for t in self._topics if severity.get(t) == 1), default=0.0)
        return not (self._ruled(doc) or self._sure(doc)), grave
