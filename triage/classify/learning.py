"""Learning from corrections: what people said is added to the shipped model, which stays underneath.

The corpus taught the shipped weights; corrections teach a difference to them: the most probable one under the
corrections' softmax and a Gaussian prior around zero (MAP adaptation, Chelba and Acero 2006). Without corrections
the model is the shipped one to the byte, with few it moves little, with many it follows them. Anchors are corpus
messages on which the model shall go on saying what it said (learning without forgetting, Li and Hoiem 2016), so
that corrections on one topic do not silence another. All readers learn in one fit, which takes seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import spacy

from triage.classify import explain
from triage.classify.calibrate import Array, Stage, softmax
from triage.classify.corpus import Example
from triage.classify.encoder import Encoder, shown
from triage.classify.linear import Floats, Scorer, Table, Weights
from triage.classify.matrix import Matrix
from triage.classify.pipeline import Classifier
from triage.classify.text import MAX_CHARS, clean, tokens
from triage.classify.textcat import Head, TextCat, Trained
from triage.classify.training import write
from triage.classify.vectors import read as read_vectors
from triage.config import Topics

LESSON_WEIGHT = 10.0
"""How much one correction counts against the prior."""

ANCHOR_WEIGHT = 3.0
"""How much one anchor counts against the prior."""

BALANCE = 0.5
"""0: every correction counts the same; 1: every topic does, however many corrections it has."""

BIAS_SCALE = 0.3
"""How freely a topic's chance moves with the number of its corrections, whatever their words."""

WORDS_MOVE, HEAD_MOVE = 1.5, 0.6
"""How far a coefficient of one moves the calibrated score of words, and of the encoder's vector: so the prior means
the same whatever scale the readers' raw scores have."""

HEAD_SCALE = 5.0
"""What the encoders' vectors are multiplied by, so that one prior suits the features of all readers."""

NEW_FROM = 2
"""Corrections in which a word, or a part of one, must occur before it becomes a feature of the model."""

STEPS = 100
"""Steps of the fit at most."""

ANCHORS = 300
"""Anchors of each topic at most: enough for the whole corpus, which was embedded for the gate's own base anyway."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """One message (cleaned, subject and text joined) and the topic that a person gave it."""

    text: str
    topic: str


def lesson(subject: str, text: str, topic: str) -> Lesson:
    """A message as the classifier reads it, and the topic that a person gave it."""
    return Lesson(text=clean(explain.join(subject[:MAX_CHARS], text)).text, topic=topic)


def anchors(examples: Sequence[Example]) -> list[str]:
    """Texts of the corpus that stand for each topic and language: evenly spread over its lines."""
    by_kind: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in examples:
        by_kind[one.topic, one.lang].append(one.text)
    langs = len({lang for _, lang in by_kind})
    return [
        texts[int(at)]
        for texts in by_kind.values()
        for at in np.linspace(0, len(texts) - 1, min(len(texts), ANCHORS // langs))
    ]


def teach(
    base: Path, out: Path, lessons: Sequence[Lesson], examples: Sequence[Example], encoders: Sequence[Encoder]
) -> None:
    """Write to `out` the model at `base`, moved by the lessons; `examples` are what it was trained on."""
    nlp = spacy.load(base)
    textcat: TextCat = nlp.get_pipe("triage_textcat")  # type: ignore[assignment]
    if textcat.model is None:
        raise ValueError(f"{base}: the model there is not trained")
    held = anchors(examples)
    texts = [shown(text) for text in (*(x.text for x in lessons), *held)]
    vectors = [encoder.encode(texts) for encoder in textcat.readers(encoders)]
    textcat.use(learn(textcat.model, lessons, held, vectors))
    write(nlp, out)


def reader(folder: Path, topics: Topics, encoders: Sequence[Encoder]) -> Classifier:
    """The classifier with the model of that folder, and those of the encoders that it was trained for."""
    return Classifier(spacy.load(folder), topics, folder.name, encoders)


@dataclass(frozen=True, kw_only=True)
class _Block:
    """Features that one set of weights may be moved on, and how far a coefficient of one moves raw scores, and each
    topic's start."""

    features: Any
    move: float
    start: float


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """What one reader says of lessons and anchors without the lessons, and what it should say. `hears` is how much each
    block counts in its raw scores."""

    hears: Sequence[float]
    raw: Array
    stage: Stage
    wanted: Array

    def gap(self, moved: Sequence[Array]) -> tuple[Array, Array]:
        """Loss of each message when the blocks' scores are moved, and the loss's slope by its raw scores."""
        raw = self.raw + sum(by * one for by, one in zip(self.hears, moved, strict=True) if by)
        chances = softmax(raw * self.stage.sharpness + np.array(self.stage.offset))
        loss = -(self.wanted * np.log(np.maximum(chances, 1e-12))).sum(axis=1)
        return loss, (chances - self.wanted) * self.stage.sharpness


