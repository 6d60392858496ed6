"""Is a text nothing but thanks? Such a message opens a check, not a reply that somebody misses."""

from __future__ import annotations

import re

MOST_WORDS = 12

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_ELISION = re.compile(r"\b([cjlmnstd]|qu)['’](?=\w)")

_THANKS = frozenset(
    """
    thanks thank thankyou thanx thx tx ty tysm cheers appreciated appreciate grateful merci mercii
    mercis remercie remercions remerciements mci
    """.split()
)
"""Words that say thanks; at least one must be there."""

_COMPANY = frozenset(
    """
    a again all and are as at awesome best better brilliant bye case closed clear day dear everyone
    evening excellent fast fine folks for fixed friends from fixing good got great guys have hello help
    helpful helping hey hi i im indeed info information it its just kind kindly kindness know lot lots
    love lovely me many million morning much my nice night noted of oh ok okay perfect prompt quick
    quickly really received regards reply replying resolved response responding right service so solved
    sorted support superb super swift team that thats the this time to too true truly update very warm
    we weekend well wishes with wonderful works working yes you your yours x xx xoxo sir madam much
    agréable aide aider aimable amicalement au aussi avance avoir beaucoup belle bien bises bon bonjour
    bonne bonsoir c ce cela cest clair compris cordialement d de des du efficace efficacité encore
    ensemble entendu équipe est et excellente fin fois génial gentil gentillesse grand grandement
    infiniment information informations j je journée l la le les m madame mademoiselle marche mesdames
    message messieurs mille monsieur moi n noté nous on ouf oui parfait parfaite pour pouvoir précision
    précisions prompte qu rapide rapidité réactivité reçu réglé réglée répondu réponse résolu retour s
    salut salutations semaine service si soirée suivi super sympa t temps toute toutes tous tout très un
    une vos votre vous vraiment week à ça été
    """.split()
)
"""Words that may stand beside thanks without adding anything that needs an answer."""


def is_bare_thanks(text: str) -> bool:
    """True for `Thanks so much!` or `Merci beaucoup, bonne journée`: at most twelve words, no question.

    A single word outside the two lists makes it False: a message wrongly taken for thanks costs somebody
    their answer, one wrongly kept costs a glance. Names after the thanks are therefore not bare thanks,
    unless they stand alone on the last line.
    """
    if "?" in text or len(text) > 400:
        return False
    lines = [line for line in text.strip().splitlines() if line.strip()]
    words = _words(" ".join(lines))
    if not words or len(words) > MOST_WORDS:
        return False
    return _only_thanks(words) or (
        len(lines) > 1 and _is_name(lines[-1]) and _only_thanks(_words(" ".join(lines[:-1])))
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(_ELISION.sub(r"\1 ", text.casefold()))


def _only_thanks(words: list[str]) -> bool:
    return any(w in _THANKS for w in words) and all(w in _THANKS or w in _COMPANY for w in words)


def _is_name(line: str) -> bool:
    words = _WORD.findall(line)
    return 1 <= len(words) <= 2 and all(w[0].isupper() and w.isalpha() for w in words)
