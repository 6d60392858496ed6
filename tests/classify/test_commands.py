from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.classify.conftest import CHECKOUT
from triage.classify.calibrate import calibration_error
from triage.classify.pipeline import Classifier
from triage.core.errors import ConfigError
from triage.ops.evaluate import evaluate, per_topic


def run(*args: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "triage.cli", *args]
    return subprocess.run(command, input=given, capture_output=True, check=False, cwd=CHECKOUT)


def test_lines_in_lines_out_in_order_and_bad_ones_do_not_stop_it() -> None:
    lines = [
        b'{"id": "a", "text": "Where is my parcel?", "lang": "en"}',
        b"not json",
        b'{"id": 2}',
        b'{"id": 3, "text": "ok", "subject": 7}',
        b"[1]",
        b'{"id": {"k": 1}, "text": "\\ud800 \xff caf\xc3\xa9", "subject": null}',
    ]
    done = run("classify", given=b"\n".join(lines) + b"\n")
    assert done.returncode == 1
    out = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["id"] for row in out] == ["a", None, 2, 3, None, {"k": 1}]
    assert ["error" in row for row in out] == [False, True, True, True, True, False]
    keys = ["id", "lang", "topic", "topics", "intent", "abstained", "evidence", "stage", "model", "taxonomy"]
    assert list(out[0]) == keys
    assert out[0]["topic"] == "delivery"
    assert {"start": 12, "end": 18, "text": "parcel"}.items() <= out[0]["evidence"][0].items()


def test_a_file_and_a_missing_file(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text('{"id": 1, "text": "Where is my parcel?"}\n\n', encoding="utf-8")
    done = run("classify", str(file))
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)
    missing = run("classify", str(tmp_path / "none.jsonl"))
    assert missing.returncode == 2
    assert b"cannot be read" in missing.stderr
    assert b"Traceback" not in missing.stderr


def test_evaluate_as_json_and_as_table(tmp_path: Path) -> None:
    file = tmp_path / "labelled.jsonl"
    rows = [
        {"text": "Where is my parcel? The tracking has not moved.", "topic": "delivery", "lang": "en"},
        {"text": "Où est mon colis ? La livraison est en retard.", "topics": ["delivery"], "lang": "fr"},
    ]
    file.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    done = run("evaluate", str(file), "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert [one["name"] for one in found] == ["all", "en", "fr"]
    assert found[0]["macro_f1"] == 1
    assert found[0]["topics"] == [{"topic": "delivery", "support": 2, "precision": 1, "recall": 1, "f1": 1}]
    assert b"delivery" in run("evaluate", str(file)).stdout


@pytest.mark.parametrize(
    "row", [{}, {"text": 1, "topic": "a"}, {"text": "a"}, {"text": "a", "topics": 3}, [1]]
)
def test_evaluate_names_the_bad_row(classifier: Classifier, row: object) -> None:
    with pytest.raises(ConfigError, match="here:7"):
        evaluate(classifier, [("here:7", row)])


def test_abstaining_costs_recall_and_no_precision(classifier: Classifier) -> None:
    rows = [
        {"text": "Where is my parcel? The tracking has not moved.", "topic": "delivery"},
        {"text": "qwzx vvkj", "topic": "delivery"},
        {"text": "Where is my parcel? It never came.", "topics": ["billing"], "also_ok": ["delivery"]},
    ]
    figures = evaluate(classifier, [("x", r) for r in rows])[0]
    assert figures.coverage == pytest.approx(2 / 3)
    assert figures.precision == 1
    [delivery] = figures.topics
    assert (delivery.precision, delivery.recall) == (1, pytest.approx(2 / 3))


def test_figures_by_hand() -> None:
    found = {t.topic: t for t in per_topic([("a", "a"), ("a", "b"), ("b", "b"), ("b", "unsure")])}
    assert (found["a"].precision, found["a"].recall, found["a"].f1) == (1, 0.5, pytest.approx(2 / 3))
    assert (found["b"].precision, found["b"].recall) == (0.5, 0.5)
    assert calibration_error(np.array([0.9, 0.9]), np.array([True, False])) == pytest.approx(0.4)