def learn(
    base: Trained, lessons: Sequence[Lesson], anchors: Sequence[str] = (), vectors: Sequence[Floats] = ()
) -> Trained:
    """The base model, moved by the lessons; lessons on topics that it does not know are left out.

    `vectors` are those of each encoder for lessons, then anchors. Readers whose encoders are missing stay.
    """
    topics, stages = base.settings.topics, base.settings.stages
    known = [n for n, lesson in enumerate(lessons) if lesson.topic in topics]
    if not known:
        return base
    right = np.array([topics.index(lessons[n].topic) for n in known])
    words = _words(base, [*(lessons[n].text for n in known), *anchors], len(known))
    count = int(words.used.sum())
    move = WORDS_MOVE / stages[0].sharpness
    blocks = [
        _Block(features=words.features[:, :count], move=move, start=move * BIAS_SCALE),
        _Block(features=words.features[:, count:], move=move, start=0.0),
    ]
    heads = base.heads[: len(vectors)]
    readers = [
        _reader([1, 1, *[0] * len(heads)], words.parts.sum(axis=1, dtype=np.float64), stages[0], right)
    ]
    means = []
    for number, (head, stage) in enumerate(zip(heads, stages[1:], strict=False)):
        rows = np.hstack(vectors[: number + 1])
        rows = rows[np.r_[known, np.arange(len(lessons), len(rows))]]
        means.append(rows.mean(axis=0, dtype=np.float64))
        raw = head.scores(words.parts, rows).astype(np.float64)
        hears = [*head.mix.tolist(), *[float(n == number) for n in range(len(heads))]]
        readers.append(_reader(hears, raw, stage, right))
        move = HEAD_MOVE / stage.sharpness
        centred = (rows - means[-1]) * HEAD_SCALE
        blocks.append(_Block(features=centred, move=move, start=move * BIAS_SCALE))
    moved = _fit(blocks, readers, _weights(right, len(words.parts)))
    taught = [_turned(head, *by, mean) for head, by, mean in zip(heads, moved[2:], means, strict=True)]
    weights = _moved(words, np.vstack([moved[0][0], moved[1][0]]), moved[0][1])
    return Trained(settings=base.settings, weights=weights, heads=(*taught, *base.heads[len(taught) :]))


def _turned(head: Head, by: Array, bias: Array, mean: Array) -> Head:
    """The head, moved by a row for each scaled and centred column, and by each topic's start."""
    turned = by.T * HEAD_SCALE
    return replace(
        head,
        rows=(head.rows + turned).astype(np.float32),
        bias=(head.bias + bias - turned @ mean).astype(np.float32),
    )


@dataclass(frozen=True, kw_only=True)
class _Words:
    """Messages as the fast reader sees them: the model's weights with room for new features, and raw scores by part.

    `used` marks the matrix's keys that may be moved; `features` are their columns, then those of the word vectors.
    """

    matrix: Matrix
    weights: Weights
    used: npt.NDArray[np.bool_]
    idf: npt.NDArray[np.float16]
    parts: Floats
    features: Any


def _words(base: Trained, texts: Sequence[str], lessons: int) -> _Words:
    """The first `lessons` of the texts are lessons, the others anchors."""
    messages = [tokens(text)[0] for text in texts]
    matrix = Matrix(messages, read_vectors())
    new = _features(matrix, lessons, base)
    weights = replace(base.weights, seen=_added(base.weights.seen, new))
    at, there = weights.seen.find(matrix.keys)
    idf = np.where(there, weights.seen.idf[at], 0).astype(np.float16)
    used = np.isin(matrix.keys, new.keys)
    rows = matrix.rows(idf)
    columns = np.r_[np.flatnonzero(used), np.arange(len(used), rows.shape[1])]
    parts = Scorer(weights).score(messages).parts.swapaxes(0, 1)
    return _Words(matrix=matrix, weights=weights, used=used, idf=idf, parts=parts, features=rows[:, columns])


