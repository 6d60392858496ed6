"""The training corpus: `corpus/<lang>/<topic>.txt`, one message a line."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from triage.classify.text import clean
from triage.core.errors import ConfigError

CORPUS = Path(__file__).with_name("corpus")


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One written message (cleaned) with its topic and language."""

    text: str
    topic: str
    lang: str


def read(directory: Path = CORPUS) -> list[Example]:
    """Every message, in the order of languages, topics and lines. Raises ConfigError when there is none."""
    found = [
        Example(text=clean(line.strip()).text, topic=path.stem, lang=path.parent.name)
        for path in sorted(directory.glob("*/*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]
    if not found:
        raise ConfigError(f"{directory}: no corpus here; put one message a line in <lang>/<topic>.txt")
    return found


def digest(examples: list[Example]) -> str:
    """SHA-256 of the corpus: changes with any message, topic or language, not with blank lines."""
    joined = "\n".join(f"{e.lang}\t{e.topic}\t{e.text}" for e in examples)
    return hashlib.sha256(joined.encode("utf-8")).hexdigest()
