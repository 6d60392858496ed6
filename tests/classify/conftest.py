from __future__ import annotations

from pathlib import Path

import pytest

from triage.classify import load_classifier
from triage.classify.pipeline import Classifier
from triage.config import Topics, load_topics

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def topics() -> Topics:
    return load_topics(CHECKOUT / "config")


@pytest.fixture(scope="session")
def fast(topics: Topics) -> Classifier:
    return load_classifier(topics, cascade=False)


@pytest.fixture(scope="session")
def classifier(topics: Topics) -> Classifier:
    return load_classifier(topics)
