"""Which words a surge has that normal life has not: words, hashtags, names and pairs of words.

Log-odds with an informative Dirichlet prior (Monroe, Colaresi, Quinn 2008), by people who use a term, not by how often
it is written: one person who writes a hundred times is one. What is common in any language is common in the background
too, so no list of stop words is needed.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

KEPT = 20_000
"""Terms that a background holds; the rarest make room."""
_PRIOR = 20.0
"""People's worth of the prior."""
_HALF_LIFE = 20_000
"""Messages after which what was learned counts half."""
_LEAST_Z = 2.0
_MAX_WORDS = 400
_RARE = 0.02
"""What more of normal life uses is no rule."""
_LINK = re.compile(r"https?://\S+|www\.\S+|\S+@\S+\.\w+", re.IGNORECASE)
_WORD = re.compile(r"[#@]?[^\W_](?:[\w-]*[^\W_])?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """`people` of the surge use it, `share` of them; normally `usual` do. `score`: standard deviations between."""

    text: str
    people: int
    share: float
    usual: float
    score: float

    @property
    def kind(self) -> str:
        """hashtag, name (an account), phrase (two words) or word."""
        if self.text.startswith("#"):
            return "hashtag"
        return "name" if self.text.startswith("@") else "phrase" if " " in self.text else "word"


def terms(text: str) -> set[str]:
    """The words, hashtags, accounts and neighbouring pairs of words of a text, in small letters, links left out."""
    words = _WORD.findall(_LINK.sub(" ", text.casefold()))[:_MAX_WORDS]
    plain = [word for word in words if word[0] not in "#@"]
    pairs = {f"{a} {b}" for a, b in pairwise(plain)}
    return {word for word in words if len(word) > 2} | {pair for pair in pairs if len(pair) > 4}


class Background:
    """How many messages of normal life use each term; bounded, and it slowly forgets."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        held = state or {}
        self.messages: float = held.get("messages", 0.0)
        self.counts: dict[str, float] = dict(held.get("counts", {}))
        self._weight = 1.0

    def dump(self) -> dict[str, Any]:
        """What `state` takes."""
        self._rescale()
        return {"messages": self.messages, "counts": dict(self.counts)}

    def learn(self, texts: Iterable[str]) -> None:
        """Messages of normal life."""
        for text in texts:
            self._weight *= 2 ** (1 / _HALF_LIFE)
            self.messages += self._weight
            for term in terms(text):
                self.counts[term] = self.counts.get(term, 0.0) + self._weight
            if len(self.counts) > 2 * KEPT or self._weight > 1e6:
                self._rescale()

    def share(self, term: str) -> float:
        """Of the messages, those that use it."""
        return self.counts.get(term, 0.0) / self.messages if self.messages else 0.0

    def _rescale(self) -> None:
        kept = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:KEPT]
        self.counts = {term: count / self._weight for term, count in kept}
        self.messages /= self._weight
        self._weight = 1.0


def emerging(
    messages: Iterable[tuple[str, str]], background: Background, *, least_people: int = 3, top: int = 10
) -> list[Term]:
    """Terms of (author, text) that at least `least_people` use, far more than usual; the clearest first."""
    by_person: dict[str, set[str]] = {}
    for author, text in messages:
        by_person.setdefault(author, set()).update(terms(text))
    people = len(by_person)
    users = Counter(term for used in by_person.values() for term in used)
    found = {
        term: Term(
            text=term, people=n, share=n / people, usual=background.share(term),
            score=_stands_out(n, people, background.share(term), background.messages),
        )
        for term, n in users.items() if n >= least_people
    }  # fmt: skip
    clear = {text: term for text, term in found.items() if term.score >= _LEAST_Z}
    pairs = {t for t in clear if " " in t and all(w in clear for w in t.split())}
    ranked = sorted(clear.values(), key=lambda term: (-term.score, term.text))
    return [t for t in ranked if t.text in pairs or (" " not in t.text and not _only_in(t, pairs, clear))][
        :top
    ]


def _stands_out(users: int, people: int, usual: float, messages: float) -> float:
    """The z-score of the log-odds ratio; the prior is what both together say."""
    prior = _PRIOR * (users + usual * messages + 0.5) / (people + messages + 1)
    a, b = users + prior, usual * messages + prior
    ratio = math.log(a / max(people + _PRIOR - a, 0.5)) - math.log(b / max(messages + _PRIOR - b, 0.5))
    return ratio / math.sqrt(1 / a + 1 / b)


def _only_in(word: Term, pairs: set[str], clear: Mapping[str, Term]) -> bool:
    """Nearly everybody who uses the word uses it in one of the pairs: the pair says it better."""
    return any(word.text in pair.split() and clear[pair].people >= 0.8 * word.people for pair in pairs)


def from_kept(kept: Iterable[Mapping[str, Any]]) -> list[Term]:
    """The terms that were kept with an incident."""
    return [
        Term(text=t["term"], people=t["people"], share=t["share"], usual=t["usual"], score=0.0)
        for t in kept
        if "usual" in t
    ]


def rule(topic: str, found: Sequence[Term], *, label: str = "") -> str:
    """The terms as lines for topics.yaml; a person deletes what does not belong and adds it to the file."""
    lines = [f"  {topic}:"]
    if label:
        lines.append(f"    label: {{en: {_quoted(label)}, fr: {_quoted(label)}}}")
    for name, kinds in (("hashtags", {"hashtag"}), ("phrases", {"phrase", "word"})):
        values = [_quoted(term.text) for term in found if term.kind in kinds and term.usual <= _RARE]
        if values:
            lines.append(f"    {name}: [{', '.join(values)}]")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
