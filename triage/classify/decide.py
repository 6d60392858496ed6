"""From scores, rule hits and language to one topic, or to an honest `unsure`. Pure, no spaCy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from triage.classify.language import READ
from triage.classify.rules import Hit
from triage.core.types import NOT_CRISIS, UNSURE, DecidedBy, Intent

STAGE_RULE, STAGE_FAST, STAGE_LIGHT, STAGE_ENCODER = "rule", "fast", "light", "encoder"

READERS = (STAGE_FAST, STAGE_LIGHT, STAGE_ENCODER)
"""Who reads, one after the other: the fast model, the light encoder, the deep one."""

STAGE_FAILED = "failed"

INTENT_ORDER = (Intent.URGENT_HELP, Intent.LEGAL, Intent.PRESS, Intent.SPAM, Intent.PRAISE)

LEAST_SEVERE = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Taxonomy:
    """What deciding needs of topics.yaml and of the model: base severity, and threshold per stage and topic."""

    severity: Mapping[str, int]
    threshold: Mapping[str, Mapping[str, float]]

    def sure(self, scores: Mapping[str, float], guess: str, lang: str, stage: str) -> bool:
        """Whether the model may act on its guess: chance high enough, in a language it was trained on."""
        return lang in READ and scores.get(guess, 0.0) >= self.threshold[stage].get(guess, 1.1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The chosen topic, who chose it, and the model's best guess (also when we abstain)."""

    topic: str
    guess: str
    by: DecidedBy
    stage: str


def decide(
    scores: Mapping[str, float],
    guess: str,
    hits: Sequence[Hit],
    lang: str,
    taxonomy: Taxonomy,
    stage: str = STAGE_FAST,
) -> Verdict:
    """Choose the topic; `stage` is who made the scores.

    A rule of topics.yaml decides, whatever the language: a person wrote it today, and knows. Of several, the
    gravest topic, then the one hit most often, then the first in topics.yaml. Only a graver topic that the
    model is sure of goes before a rule: a hashtag of the day on an injury must not hide the injury.
    Otherwise the model's best topic, if its chance reaches the topic's threshold and the language is one it
    was trained on; else `unsure`.
    """
    sure = taxonomy.sure(scores, guess, lang, stage)
    ruled = ruled_topic(hits, taxonomy)
    if ruled and not (sure and _severity(taxonomy, guess) < _severity(taxonomy, ruled)):
        return Verdict(topic=ruled, guess=guess, by=DecidedBy.RULE, stage=STAGE_RULE)
    return Verdict(topic=guess if sure else UNSURE, guess=guess, by=DecidedBy.MODEL, stage=stage)


def _severity(taxonomy: Taxonomy, topic: str) -> int:
    return taxonomy.severity.get(topic, LEAST_SEVERE)


def ruled_topic(hits: Sequence[Hit], taxonomy: Taxonomy) -> str:
    """The topic that the rules of topics.yaml choose; empty when none hit."""
    counts = Counter([hit.rule.target for hit in hits if not hit.rule.intent]) if hits else None
    if not counts:
        return ""
    order = list(taxonomy.severity)
    return min(counts, key=lambda topic: (_severity(taxonomy, topic), -counts[topic], order.index(topic)))


def intent(hits: Sequence[Hit], topic: str, text: str) -> Intent:
    """Why somebody writes: the first of the intents' order whose rule hit, else a plain default.

    Praise and spam words count only where no crisis was found, for "thank you so much for ruining it" is none.
    Default: a question if there is a question mark (or the topic is not_crisis), else a complaint.
    """
    found = {hit.rule.target for hit in hits if hit.rule.intent}
    calm = topic in (NOT_CRISIS, UNSURE)
    for one in INTENT_ORDER:
        if one.value in found and (calm or one not in (Intent.SPAM, Intent.PRAISE)):
            return one
    if Intent.COMPLAINT.value in found:
        return Intent.COMPLAINT
    asks = "?" in text or "？" in text or "؟" in text or Intent.QUESTION.value in found
    return Intent.QUESTION if asks or topic == NOT_CRISIS else Intent.COMPLAINT