def _moved(words: _Words, by: Array, bias: Array) -> Weights:
    """The weights, moved by a row for each feature and by each topic's start."""
    count = int(words.used.sum())
    coefficients = np.zeros((by.shape[1], len(words.used) + len(by) - count))
    coefficients[:, : len(words.used)][:, words.used] = by[:count].T
    coefficients[:, len(words.used) :] = by[count:].T
    seen, vectors = words.matrix.tables(coefficients, words.idf)
    used = words.used
    seen = replace(seen, keys=seen.keys[used], idf=seen.idf[used], rows=seen.rows[used])
    return Weights(
        seen=_added(words.weights.seen, seen),
        vectors=_added(words.weights.vectors, vectors),
        bias=(words.weights.bias + bias).astype(np.float32),
    )


def _reader(hears: Sequence[float], raw: Array, stage: Stage, right: Any) -> _Reader:
    """Lessons want their topic, anchors what the stage says now."""
    wanted = stage.chances(raw.astype(np.float32))
    wanted[: len(right)] = np.eye(raw.shape[1])[right]
    return _Reader(hears=hears, raw=raw, stage=stage, wanted=wanted)


def _weights(right: Any, count: int) -> Array:
    often = np.bincount(right)
    weight: Array = np.full(count, ANCHOR_WEIGHT)
    weight[: len(right)] = LESSON_WEIGHT * (len(right) / ((often > 0).sum() * often[right])) ** BALANCE
    return weight


def _features(matrix: Matrix, lessons: int, base: Trained) -> Table:
    """Features that lessons have and that the model has, or that enough of them share; all rows zero."""
    ours = matrix.message < lessons
    pairs = np.unique(np.stack([matrix.message[ours], matrix.column[ours]]), axis=1)
    often = np.bincount(pairs[1], minlength=len(matrix.keys))
    there = base.weights.seen.find(matrix.keys)[1]
    chosen = (often > 0) & (there | (often >= NEW_FROM))
    count = base.settings.examples + lessons
    return Table(
        keys=matrix.keys[chosen],
        idf=(np.log((1 + count) / (1 + often[chosen])) + 1).astype(np.float16),
        rows=np.zeros((int(chosen.sum()), len(base.weights.bias)), np.int8),
        scale=np.ones(len(base.weights.bias), np.float32),
    )


def _added(base: Table, more: Table) -> Table:
    """The sum of both tables' rows; where both know a feature, its weight is the base's."""
    keys = np.union1d(base.keys, more.keys)
    idf = np.zeros(len(keys), np.float16)
    rows = np.zeros((len(keys), base.rows.shape[1]), np.float32)
    for table in (more, base):
        at = np.searchsorted(keys, table.keys)
        idf[at] = table.idf
        rows[at] += table.rows * table.scale
    scale = np.maximum(np.abs(rows).max(axis=0, initial=0.0), 1e-9) / 127
    eight = np.round(rows / scale).astype(np.int8)
    return Table(keys=keys, idf=idf, rows=eight, scale=scale.astype(np.float32))


def _fit(blocks: Sequence[_Block], readers: Sequence[_Reader], weight: Array) -> list[tuple[Array, Array]]:
    """For each block what its features and each topic's start are moved by."""
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    topics = readers[0].raw.shape[1]
    sizes = [(block.features.shape[1] + 1) * topics for block in blocks]

    def parts(given: Array) -> list[tuple[Array, Array]]:
        return [
            (g[:-topics].reshape(-1, topics) * block.move, g[-topics:] * block.start)
            for block, g in zip(blocks, np.split(given, np.cumsum(sizes)[:-1]), strict=True)
        ]

    def loss(given: Array) -> tuple[float, Array]:
        total = 0.5 * float(given @ given)
        moved = [b.features @ rows + bias for b, (rows, bias) in zip(blocks, parts(given), strict=True)]
        back = [np.zeros_like(moved[0]) for _ in blocks]
        for reader in readers:
            lost, slope = reader.gap(moved)
            total += float(weight @ lost)
            for into, by in zip(back, reader.hears, strict=True):
                into += by * weight[:, None] * slope
        found = [
            np.r_[np.asarray(block.features.T @ b).ravel() * block.move, b.sum(axis=0) * block.start]
            for block, b in zip(blocks, back, strict=True)
        ]
        return total, np.concatenate(found) + given

    start = np.zeros(sum(sizes))
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "maxcor": 8, "ftol": 1e-5}
    )
    return parts(found.x)
