"""Train the shipped classifier from the corpus."""

from __future__ import annotations

import time
from pathlib import Path

from triage.ops.report import Report


def train(*, out: Path | None = None, corpus: Path | None = None, vectors: bool = False) -> Report:
    """Train as triage/classify/config.cfg declares and replace the model at `out` (default: the shipped one).

    With `vectors` the shipped word vectors are made anew first.
    Raises ConfigError when scikit-learn, the corpus, or what makes the vectors is missing.
    """
    from triage.classify import vectors as word_vectors
    from triage.classify.pipeline import MODEL, digest
    from triage.classify.training import train as run

    started = time.monotonic()
    target = out or MODEL
    if vectors:
        word_vectors.write(word_vectors.distil())
    settings = run(target, corpus)
    report = Report(verb="train", read=settings.examples, kept=settings.examples)
    report.notes.append(f"model {digest(target)}, {len(settings.topics)} topics")
    report.notes.append(f"read again by: {', '.join(settings.encoders) or 'nobody, no encoder is installed'}")
    report.notes += [
        f"held-out by {how}, {reader}: "
        + ", ".join(f"{name} {value}" for name, value in found.items() if isinstance(value, float))
        for how, readers in settings.figures.items()
        for reader, found in readers.items()
    ]
    report.seconds = time.monotonic() - started
    return report
