"""Which language a message is in: one glance at its small words, then py3langid for what is left open."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

READ = ("en", "fr")
"""Languages the model was trained on."""

UNKNOWN = "und"

GLANCE_WORDS = 3
"""Small words of one language, with at most a third as many of the other, that settle it."""

FOREIGN_BELOW = 0.05
"""Joint probability of EN and FR below which the message is in the language py3langid names.

Low, because an English message taken for another language is not read at all.
"""

NAMED_FROM_WORDS = 4
"""Words that a text in Latin letters needs before it can be foreign: nothing can be told from "ok" or "help"."""

_READ_CHARS = 300
_NOISE = re.compile(r"(?:https?://|www\.)\S+|[@#]\w+|[\d_]+")
_EN = frozenset(
    "the and is was were are you your my we they this that these with for have has had not it its of been what when"
    " where who why how can could would should will just from they're i'm it's don't didn't can't isn't there our out"
    " about after before because still again never any please".split()
)
_FR = frozenset(
    "le les des une est sont était vous votre vos nous notre je j'ai mon ma mes il elle ils ce cette ces dans pour"
    " avec sur pas plus mais que qui quoi où quand comment c'est n'est n'ai qu'il du au aux et été depuis très sans"
    " toujours encore après avant parce rien ça merci bonjour".split()
)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def identify(text: str, known: str = "") -> str:
    """Two-letter code of the language of `text`, or `und` when it has no word.

    `known` is what the source says; it is believed when it is a language code (`en`, `fr-CA`), and ignored
    when it is not (`und`, X's `qme` and `zxx`).
    """
    told = known.strip().lower().replace("_", "-").split("-")[0]
    if len(told) == 2 and told.isalpha():
        return told
    words = set(text[:_READ_CHARS].lower().split())
    english, french = len(words & _EN), len(words & _FR)
    if max(english, french) >= GLANCE_WORDS and max(english, french) >= 3 * min(english, french):
        return "en" if english > french else "fr"
    return _by_letters(text)


def _by_letters(text: str) -> str:
    plain = " ".join(_NOISE.sub(" ", text[: 2 * _READ_CHARS]).split())[:_READ_CHARS]
    if not any(c.isalpha() for c in plain):
        return UNKNOWN
    ranked: list[tuple[str, float]] = _identifier().rank(plain)
    chance = dict(ranked)
    latin = sum("a" <= c <= "z" for c in plain.lower()) * 2 > sum(c.isalpha() for c in plain)
    enough = not latin or len(plain.split()) >= NAMED_FROM_WORDS
    if enough and chance["en"] + chance["fr"] < FOREIGN_BELOW:
        return UNKNOWN if ranked[0][0] == "zxx" else ranked[0][0]
    return "en" if chance["en"] >= chance["fr"] else "fr"
