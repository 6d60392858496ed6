"""The trainable spaCy component `triage_textcat`: calibrated topic scores in `doc.cats`, and what gave them.

On disk it is four small arrays (`keys`, `idf`, `rows`: see linear.py) and `model.json` (topics, scales,
calibration, thresholds, digest of the corpus). Scoring needs numpy alone; training is in training.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import srsly
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from triage.classify.document import GIVEN, WORDS
from triage.classify.linear import Floats, Scorer, Weights


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What training found beside the weights. `slope` and `offset` calibrate a raw score per topic:
    chance = 1 / (1 + exp(-(slope * score + offset))). Below `threshold` of the best topic we abstain.
    `figures` are the cross-validated measurements of the training run."""

    topics: list[str]
    scale: list[float]
    bias: list[float]
    slope: list[float]
    offset: list[float]
    threshold: list[float]
    corpus: str
    examples: int
    figures: dict[str, Any] = field(default_factory=dict)


def best(cats: dict[str, float], allowed: Iterable[str] | None = None) -> str:
    """The topic with the highest score; the first settles a tie. Empty when there is no topic."""
    keys = cats if allowed is None else [k for k in allowed if k in cats]
    return max(keys, key=cats.__getitem__, default="")


@Language.factory("triage_textcat", default_config={"folds": 5, "seed": 0, "regularisation": 3.0})
class TextCat:
    """The component. `folds`, `seed` and `regularisation` (liblinear's C) are read by training only."""

    def __init__(self, nlp: Language, name: str, folds: int, seed: int, regularisation: float) -> None:
        self.name = name
        self.folds, self.seed, self.regularisation = folds, seed, regularisation
        self.settings: Settings | None = None
        self.weights: Weights | None = None

    def initialize(
        self, get_examples: Callable[[], Iterable[Example]], *, nlp: Language | None = None, **_: Any
    ) -> None:
        """Train on all examples: their reference docs carry `cats` and the language in `user_data`."""
        from triage.classify.training import fit

        docs = [example.reference for example in get_examples()]
        self.use(*fit(docs, folds=self.folds, seed=self.seed, regularisation=self.regularisation))

    def use(self, settings: Settings, weights: Weights) -> None:
        """Score with these from now on."""
        self.settings, self.weights = settings, weights
        self._scorer = Scorer(weights)
        self._slope = np.array(settings.slope, np.float32)
        self._offset = np.array(settings.offset, np.float32)

    def __call__(self, doc: Doc) -> Doc:
        """Score one message."""
        return next(self.pipe(iter([doc])))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 256) -> Iterator[Doc]:
        """Score messages in batches."""
        waiting = iter(stream)
        while docs := list(islice(waiting, batch_size)):
            self._score(docs)
            yield from docs

    def _score(self, docs: list[Doc]) -> None:
        if self.settings is None:
            raise ValueError("triage_textcat is not trained; run `triage train`")
        batch = self._scorer.score([doc.user_data[WORDS] for doc in docs])
        chances = calibrated(batch.scores, self._slope, self._offset) * batch.known[:, None]
        given = batch.weights(chances.argmax(axis=1))
        topics = self.settings.topics
        for doc, chance, weights in zip(
            docs, chances.astype(np.float64).round(4).tolist(), given, strict=True
        ):
            doc.cats = dict(zip(topics, chance, strict=True))
            doc.user_data[GIVEN] = weights

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the model; the same model gives the same bytes."""
        if self.settings is None or self.weights is None:
            raise ValueError("triage_textcat is not trained; run `triage train`")
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("keys", "idf", "rows"):
            np.save(folder / f"{name}.npy", getattr(self.weights, name), allow_pickle=False)
        srsly.write_json(folder / "model.json", asdict(self.settings), indent=1)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> TextCat:
        """Read what `to_disk` wrote."""
        folder = Path(path)
        arrays = {
            name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("keys", "idf", "rows")
        }
        settings = Settings(**srsly.read_json(folder / "model.json"))
        scale, bias = np.array(settings.scale, np.float32), np.array(settings.bias, np.float32)
        self.use(settings, Weights(**arrays, scale=scale, bias=bias))
        return self


def calibrated(scores: Floats, slope: Floats, offset: Floats) -> Floats:
    """Raw scores as chances, topic by topic."""
    chances: Floats = (1 / (1 + np.exp(-(scores * slope + offset)))).astype(np.float32)
    return chances
