"""Evidence: the words of a message that gave most to a topic's score, and the rules that hit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from spacy.tokens import Doc

from triage.classify.document import SPACES, WORDS
from triage.classify.linear import Floats
from triage.classify.rules import Hit
from triage.classify.text import Cleaned, storable
from triage.core.types import Evidence

MOST_WORDS = 5
MOST_RULES = 10

_JOINTS = frozenset("'-")


def words(doc: Doc, given: Floats) -> list[tuple[int, int, float]]:
    """(start, end, weight) of the up to five words that gave most, strongest first.

    What an elision or a hyphen joins is one word (l'avion), with the sum of its parts.
    """
    texts, spaces = doc.user_data[WORDS], doc.user_data[SPACES]
    gave: list[float] = given.tolist()
    found: dict[tuple[int, int], float] = {}
    for token in np.argsort(-given, kind="stable")[: 2 * MOST_WORDS].tolist():
        if gave[token] <= 0 or len(found) == MOST_WORDS:
            break
        first, last = _whole(texts, spaces, token)
        found[first, last] = round(sum(gave[first : last + 1]), 3)
    ranked = sorted((f for f in found.items() if f[1] > 0), key=lambda f: (-f[1], f[0]))
    return [(doc[first].idx, doc[last].idx + len(texts[last]), weight) for (first, last), weight in ranked]


def _whole(texts: Sequence[str], spaces: Sequence[bool], token: int) -> tuple[int, int]:
    first = last = token
    while first >= 2 and texts[first - 1] in _JOINTS and not spaces[first - 1] and not spaces[first - 2]:
        first -= 2
    while last + 2 < len(texts) and texts[last + 1] in _JOINTS and not spaces[last] and not spaces[last + 1]:
        last += 2
    return first, last


class Quoter:
    """Turns places in a cleaned document (subject, line break, text) into evidence on the text.

    What stands in the subject has no place in the text: start and end are 0 and `text` quotes it.
    """

    def __init__(self, subject: str, text: str, cleaned: Cleaned) -> None:
        self._document = join(subject, text)
        self._shift = len(self._document) - len(text)
        self._cleaned = cleaned

    def word(self, start: int, end: int, weight: float) -> Evidence:
        """Evidence of the model."""
        return self._quote(start, end, weight, None)

    def rule(self, hit: Hit) -> Evidence:
        """Evidence of a rule."""
        return self._quote(hit.start, hit.end, None, hit.rule.name)

    def _quote(self, start: int, end: int, weight: float | None, rule: str | None) -> Evidence:
        start, end = self._cleaned.original(start, end)
        quoted = storable(self._document[start:end])
        if start < self._shift:
            return Evidence(start=0, end=0, text=quoted, weight=weight, rule=rule)
        return Evidence(
            start=start - self._shift, end=end - self._shift, text=quoted, weight=weight, rule=rule
        )


def join(subject: str, text: str) -> str:
    """What is read: subject and text as one document."""
    return f"{subject}\n{text}" if subject else text
