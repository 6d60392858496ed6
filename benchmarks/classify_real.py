"""Zero-shot on real messages: what a classifier trained on our corpus alone makes of ../shared/data.

They are measured on when they are there; nothing is trained or tuned on them.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.classify_peers import PEERS
from triage.classify import corpus
from triage.classify.encoder import Encoder, shown
from triage.classify.mix import Inbox
from triage.classify.pipeline import Classifier
from triage.classify.text import clean
from triage.ops.evaluate import Judged, figures, judge, macro_f1, per_topic

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "messages.jsonl.gz"

Figures = dict[str, Any]
Judgements = dict[str, list[Judged]]
Guesses = dict[str, list[str]]


class AsTheyArrive:
    """A few messages a call, as on a quiet day, so that the budget of the second reader never ends."""

    def __init__(self, classifier: Any) -> None:
        self._classifier = classifier

    def classify(self, items: Any) -> list[Any]:
        """Decide triples, in order."""
        return [
            one
            for first in range(0, len(items), 20)
            for one in self._classifier.classify(items[first : first + 20])
        ]


def real_messages(per_source: int) -> dict[str, list[Figures]]:
    """At most `per_source` English or French messages of every source, drawn with a fixed seed."""
    found: dict[str, list[Figures]] = defaultdict(list)
    with gzip.open(DATA, "rt", encoding="utf-8") as stream:
        for row in map(json.loads, stream):
            if row["lang"] in ("en", "fr"):
                found[row["source"].split("/")[0]].append(row)
    draw = np.random.default_rng(0)
    return {
        name: [rows[i] for i in sorted(draw.permutation(len(rows))[:per_source])]
        for name, rows in sorted(found.items())
    }


def ours(classifier: Classifier, messages: dict[str, list[Figures]], *, alone: bool) -> Judgements:
    """Every message judged, each source an inbox of its own in the order of the data; `alone`: no inbox at all.

    An inbox knows what came before and beside a message, and no label. A topic of `also_ok` is as good as the
    labelled one.
    """
    found = {}
    for name, rows in messages.items():
        reader = AsTheyArrive(classifier if alone else Inbox(classifier))
        decided = reader.classify([("", row["text"], "") for row in rows])
        found[name] = [
            judge(one, row["topics"], [*row["topics"], *row["also_ok"]])
            for one, row in zip(decided, rows, strict=True)
        ]
    return found


def guesses(judged: Judgements) -> Guesses:
    """The best guess for every message."""
    return {name: [row.guess for row in rows] for name, rows in judged.items()}


def peers(messages: dict[str, list[Figures]], encoders: Sequence[Encoder]) -> dict[str, Guesses]:
    """What every peer guesses; beside those of `PEERS` logistic regression on the last encoder's vectors alone."""
    examples = corpus.read()
    truth = [e.topic for e in examples]
    found: dict[str, Guesses] = {}
    for peer, make in PEERS.items():
        model = make().fit([e.text for e in examples], truth)
        found[peer] = {
            name: [str(g) for g in model.predict([row["text"] for row in rows])]
            for name, rows in messages.items()
        }
    if encoders:
        last = encoders[-1]
        known = last.encode([shown(e.text) for e in examples])
        regression = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300)).fit(
            known, truth
        )
        found["encoder alone"] = {
            name: [
                str(g) for g in regression.predict(last.encode([shown(clean(r["text"]).text) for r in rows]))
            ]
            for name, rows in messages.items()
        }
    return found


def lenient(rows: Sequence[Figures], guessed: Sequence[str]) -> float:
    """Macro-F1 over the topics that occur; a topic of `also_ok` is as good as the labelled one."""
    pairs = [
        (g if g in (*row["topics"], *row["also_ok"]) else row["topics"][0], g)
        for row, g in zip(rows, guessed, strict=True)
    ]
    return macro_f1(per_topic(pairs))


def strict(rows: Sequence[Figures], guessed: Sequence[str]) -> float:
    """scikit-learn's macro-F1 over the topics that are labelled; only the first labelled topic is right."""
    truth = [row["topics"][0] for row in rows]
    return float(f1_score(truth, guessed, labels=sorted(set(truth)), average="macro", zero_division=0))


def f1_by_source(
    messages: dict[str, list[Figures]],
    guessed: dict[str, Guesses],
    score: Callable[[Sequence[Figures], Sequence[str]], float],
) -> list[Figures]:
    """Macro-F1 of the best guess per source, ours and the peers'; the mean, and how many times LinearSVC's it is."""
    table: list[Figures] = [
        {"source": name, "messages": len(rows)} | {who: score(rows, by[name]) for who, by in guessed.items()}
        for name, rows in messages.items()
    ]
    means = {who: float(np.mean([row[who] for row in table])) for who in guessed}
    times = {who: mean / means["LinearSVC"] for who, mean in means.items()}
    total = sum(map(len, messages.values()))
    return [
        *table,
        {"source": "mean", "messages": total, **means},
        {"source": "times LinearSVC", "messages": "", **times},
    ]


def decided(fast: Judgements, cascade: Judgements) -> list[Figures]:
    """Per source: the share decided, how much of it is right, and the precision of the surest half."""
    table: list[Figures] = []
    for name in fast:
        alone, both = figures(name, fast[name]), figures(name, cascade[name])
        table.append(
            {
                "source": name, "messages": both.messages,
                "fast coverage": alone.coverage, "fast precision": alone.precision,
                "coverage": both.coverage, "precision": both.precision, "surest half": both.surest_half,
            }
        )  # fmt: skip
    means = {k: float(np.mean([row[k] for row in table])) for k in list(table[0])[2:]}
    return [*table, {"source": "mean", "messages": sum(r["messages"] for r in table), **means}]


def by_topic(cascade: Judgements) -> list[Figures]:
    """Per source and topic: how many, and precision, recall and F1 of the best guess and of the decisions."""
    table = []
    for name, rows in cascade.items():
        decided = {t.topic: t for t in per_topic([(r.truth, r.decided) for r in rows])}
        for t in per_topic([(r.forced_truth, r.guess) for r in rows]):
            acted = decided.get(t.topic)
            table.append(
                {
                    "source": name, "topic": t.topic, "messages": t.support,
                    "precision": t.precision, "recall": t.recall, "F1": t.f1,
                    "decided: precision": acted.precision if acted else "",
                    "decided: recall": acted.recall if acted else "",
                }
            )  # fmt: skip
    return table


def heap(judged: Judgements) -> list[Judged]:
    """Every source's messages, one after the other."""
    return list(chain.from_iterable(judged.values()))


def together(judged: dict[str, Judgements]) -> list[Figures]:
    """All messages as one heap; `right` is the share of best guesses that are."""
    return [
        {
            "reader": name, "coverage": f.coverage, "precision": f.precision, "surest half": f.surest_half,
            "right": float(np.mean([row.forced_truth == row.guess for row in rows])),
        }
        for name, by_source in judged.items()
        for rows in [heap(by_source)]
        for f in [figures(name, rows)]
    ]  # fmt: skip


def curve(rows: Sequence[Judged]) -> list[tuple[float, float]]:
    """(coverage, precision of the best guess) when only the surest are decided, at every fiftieth."""
    ranked = sorted(rows, key=lambda row: -row.chance)
    right = np.cumsum([row.forced_truth == row.guess for row in ranked])
    counts = [max(1, round(len(ranked) * share / 50)) for share in range(1, 51)]
    return [(count / len(ranked), float(right[count - 1] / count)) for count in counts]
