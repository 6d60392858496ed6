"""The trainable spaCy component `triage_textcat`: calibrated topic scores in `doc.cats`, and what gave them.

On disk it is a few small arrays (see linear.py) and `model.json` (topics, calibration, thresholds,
digest of the corpus). Scoring needs numpy alone; training is in training.py.
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

from triage.classify.calibrate import Stage
from triage.classify.decide import STAGE_ENCODER, STAGE_FAST
from triage.classify.document import GIVEN, RAW, STAGE, WORDS
from triage.classify.encoder import Encoder, load_encoder
from triage.classify.linear import Floats, Scorer, Table, Weights

_PLACEHOLDER = "triage_textcat is not trained; run `triage train`"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What training found beside the weights. `encoder` names the sentence encoder that the second reader was
    trained for (empty: there is none). `figures` are measurements on held-out messages: by `hands` (folds that other
    hands wrote, which the calibration comes from) or `folds` (drawn at random), then by reader."""

    topics: list[str]
    corpus: str
    examples: int
    fast: Stage
    second: Stage
    encoder: str = ""
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Head:
    """What the second reader adds to raw scores: `rows` (topic x dimension) times a text's vector, plus `bias`."""

    rows: Floats
    bias: Floats

    def scores(self, vectors: Floats) -> Floats:
        """Message by topic; each message on its own, so that neighbours change nothing."""
        return np.stack([self.rows @ vector for vector in vectors]) + self.bias


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A whole model. `head` is None when it was trained without an encoder."""

    settings: Settings
    weights: Weights
    head: Head | None


def best(cats: dict[str, float], allowed: Iterable[str] | None = None) -> str:
    """The topic with the highest score; the first settles a tie. Empty when there is no topic."""
    keys = cats if allowed is None else [k for k in allowed if k in cats]
    return max(keys, key=cats.__getitem__, default="")


_TRAINING = {"folds": 5, "hands": 2, "seed": 0, "regularisation": 1.0, "shrinkage": 0.4}


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
    ) -> None:
        self.name = name
        self.folds, self.hands, self.seed = folds, hands, seed
        self.regularisation, self.shrinkage = regularisation, shrinkage
        self.model: Trained | None = None

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        encoder: Encoder | None = None,
        **_: Any,
    ) -> None:
        """Train on all examples: their reference docs carry `cats` and the language in `user_data`."""
        from triage.classify.training import fit

        docs = [example.reference for example in get_examples()]
        self.use(fit(docs, self, encoder))

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
        chances = self.model.settings.fast.chances(batch.scores) * batch.known[:, None]
        topics = self.model.settings.topics
        for number, (doc, chance) in enumerate(zip(docs, chances.round(4).tolist(), strict=True)):
            doc.cats = dict(zip(topics, chance, strict=True))
            doc.user_data[GIVEN] = batch.given_in(number)
            doc.user_data[RAW] = batch.scores[number]
            doc.user_data[STAGE] = STAGE_FAST

    def second_reader(self) -> Encoder | None:
        """The encoder that this model can use here, if there is one."""
        if self.model is None or self.model.head is None:
            return None
        encoder = load_encoder()
        return encoder if encoder is not None and encoder.name == self.model.settings.encoder else None

    def read_again(self, docs: list[Doc], vectors: Floats) -> None:
        """Replace the chances of these messages by those of both readers together."""
        if self.model is None or self.model.head is None:
            raise ValueError(_PLACEHOLDER)
        raw = np.stack([doc.user_data[RAW] for doc in docs]) + self.model.head.scores(vectors)
        chances = self.model.settings.second.chances(raw).round(4)
        for doc, chance in zip(docs, chances.tolist(), strict=True):
            doc.cats = dict(zip(self.model.settings.topics, chance, strict=True))
            doc.user_data[STAGE] = STAGE_ENCODER

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the model; the same model gives the same bytes."""
        if self.model is None:
            raise ValueError(_PLACEHOLDER)
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        weights, head = self.model.weights, self.model.head
        arrays = {f"{part}_{name}": getattr(getattr(weights, part), name) for part, name in _ARRAYS}
        arrays["bias"] = weights.bias
        if head is not None:
            arrays |= {"head_rows": head.rows, "head_bias": head.bias}
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        srsly.write_json(folder / "model.json", asdict(self.model.settings), indent=1)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> TextCat:
        """Read what `to_disk` wrote."""
        folder = Path(path)
        arrays = {file.stem: np.load(file, allow_pickle=False) for file in folder.glob("*.npy")}
        read = srsly.read_json(folder / "model.json")
        read |= {name: Stage(**read[name]) for name in ("fast", "second")}
        tables: dict[str, dict[str, Any]] = {"seen": {}, "vectors": {}}
        for part, name in _ARRAYS:
            tables[part][name] = arrays[f"{part}_{name}"]
        weights = Weights(**{part: Table(**table) for part, table in tables.items()}, bias=arrays["bias"])
        head = Head(rows=arrays["head_rows"], bias=arrays["head_bias"]) if "head_rows" in arrays else None
        self.use(Trained(settings=Settings(**read), weights=weights, head=head))
        return self


_ARRAYS = [(part, name) for part in ("seen", "vectors") for name in ("keys", "idf", "rows", "scale")]
