"""The training corpus: `corpus/<lang>/<topic>.txt`, one message a line."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from triage.classify.text import clean, fold, tokens
from triage.core.errors import ConfigError

NEAR = 0.5
"""Share of common shingles from which two messages are one message written twice."""

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


def near_duplicates(examples: list[Example], alike: float = NEAR) -> list[tuple[int, int]]:
    """Pairs (earlier, later) of messages that share at least `alike` of their three-word shingles (Jaccard)."""
    shingled = [_shingles(e.text) for e in examples]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    found = []
    for number, shingles in enumerate(shingled):
        shared = Counter(other for shingle in shingles for other in holders[shingle])
        found += [
            (other, number)
            for other, count in sorted(shared.items())
            if count >= alike * (len(shingles) + len(shingled[other]) - count)
        ]
        for shingle in shingles:
            holders[shingle].append(number)
    return found


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = [word for token in tokens(text)[0] for word in fold(token)]
    return {tuple(words[at : at + 3]) for at in range(max(1, len(words) - 2))}


def digest(examples: list[Example]) -> str:
    """SHA-256 of the corpus: changes with any message, topic or language, not with blank lines."""
    joined = "\n".join(f"{e.lang}\t{e.topic}\t{e.text}" for e in examples)
    return hashlib.sha256(joined.encode("utf-8")).hexdigest()
