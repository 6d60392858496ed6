"""Training on a small corpus: it learns, twice the same bytes, and a broken corpus is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from triage.classify import corpus
from triage.classify.pipeline import load
from triage.classify.training import train
from triage.config import Topics
from triage.core.errors import ConfigError


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for one in corpus.read():
        if one.topic in ("billing", "delivery", "data_breach"):
            file = folder / one.lang / f"{one.topic}.txt"
            file.parent.mkdir(exist_ok=True)
            with file.open("a", encoding="utf-8") as stream:
                stream.write(one.text + "\n")
    return folder


class Letters:
    """An encoder that knows the first letters of a text, and how often they stand there."""

    pace = 1000

    def __init__(self, name: str) -> None:
        self.name = name

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = [[text.lower()[:200].count(c) / 200 for c in "abcdefghijklmnopqrstuvwxyz"] for text in texts]
        return np.array(rows, np.float32)


def letters() -> list[Letters]:
    return [Letters("letters"), Letters("more letters")]


def files(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_twice_the_same_bytes_and_it_has_learnt(small: Path, tmp_path: Path, topics: Topics) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    settings = train(first, small, letters)
    train(second, small, letters)
    train(second, small, letters)
    assert files(first) == files(second)
    assert settings.topics == ["billing", "data_breach", "delivery"]
    assert settings.figures["hands"]["fast"]["macro_f1"] > 0.5
    assert settings.encoders == ["letters", "more letters"]
    one, other = load(topics, first), load(topics, second)
    assert one.model == other.model
    found = one.classify([("", "Where is my parcel? The courier never came.", "")])[0]
    assert found.topics[0].topic == "delivery"


def test_without_an_encoder_the_fast_model_is_all_there_is(
    small: Path, tmp_path: Path, topics: Topics
) -> None:
    settings = train(tmp_path / "one", small, list)
    assert settings.encoders == []
    assert {how: list(found) for how, found in settings.figures.items()} == {
        "shifts": ["fast"],
        "hands": ["fast"],
        "folds": ["fast"],
    }
    found = load(topics, tmp_path / "one").classify([("", "Well, what shall I say about it?", "")])[0]
    assert found.stage == "fast"


def test_an_empty_corpus_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no corpus here"):
        train(tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_missing_model_is_told(tmp_path: Path, topics: Topics) -> None:
    with pytest.raises(ConfigError, match="triage train"):
        load(topics, tmp_path)
