"""How good and how fast the classifier is, beside scikit-learn's LinearSVC trained on the same text at run time.

    python -m benchmarks.classify [--json] [--card docs/model-card.md]

Real messages in ../shared/data are measured on when they are there; nothing is trained or tuned on them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from triage.classify import corpus, load_classifier
from triage.classify.encoder import load_encoder
from triage.ops.evaluate import evaluate, macro_f1, per_topic

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "messages.jsonl.gz"
PER_SOURCE = 250
START, END = "<!-- figures: python -m benchmarks.classify --card -->", "<!-- end of figures -->"

Figures = dict[str, Any]


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


def linear_svc() -> Any:
    """The peer: words 1-2 and characters 3-5, as its documentation would have it."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    return make_pipeline(make_union(words, grams), LinearSVC())


def cross_validated(examples: list[corpus.Example], ours: Figures) -> list[Figures]:
    """Macro-F1 per language on the same five folds; ours was measured while training (`ours`)."""
    texts = np.array([e.text for e in examples], dtype=object)
    truth, langs = np.array([e.topic for e in examples]), np.array([e.lang for e in examples])
    guess = np.empty_like(truth)
    strata = np.char.add(langs, truth)
    for seen, unseen in StratifiedKFold(5, shuffle=True, random_state=0).split(strata, strata):
        guess[unseen] = linear_svc().fit(texts[seen], truth[seen]).predict(texts[unseen])
    peer = {"all": f1_score(truth, guess, average="macro")}
    for lang in sorted(set(langs)):
        mine = langs == lang
        peer[str(lang)] = f1_score(truth[mine], guess[mine], average="macro")
    name = {"all": "macro_f1", "en": "macro_f1_en", "fr": "macro_f1_fr"}
    return [
        {
            "set": k,
            "fast": ours[f"fast_{name[k]}"],
            "cascade": ours.get(name[k], ""),
            "LinearSVC": round(float(v), 4),
        }
        for k, v in peer.items()
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


def zero_shot(fast: Any, cascade: Any, examples: list[corpus.Example], per_source: int) -> list[Figures]:
    """Per source: macro-F1 of the best guess, ours and the peer's, and what we would act on."""
    peer = linear_svc().fit([e.text for e in examples], [e.topic for e in examples])
    table = []
    for name, rows in real_messages(per_source).items():
        asked = [(name, row | {"lang": ""}) for row in rows]
        alone, ours = evaluate(fast, asked)[0], evaluate(AsTheyArrive(cascade), asked)[0]
        guesses = peer.predict([row["text"] for row in rows])
        pairs = [
            (g if g in (*r["topics"], *r["also_ok"]) else r["topics"][0], str(g))
            for r, g in zip(rows, guesses, strict=True)
        ]
        table.append(
            {
                "source": name, "messages": ours.messages,
                "fast": round(alone.forced_macro_f1, 4), "cascade": round(ours.forced_macro_f1, 4),
                "LinearSVC": round(macro_f1(per_topic(pairs)), 4),
                "fast coverage": round(alone.coverage, 4), "fast precision": round(alone.precision, 4),
                "coverage": round(ours.coverage, 4), "precision": round(ours.precision, 4),
                "surest_half": round(ours.surest_half, 4),
            }
        )  # fmt: skip
    means = {k: round(float(np.mean([row[k] for row in table])), 4) for k in list(table[0])[2:]}
    return [*table, {"source": "mean", "messages": sum(r["messages"] for r in table), **means}]


def throughput(classifier: Any, examples: list[corpus.Example]) -> list[Figures]:
    """Messages per second of processor time (one core), in batches of 1,000, best of three; milliseconds for one."""
    running = " ".join(e.text for e in examples)
    draw = np.random.default_rng(0)

    def cut(length: int, count: int) -> list[tuple[str, str, str]]:
        return [("", running[i : i + length], "") for i in draw.integers(0, len(running) - length, count)]

    classifier.classify(cut(280, 2000))
    messages, mails = cut(280, 3000), cut(12_000, 20)

    def batches(items: list[tuple[str, str, str]]) -> None:
        for first in range(0, len(items), 1000):
            classifier.classify(items[first : first + 1000])

    batched = max(_per_second(batches, cut(280, 3000)) for _ in range(3))
    peer = linear_svc().fit([e.text for e in examples], [e.topic for e in examples])
    peers = max(_per_second(peer.predict, [text for _, text, _ in cut(280, 1000)]) for _ in range(3))
    return [
        {"what": "messages of 280 characters a second, in batches", "figure": round(batched)},
        {
            "what": "the same by LinearSVC, which gives the topic alone",
            "figure": round(peers),
        },
        {"what": "milliseconds for one of them, alone", "figure": _each(classifier, messages[:300])},
        {"what": "milliseconds for a mail of 2,000 words, alone", "figure": _each(classifier, mails)},
    ]


def second_reader() -> Figures:
    """Characters a second of processor time, over texts of 280 characters."""
    encoder = load_encoder()
    if encoder is None:
        return {"what": "no encoder here", "figure": 0}
    texts = [e.text[:280] for e in corpus.read() if len(e.text) >= 280][:100]
    started = time.process_time()
    encoder.encode(texts)
    took = time.process_time() - started
    return {"what": "characters a second of processor time", "figure": round(sum(map(len, texts)) / took)}


def _per_second(work: Callable[[Any], Any], items: list[Any]) -> float:
    started = time.process_time()
    work(items)
    return len(items) / (time.process_time() - started)


def _each(classifier: Any, items: list[tuple[str, str, str]]) -> float:
    started = time.process_time()
    for item in items:
        classifier.classify([item])
    return round((time.process_time() - started) / len(items) * 1000, 2)


def measure(per_source: int) -> dict[str, list[Figures]]:
    """Every table."""
    classifier, fast, examples = load_classifier(), load_classifier(cascade=False), corpus.read()
    settings = classifier.settings
    found = settings.figures
    tables = {
        "Cross-validated macro-F1 on the corpus": cross_validated(examples, found),
        "Held-out folds": [
            {"figure": k, "fast": found[f"fast_{k}"], "cascade": v}
            for k, v in found.items()
            if f"fast_{k}" in found
        ],
        "Thresholds (unsure below)": [
            {"topic": t, "fast": a, "encoder": b}
            for t, a, b in zip(
                settings.topics, settings.fast.threshold, settings.second.threshold, strict=True
            )
        ],
        "Speed of the fast path (processor time, one core)": throughput(fast, examples),
        "Speed of the second reader": [second_reader()],
    }
    if DATA.exists():
        tables["Zero-shot on real messages (macro-F1 of the best guess)"] = zero_shot(
            fast, classifier, examples
        )
    return tables


def markdown(tables: dict[str, list[Figures]]) -> str:
    """The tables for a page."""
    blocks = []
    for title, rows in tables.items():
        lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
        lines += [
            "| " + " | ".join(str(round(v, 4) if isinstance(v, float) else v) for v in row.values()) + " |"
            for row in rows
        ]
        blocks.append(f"### {title}\n\n" + "\n".join(lines))
    return "\n\n".join(blocks)


def main() -> None:
    """Measure; print the tables, or put them between the marks of the model card."""
    parser = argparse.ArgumentParser(description="Measure the classifier beside scikit-learn's LinearSVC.")
    parser.add_argument("--json", action="store_true", help="JSON in place of the tables")
    parser.add_argument("--card", type=Path, help="write the tables into this page, between its marks")
    parser.add_argument(
        "--per-source", type=int, default=PER_SOURCE, help="real messages drawn of each source"
    )
    args = parser.parse_args()
    tables = measure(args.per_source)
    if args.card:
        page = args.card.read_text(encoding="utf-8")
        head, _, rest = page.partition(START)
        tail = rest.partition(END)[2]
        args.card.write_text(f"{head}{START}\n\n{markdown(tables)}\n\n{END}{tail}", encoding="utf-8")
    print(json.dumps(tables, ensure_ascii=False) if args.json else markdown(tables))


if __name__ == "__main__":
    main()
