"""The spaCy pipeline (language → rules → topics) and the classifier that turns its docs into decisions."""

from __future__ import annotations

import gc
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from triage.classify import explain
from triage.classify.cascade import Cascade
from triage.classify.decide import (
    LEAST_SEVERE,
    READERS,
    STAGE_FAILED,
    Taxonomy,
    decide,
    intent,
)
from triage.classify.document import GIVEN, HITS, LANG, STAGE, TEXT
from triage.classify.encoder import Encoder, load_encoders
from triage.classify.language import READ, UNKNOWN, identify
from triage.classify.mix import Mix, Weigher, weigh
from triage.classify.rules import INTENTS, Hit, Rules, intent_rules, topic_rules
from triage.classify.text import MAX_CHARS, Cleaned, clean
from triage.classify.textcat import TextCat, best
from triage.config import Topics
from triage.core.errors import ConfigError
from triage.core.types import UNSURE, Classification, DecidedBy, Intent, TopicScore

log = logging.getLogger(__name__)

MODEL = Path(__file__).with_name("model")
BATCH = 2048
"""Messages that are decided, and forgotten, together."""

KEPT_WORDS = 50_000
"""Words that spaCy's vocabulary keeps for good; from there on it forgets those of each batch, or it would grow for
ever. Making a word anew costs more than looking it up."""

NAME = "triage_fast"

Given = tuple[tuple[str, str, str], Weigher | None]
"""Subject, text and language of a message, and its inbox."""


