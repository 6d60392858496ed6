"""The trainable spaCy component `triage_textcat`: calibrated topic scores in `doc.cats`, and what gave them.

On disk it is a few small arrays (see linear.py) and `model.json` (topics, calibration, thresholds,
digest of the corpus). Scoring needs numpy alone; training is in training.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import numpy as np
import srsly
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from triage.classify.calibrate import Stage
from triage.classify.decide import READERS, STAGE_FAST
from triage.classify.document import GIVEN, PARTS, STAGE, VECTORS, WORDS
from triage.classify.encoder import Encoder
from triage.classify.kernel import Kernel
from triage.classify.linear import Floats, Scorer, Table, Weights

_PLACEHOLDER = "triage_textcat is not trained; run `triage train`"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What training found beside the weights.

    `shares` is how much of the corpus is about each topic. `encoders` names the sentence encoders that the readers
    after the fast model were trained for, in their order; `stages` is the calibration of every reader, the fast
    model's first. `figures` are measurements on held-out messages: by `shifts` (other hands, lengths and languages,
    which the calibration comes from), `hands` (by other hands alone) or `folds` (drawn at random), then by reader.
    """

    topics: list[str]
    corpus: str
    examples: int
    stages: list[Stage]
    shares: list[float] = field(default_factory=list)
    encoders: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Head:
    """A reader after the fast model: `mix` times the parts of its raw scores, plus `rows` (topic x dimension) times
    the vectors of all encoders so far, plus `bias`, plus what nearness to the corpus says."""

    mix: Floats
    rows: Floats
    bias: Floats
    kernel: Kernel

    def scores(self, parts: Floats, vectors: Floats) -> Floats:
        """Message by topic, from parts (message x part x topic); each message on its own: neighbours change nothing."""
        heard = np.stack([self.rows @ vector for vector in vectors])
        mixed: Floats = self.mix[0] * parts[:, 0] + self.mix[1] * parts[:, 1] + heard + self.bias
        return mixed + self.kernel.scores(vectors)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A whole model; a head for each encoder it was trained for."""

    settings: Settings
    weights: Weights
    heads: tuple[Head, ...]


def best(cats: dict[str, float], allowed: Iterable[str] | None = None) -> str:
    """The topic with the highest score; the first settles a tie. Empty when there is no topic."""
    keys = cats if allowed is None else [k for k in allowed if k in cats]
    return max(keys, key=cats.__getitem__, default="")


_TRAINING = {
    "folds": 5, "hands": 2, "seed": 0, "regularisation": 1.0, "shrinkage": 0.4, "centres": 2500, "ridge": 0.05,
}  # fmt: skip


@Language.factory("triage_textcat", default_config=_TRAINING)
class TextCat:
    """The component. What config.cfg declares beside its name is for training only (training.py)."""

    def __init__(
        self,
        nlp: Language,
        name: str,
        folds: int,
        hands: int,
        seed: int,
        regularisation: float,
        shrinkage: float,
        centres: int,
        ridge: float,
    ) -> None:
        self.name = name
        self.folds, self.hands, self.seed = folds, hands, seed
        self.regularisation, self.shrinkage = regularisation, shrinkage
        self.centres, self.ridge = centres, ridge
        self.model: Trained | None = None

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        encoders: Sequence[Encoder] = (),
        **_: Any,
    ) -> None:
        """Train on all examples: their reference docs carry `cats` and the language in `user_data`."""
        from triage.classify.training import fit

        docs = [example.reference for example in get_examples()]
        self.use(fit(docs, self, encoders))

    def use(self, model: Trained) -> None:
        """Score with this from now on."""
        self.model = model
        self._scorer = Scorer(model.weights)

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
        if self.model is None:
            raise ValueError(_PLACEHOLDER)
        batch = self._scorer.score([doc.user_data[WORDS] for doc in docs])
        chances = self.model.settings.stages[0].chances(batch.scores) * batch.known[:, None]
        topics = self.model.settings.topics
        for number, (doc, chance) in enumerate(zip(docs, chances.round(4).tolist(), strict=True)):
            doc.cats = dict(zip(topics, chance, strict=True))
            doc.user_data[GIVEN] = batch.given_in(number)
            doc.user_data[PARTS] = batch.parts[:, number]
            doc.user_data[STAGE] = STAGE_FAST

    def readers(self, encoders: Sequence[Encoder]) -> list[Encoder]:
        """Those of the encoders that this model was trained for, up to the first that is missing."""
        by_name = {one.name: one for one in encoders}
        wanted = self.model.settings.encoders if self.model else []
        there = takewhile(by_name.__contains__, wanted)
        return [by_name[name] for name in there]

    def read_again(self, docs: list[Doc], vectors: Floats, reader: int) -> None:
        """Replace the chances of these messages by those of all readers up to this one (0: the first encoder's).

        Those before it have read them.
        """
        if self.model is None or reader >= len(self.model.heads):
            raise ValueError(_PLACEHOLDER)
        if reader:
            vectors = np.hstack([np.stack([doc.user_data[VECTORS] for doc in docs]), vectors])
        parts = np.stack([doc.user_data[PARTS] for doc in docs])
        raw = self.model.heads[reader].scores(parts, vectors)
        chances = self.model.settings.stages[reader + 1].chances(raw).round(4)
        for doc, vector, chance in zip(docs, vectors, chances.tolist(), strict=True):
            doc.cats = dict(zip(self.model.settings.topics, chance, strict=True))
            doc.user_data[VECTORS] = vector
            doc.user_data[STAGE] = READERS[reader + 1]

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the model; the same model gives the same bytes."""
        if self.model is None:
            raise ValueError(_PLACEHOLDER)
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        weights = self.model.weights
        arrays = {f"{part}_{name}": getattr(getattr(weights, part), name) for part, name in _ARRAYS}
        arrays["bias"] = weights.bias
        for number, head in enumerate(self.model.heads):
            arrays |= {f"head{number}_{name}": getattr(head, name) for name in _HEAD}
            arrays |= {f"kernel{number}_{name}": getattr(head.kernel, name) for name in _KERNEL}
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        srsly.write_json(folder / "model.json", asdict(self.model.settings), indent=1)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> TextCat:
        """Read what `to_disk` wrote."""
        folder = Path(path)
        arrays = {file.stem: np.load(file, allow_pickle=False) for file in folder.glob("*.npy")}
        read = srsly.read_json(folder / "model.json")
        read["stages"] = [Stage(**stage) for stage in read["stages"]]
        tables: dict[str, dict[str, Any]] = {"seen": {}, "vectors": {}}
        for part, name in _ARRAYS:
            tables[part][name] = arrays[f"{part}_{name}"]
        weights = Weights(**{part: Table(**table) for part, table in tables.items()}, bias=arrays["bias"])
        settings = Settings(**read)
        heads = [
            Head(
                **{name: arrays[f"head{number}_{name}"] for name in _HEAD},
                kernel=Kernel(**{name: arrays[f"kernel{number}_{name}"] for name in _KERNEL}),
            )
            for number in range(len(settings.encoders))
        ]
        self.use(Trained(settings=settings, weights=weights, heads=tuple(heads)))
        return self


_ARRAYS = [(part, name) for part in ("seen", "vectors") for name in ("keys", "idf", "rows", "scale")]
_HEAD = ("mix", "rows", "bias")
_KERNEL = ("centres", "scale", "pulls", "means", "ends")
