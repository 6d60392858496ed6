"""Rules: phrases, hashtags and patterns of topics.yaml and intents.yaml, matched on a spaCy Doc.

Phrases and hashtags are whole tokens in any case, found by spaCy's PhraseMatcher; patterns are regular
expressions on the text, any case, white space joined to single blanks. They are given when the pipeline is
loaded, so that a phrase added to topics.yaml acts at the next run without training.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml
from spacy.language import Language
from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc

from triage.classify.document import HITS, TEXT
from triage.classify.text import clean, tokens
from triage.config import Topics
from triage.core.types import Intent

INTENTS = Path(__file__).with_name("intents.yaml")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One phrase, hashtag or pattern that speaks for `target`, a topic or an intent."""

    target: str
    kind: str
    value: str
    intent: bool = False

    @property
    def name(self) -> str:
        """What evidence shows: `phrase: brake recall`, for intents `press/phrase: request for comment`."""
        return f"{self.target}/{self.kind}: {self.value}" if self.intent else f"{self.kind}: {self.value}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A rule found at `start:end` (characters of the cleaned text)."""

    rule: Rule
    start: int
    end: int


def topic_rules(topics: Topics) -> list[Rule]:
    """The rules of topics.yaml, in its order."""
    return [
        Rule(target=key, kind=kind, value=value)
        for key, topic in topics.topics.items()
        for kind, values in (
            ("phrase", topic.phrases),
            ("hashtag", topic.hashtags),
            ("pattern", topic.patterns),
        )
        for value in values
    ]


def intent_rules(path: Path = INTENTS) -> list[Rule]:
    """The shipped rules for intents, most urgent intent first."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [
        Rule(target=Intent(intent).value, kind=kind, value=value, intent=True)
        for intent, kinds in found.items()
        for kind in ("phrase", "pattern")
        for value in kinds.get(f"{kind}s", ())
    ]


@Language.factory("triage_rules")
class Rules:
    """The component: notes every hit in `doc.user_data[HITS]`, in text order. Has no rule until `use`."""

    def __init__(self, nlp: Language, name: str) -> None:
        self.name = name
        self._vocab = nlp.vocab
        self.use([])

    def use(self, rules: list[Rule]) -> None:
        """Replace all rules."""
        self._phrases: dict[str, Rule] = {}
        self._patterns = [(re.compile(r.value, re.IGNORECASE), r) for r in rules if r.kind == "pattern"]
        self._matcher = PhraseMatcher(self._vocab, attr="LOWER")
        for number, rule in enumerate(r for r in rules if r.kind != "pattern"):
            words, spaces = tokens(clean(rule.value).text.strip())
            if words:
                self._phrases[str(number)] = rule
                self._matcher.add(str(number), [Doc(self._vocab, words=words, spaces=spaces)])

    def __call__(self, doc: Doc) -> Doc:
        """Find the rules' hits."""
        hits: list[Hit] = []
        if self._phrases and len(doc):
            for label, start, end in self._matcher(doc):
                last = doc[end - 1]
                rule = self._phrases[self._vocab.strings[label]]
                hits.append(Hit(rule=rule, start=doc[start].idx, end=last.idx + len(last)))
        for pattern, rule in self._patterns:
            hits.extend(
                Hit(rule=rule, start=m.start(), end=m.end())
                for m in pattern.finditer(doc.user_data[TEXT])
                if m.group()
            )
        doc.user_data[HITS] = sorted(hits, key=lambda h: (h.start, h.end, h.rule.name))
        return doc
