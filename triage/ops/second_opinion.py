"""A second opinion on what the classifier is unsure of: an LLM, or any other judge. Off unless triage.yaml names one.

What is asked leaves the house if the judge is a service: every question is kept in the audit log of its conversation,
with who answered. A judge that fails costs nothing but its answer: the message stays unsure, for a person.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from psycopg2.extensions import connection as Connection

from triage.config import SecondOpinion, Topics
from triage.core.errors import ConfigError
from triage.core.types import UNSURE, Classification, DecidedBy, TopicScore
from triage.store import conversations

STAGE = "second_opinion"

ENOUGH = 0.5
"""Chance from which the judge's best topic is taken: likelier than all others together."""


class Judge(Protocol):
    """Reads texts and says how likely each topic is, as the classifier's own readers do."""

    name: str

    def judge(self, texts: Sequence[str], topics: Mapping[str, str]) -> Sequence[Mapping[str, float]]:
        """For each text chances by topic, 0 to 1; an empty mapping is no opinion. `topics` is key to English name."""


@dataclass(kw_only=True)
class Opinions:
    """A judge with what it may be asked in one run. `failed` says why it is asked no more."""

    judge: Judge
    topics: Mapping[str, str]
    left: int
    asked: int = 0
    answered: int = 0
    failed: str = ""
    _answers: list[dict[str, Any]] = field(default_factory=list)

    def review(
        self, messages: Sequence[dict[str, Any]], decided: list[Classification]
    ) -> list[Classification]:
        """The decisions, those that were unsure replaced where the judge has an opinion, as far as its budget goes."""
        unsure = [n for n, one in enumerate(decided) if one.abstained][: self.left]
        self._answers = []
        if not unsure or self.failed:
            return decided
        texts = [_document(messages[n]) for n in unsure]
        self.left -= len(unsure)
        self.asked += len(unsure)
        try:
            found = [self._known(chances) for chances in self.judge.judge(texts, self.topics)]
            if len(found) != len(unsure):
                raise ValueError(f"{len(found)} answers to {len(unsure)} texts")
        except Exception as error:  # a judge is not our code: whatever it raises, the queue goes on
            self.failed = f"{type(error).__name__}: {error}"
            found = [{} for _ in unsure]
        reviewed = list(decided)
        for n, text, chances in zip(unsure, texts, found, strict=True):
            reviewed[n] = self._decide(decided[n], chances)
            self._note(messages[n], text, chances, reviewed[n])
        self.answered += sum(not reviewed[n].abstained for n in unsure)
        return reviewed

    def keep(self, connection: Connection) -> None:
        """Write the questions of the last `review` to the audit log, in the transaction that keeps its decisions."""
        conversations.note_opinions(connection, self.judge.name, self._answers)

    def _known(self, chances: Mapping[str, float]) -> dict[str, float]:
        """Chances of topics that we have; raises ValueError or TypeError for what is no chance."""
        read = {topic: float(chance) for topic, chance in chances.items() if topic in self.topics}
        if not all(0 <= chance <= 1 for chance in read.values()):
            raise ValueError(f"a chance is not between 0 and 1: {read}")
        return read

    def _decide(self, one: Classification, chances: Mapping[str, float]) -> Classification:
        best = max(chances, key=chances.__getitem__, default="")
        if chances.get(best, 0.0) < ENOUGH:
            return one
        scores = {score.topic: 0.0 for score in one.topics} | dict(chances)
        ranked = sorted(scores, key=scores.__getitem__, reverse=True)
        topics = tuple(TopicScore(topic=topic, score=scores[topic]) for topic in ranked)
        return replace(
            one,
            topic=best,
            topics=topics,
            abstained=False,
            decided_by=DecidedBy.MODEL,
            stage=STAGE,
            evidence=(),
        )

    def _note(
        self, message: dict[str, Any], text: str, chances: Mapping[str, float], outcome: Classification
    ) -> None:
        asked = {"message": message["id"], "chars": len(text), "topics": sorted(self.topics)}
        said = {"chances": dict(chances), "taken": outcome.topic} | (
            {"error": self.failed} if self.failed else {}
        )
        self._answers.append(
            {"conversation_id": message["conversation_id"], "detail": {"asked": asked, **said}}
        )


def load_opinions(given: SecondOpinion | None, topics: Topics) -> Opinions | None:
    """The judge that triage.yaml names, with its budget for one run; None: nobody is asked. Raises ConfigError."""
    if given is None:
        return None
    module, _, name = given.factory.partition(":")
    try:
        factory = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"second_opinion.class {given.factory!r} is not there ({error}); install it or remove the setting"
        ) from None
    try:
        judge = factory()
    except Exception as error:  # as above: not our code, and the mend is not in ours
        raise ConfigError(
            f"second_opinion.class {given.factory!r} gave no judge ({error}); mend what it asks for, or remove it"
        ) from error
    names = {key: topic.label.en for key, topic in topics.topics.items() if key != UNSURE}
    return Opinions(judge=judge, topics=names, left=given.per_run)


def _document(message: dict[str, Any]) -> str:
    return "\n".join(part for part in (message["subject"], message["text"]) if part)
