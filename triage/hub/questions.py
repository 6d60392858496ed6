"""Questions drafted from what many people ask: from the heads of clusters, never from a message that stands alone.

A draft has no answer unless the plan has one for much the same question, and it is published by nobody's hand but a
person's: who approves it sees question and answer and may change both.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from triage.core.types import Intent
from triage.hub.types import LANGUAGES, Question

FEWEST = 3
"""Messages that must ask the same before it becomes a draft."""

MOST = 10
"""Drafts per language."""

_LONGEST = 200
_ALIKE = 0.5
_BETWEEN = re.compile(r"(?<=[.!?…])\s+|\n+")
_PRIVATE = re.compile(
    r"https?://\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<!\w)@\w+|#\w+|\+?\d[\d .\-/()]{4,}\d|\b[A-Z]{0,4}\d{4,}\b"
)
"""Addresses, handles, telephone and order numbers."""

_GREETING = re.compile(
    r"^(?:hi|hello|hey|dear|good \w+|bonjour|bonsoir|salut|madame|monsieur)\b[^,:!]{0,40}[,:!]\s*",
    re.IGNORECASE,
)
_STOP = frozenset(
    "a an the is are was do does did can could will would i my me we our you your it to of in on for and or what how "
    "when where who why if this that with have has be le la les un une des du de est ce que qui quoi comment quand ou "
    "pourquoi je mon ma mes nous notre vous votre vos il elle on a à au aux en dans pour et si avec ai avez puis "
    "peut pouvez faut dois t s d l m n c j y".split()
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The head of a cluster of messages, how many there are in it, and why people write."""

    cluster: int
    lang: str
    text: str
    count: int
    intent: Intent


def drafts(messages: Iterable[Asked], answered: Sequence[Question] = ()) -> list[Question]:
    """Drafts, most asked first, at most MOST a language. `answered` are questions with answers, such as the plan's.

    Heads that ask much the same are one draft. A draft much like an answered question is that question, with its
    answer and count: still a draft until somebody approves it.
    """
    heads = [m for m in messages if m.intent == Intent.QUESTION and m.lang in LANGUAGES]
    found: dict[str, list[Question]] = defaultdict(list)
    for head in sorted(heads, key=lambda m: (-m.count, m.cluster)):
        text = _question(head.text)
        if not text:
            continue
        known = _nearest(text, [q for q in answered if q.lang == head.lang])
        made = Question(
            lang=head.lang,
            question=known.question if known else text,
            answer=known.answer if known else "",
            asked=head.count,
            cluster=head.cluster,
        )
        _merge(found[head.lang], made)
    return [
        question
        for lang in LANGUAGES
        for question in sorted(found[lang], key=lambda q: -q.asked)[:MOST]
        if question.asked >= FEWEST
    ]


def _merge(drafted: list[Question], made: Question) -> None:
    """Added to the drafts, or counted with the one that asks the same."""
    same = _nearest(made.question, drafted)
    if same is None:
        drafted.append(made)
    else:
        drafted[drafted.index(same)] = replace(same, asked=same.asked + made.asked)


def _question(text: str) -> str:
    """The first sentence that asks something, without greeting and without what could name a person; else nothing."""
    for sentence in _BETWEEN.split(text.strip()):
        said = " ".join(_GREETING.sub("", sentence).split())
        if (
            said.endswith("?")
            and len(said) <= _LONGEST
            and not _PRIVATE.search(said)
            and len(_words(said)) >= 2
        ):
            return said[0].upper() + said[1:]
    return ""


def _nearest(text: str, questions: Sequence[Question]) -> Question | None:
    """The question that shares most of its words with the text, if that is at least half of them."""
    words = _words(text)
    scored = [(_share(words, _words(q.question)), q) for q in questions]
    best = max(scored, key=lambda pair: pair[0], default=None)
    return best[1] if best and best[0] >= _ALIKE else None


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0


def _words(text: str) -> frozenset[str]:
    """Words that carry meaning, without accents and without the endings of plural and feminine."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return frozenset(w.rstrip("es") for w in re.findall(r"[a-z]+", plain) if w not in _STOP and len(w) > 1)
