"""What a message is about: topic, intent, language and the evidence, or an honest `unsure`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from triage.classify.pipeline import Classifier
    from triage.config import Topics


def load_classifier(topics: Topics | None = None, *, cascade: bool = True) -> Classifier:
    """The shipped classifier under `topics` (default: config/topics.yaml). Imports spaCy when called, not before.

    Without `cascade` the sentence encoder reads nothing, and the fast model alone decides.
    Raises ConfigError when topics.yaml is wrong or the model is missing.
    """
    from triage.classify.pipeline import load
    from triage.config import load_topics

    return load(load_topics() if topics is None else topics, cascade=cascade)
