"""An encoder that remembers: what was read in an earlier run is not read again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from triage.classify.encoder import Encoder
from triage.classify.linear import Floats


class Remembering:
    """Gives the vectors of the encoder behind it. `save` keeps those asked for since it was made, and no others."""

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        self.name, self.pace = encoder.name, encoder.pace
        self._encoder = encoder
        self._file = folder / f"vectors-{hashlib.sha256(encoder.name.encode()).hexdigest()[:8]}.npz"
        self._known: dict[str, Floats] = {}
        self._used: dict[str, Floats] = {}
        if self._file.exists():
            with np.load(self._file, allow_pickle=False) as kept:
                self._known = dict(zip(kept["keys"].tolist(), kept["rows"], strict=True))

    def encode(self, texts: Sequence[str]) -> Floats:
        """One row per text."""
        keys = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32] for text in texts]
        missing = {
            k: t for k, t in zip(keys, texts, strict=True) if k not in self._used and k not in self._known
        }
        if missing:
            rows = self._encoder.encode(list(missing.values()))
            self._known.update(zip(missing, rows, strict=True))
        self._used.update((key, self._known[key]) for key in keys if key not in self._used)
        return np.stack([self._used[key] for key in keys])

    def save(self) -> None:
        """Write them at once; two processes that save together leave one whole file."""
        if self._used:
            scratch = self._file.with_name(f"{self._file.stem}.{os.getpid()}.npz")
            np.savez(scratch, keys=np.array(list(self._used)), rows=np.stack(list(self._used.values())))
            scratch.replace(self._file)