@Language.component("triage_language")
def _language(doc: Doc) -> Doc:
    doc.user_data[LANG] = identify(doc.user_data[TEXT], doc.user_data[LANG])
    return doc


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the garbage collector: a batch makes many objects that all stay, and looking for rings among them, of
    which there are none, takes a fifth of the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Classifier:
    """Decides messages. `model` and `taxonomy` name the versions that every decision carries."""

    def __init__(self, nlp: Language, topics: Topics, model: str, encoders: Sequence[Encoder] = ()) -> None:
        """Those of `encoders` that the model was trained for read again what the fast model is not sure of."""
        self.model = model
        self.taxonomy = f"{topics.version}-{_digest_of_topics(topics)}"
        self._nlp = nlp
        self._topics = sorted(key for key in topics.topics if key != UNSURE)
        textcat: TextCat = nlp.get_pipe("triage_textcat")  # type: ignore[assignment]
        if textcat.model is None:
            raise ConfigError("the shipped model is not trained; run `triage train`")
        self.settings = textcat.model.settings
        self._number = {topic: number for number, topic in enumerate(self.settings.topics)}
        severity = {key: t.severity or LEAST_SEVERE for key, t in topics.topics.items()}
        threshold = {
            name: dict(zip(self.settings.topics, stage.threshold, strict=True))
            for name, stage in zip(READERS, self.settings.stages, strict=False)
        }
        self._taxonomy = Taxonomy(severity=severity, threshold=threshold)
        self._cascade = Cascade(textcat, textcat.readers(encoders), self._taxonomy, self._topics)
        rules: Rules = nlp.get_pipe("triage_rules")  # type: ignore[assignment]
        rules.use([*topic_rules(topics), *intent_rules()])

    def mix(self, counts: Mapping[str, float] | None = None) -> Mix:
        """What an inbox is about, to be given to `classify`: nothing yet, or what was counted before."""
        settings = self.settings
        shares = settings.shares or [1 / len(settings.topics)] * len(settings.topics)
        severe = {topic for topic, severity in self._taxonomy.severity.items() if severity == 1}
        return Mix(dict(zip(settings.topics, shares, strict=True)), severe, counts)

    def classify(
        self, items: Sequence[tuple[str, str, str]], mixes: Sequence[Weigher | None] = ()
    ) -> list[Classification]:
        """Decide (subject, text, language the source names or empty) triples; order kept.

        Any text is accepted. The first 20,000 characters of subject and text are read. What the fast model is
        not sure of is read by the sentence encoders, as far as the budget of one call goes (cascade.py).
        `mixes` names the inbox of each message; without, each is decided as if it came alone.
        """
        given = [(item, mix) for item, mix in zip_longest(items, mixes)]
        return [
            one for first in range(0, len(given), BATCH) for one in self._batch(given[first : first + BATCH])
        ]

    def _batch(self, given: Sequence[Given]) -> list[Classification]:
        """One message that cannot be decided is unsure with the stage `failed`; it does not stop the others."""
        with (
            _no_collection(),
            self._nlp.memory_zone() if len(self._nlp.vocab) > KEPT_WORDS else nullcontext(),
        ):
            try:
                return self._decided(given)
            except Exception as error:
                if len(given) == 1:
                    log.warning("a message could not be classified and is unsure: %s", type(error).__name__)
                    return [self._failed(given[0][0][2])]
        return [one for each in given for one in self._batch([each])]

    def _decided(self, given: Sequence[Given]) -> list[Classification]:
        items = [item for item, _ in given]
        cleaned = [clean(explain.join(subject[:MAX_CHARS], text)) for subject, text, _ in items]
        docs = list(self._nlp.pipe(self._docs(cleaned, items), batch_size=256))
        self._cascade.read(docs)
        weigh(docs, [mix for _, mix in given])
        return [
            self._decide(doc, one, subject[:MAX_CHARS], text)
            for doc, one, (subject, text, _) in zip(docs, cleaned, items, strict=True)
        ]

    def _failed(self, lang: str) -> Classification:
        return Classification(
            topic=UNSURE,
            topics=tuple([_score(topic, 0.0) for topic in self._topics]),
            intent=Intent.COMPLAINT,
            abstained=True,
            evidence=(),
            decided_by=DecidedBy.MODEL,
            stage=STAGE_FAILED,
            lang=lang or UNKNOWN,
            model=self.model,
            taxonomy=self.taxonomy,
        )

    def _docs(self, cleaned: Iterable[Cleaned], items: Iterable[tuple[str, str, str]]) -> Iterable[Doc]:
        for one, (_, _, lang) in zip(cleaned, items, strict=True):
            doc = self._nlp.make_doc(one.text)
            doc.user_data[LANG] = lang
            yield doc

    def _decide(self, doc: Doc, cleaned: Cleaned, subject: str, text: str) -> Classification:
        notes = doc.user_data
        hits: list[Hit] = notes[HITS]
        lang: str = notes[LANG]
        scores = {key: doc.cats.get(key, 0.0) for key in self._topics}
        guess = best(doc.cats, self._topics)
        verdict = decide(scores, guess, hits, lang, self._taxonomy, notes[STAGE])
        ranked = sorted(self._topics, key=scores.__getitem__, reverse=True)
        if verdict.by is DecidedBy.RULE:
            scores[verdict.topic] = 1.0
            ranked.sort(key=verdict.topic.__ne__)
        quoter = explain.Quoter(subject, text, cleaned)
        evidence = [quoter.rule(hit) for hit in hits[: explain.MOST_RULES]]
        if verdict.by is DecidedBy.MODEL and lang in READ and guess == best(doc.cats):
            given = notes[GIVEN](self._number[guess])
            evidence += [quoter.word(*found) for found in explain.words(doc, given)]
        return Classification(
            topic=verdict.topic,
            topics=tuple([_score(topic, scores[topic]) for topic in ranked]),
            intent=intent(hits, verdict.topic, cleaned.text),
            abstained=verdict.topic == UNSURE,
            evidence=tuple(evidence),
            decided_by=verdict.by,
            stage=verdict.stage,
            lang=lang,
            model=self.model,
            taxonomy=self.taxonomy,
        )


@lru_cache(maxsize=65_536)
def _score(topic: str, score: float) -> TopicScore:
    return TopicScore(topic=topic, score=score)


def load(topics: Topics, path: Path = MODEL, *, cascade: bool = True) -> Classifier:
    """Load the pipeline; with `cascade`, and the encoders that it was trained for, as readers after the fast one.

    Raises ConfigError when there is no trained model at `path`.
    """
    if not (path / "meta.json").exists():
        raise ConfigError(f"{path}: no trained model here; run `triage train` (needs the extra `train`)")
    nlp = spacy.load(path)
    encoders = load_encoders() if cascade else ()
    return Classifier(nlp, topics, f"{NAME}-{nlp.meta['version']}-{digest(path)}", encoders)


def digest(path: Path) -> str:
    """Eight hex digits that change with any file of the model or with the intents' rules."""
    whole = hashlib.sha256(INTENTS.read_bytes())
    for file in sorted(path.rglob("*")):
        if file.is_file():
            whole.update(file.relative_to(path).as_posix().encode() + b"\0" + file.read_bytes())
    return whole.hexdigest()[:8]


def _digest_of_topics(topics: Topics) -> str:
    """Of keys, severities and rules: what a decision depends on. Labels and targets change nothing."""
    seen = [
        [key, topic.severity, topic.phrases, topic.hashtags, topic.patterns]
        for key, topic in topics.topics.items()
    ]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:8]
