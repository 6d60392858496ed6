"""Train the shipped classifier from the corpus."""

from __future__ import annotations

import time
from pathlib import Path

from triage.ops.report import Report


def train(*, out: Path | None = None, corpus: Path | None = None) -> Report:
    """Train as triage/classify/config.cfg declares and replace the model at `out` (default: the shipped one).

    Raises ConfigError when scikit-learn or the corpus is missing.
    """
    from triage.classify.pipeline import MODEL, digest
    from triage.classify.training import train as run

    started = time.monotonic()
    target = out or MODEL
    settings = run(target, corpus)
    report = Report(verb="train", read=settings.examples, kept=settings.examples)
    report.notes.append(f"model {digest(target)}, {len(settings.topics)} topics")
    report.notes.append(
        "held-out " + ", ".join(f"{name} {value}" for name, value in settings.figures.items())
    )
    report.seconds = time.monotonic() - started
    return report
