"""How good and how fast the classifier is, beside LinearSVC and spaCy's BOW trained on the same text at run time.

    python -m benchmarks classify [-- --json] [-- --card docs/model-card.md]

Real messages in ../shared/data are measured on when they are there; nothing is trained or tuned on them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from benchmarks import classify_real as real
from benchmarks.classify_peers import PEERS, linear_svc
from benchmarks.classify_pictures import chart
from benchmarks.classify_real import DATA, AsTheyArrive
from benchmarks.classify_speed import readers, speed
from triage.classify import corpus, load_classifier
from triage.classify.decide import READERS
from triage.classify.encoder import load_encoders
from triage.classify.fitting import random_folds
from triage.classify.learning import reader
from triage.classify.pipeline import MODEL
from triage.classify.remember import Remembering
from triage.classify.textcat import Settings
from triage.config import load_topics

__all__ = ["DATA", "AsTheyArrive", "linear_svc", "main"]

PER_SOURCE = 250
START, END = "<!-- figures: python -m benchmarks classify -->", "<!-- end of figures -->"

FOLDS, SEED = 5, 0
"""As config.cfg has them: ours was measured on these folds while training."""

Figures = dict[str, Any]


def cross_validated(examples: list[corpus.Example], settings: Settings) -> list[Figures]:
    """F1 by topic and language, and their means, all on the same five folds."""
    texts = np.array([e.text for e in examples], dtype=object)
    truth, langs = np.array([e.topic for e in examples]), np.array([e.lang for e in examples])
    kept = settings.figures["folds"]
    found = {who: figures["f1"] for who, figures in kept.items()}
    overall = {who: figures["macro_f1"] for who, figures in kept.items()}
    for name, make in PEERS.items():
        guess = np.empty_like(truth)
        for seen, unseen in random_folds(np.char.add(langs, truth), FOLDS, SEED):
            guess[unseen] = (
                make().fit(texts[seen].tolist(), truth[seen].tolist()).predict(texts[unseen].tolist())
            )
        overall[name] = f1_score(truth, guess, average="macro")
        found[name] = {}
        for lang in sorted(set(langs.tolist())):
            mine = langs == lang
            each = f1_score(truth[mine], guess[mine], labels=settings.topics, average=None)
            found[name][lang] = dict(zip(settings.topics, each.tolist(), strict=True))
    table: list[Figures] = []
    for topic in settings.topics:
        row = {f"{name} {lang}": by[lang][topic] for name, by in found.items() for lang in by}
        table.append({"topic": topic, **row})
    columns = list(table[0])[1:]
    table.append({"topic": "mean", **{c: float(np.mean([r[c] for r in table])) for c in columns}})
    both = {c: overall[c.rsplit(" ", 1)[0]] if c.endswith(" en") else "" for c in columns}
    return [*table, {"topic": "both languages", **both}]


def held_out(settings: Settings) -> list[Figures]:
    """Figures of the training run; `shifts` are other hands, lengths and languages, `folds` those drawn at random."""
    return [
        {"held out by": how, "reader": who}
        | {name: value for name, value in found.items() if isinstance(value, float)}
        for how, by_reader in settings.figures.items()
        for who, found in by_reader.items()
    ]


def _encoders(remember: Path | None) -> list[Remembering]:
    """The encoders, which read each text once; with a folder, nor what they read in an earlier run."""
    return [Remembering(one, remember or Path(os.devnull)) for one in load_encoders()]


def measure(per_source: int, pictures: Path | None, remember: Path | None) -> dict[str, list[Figures]]:
    """Every table; the pictures are written into a folder if one is given."""
    settings = load_classifier().settings
    reliability = {
        f"{who}, {how}": [(mean, share) for _, mean, share in settings.figures[how][who]["reliability"]]
        for how in ("shifts", "folds")
        for who in ("fast", "encoder")
    }
    _draw(
        pictures,
        "reliability.svg",
        chart(
            "Reliability on held-out messages",
            "chance",
            "share right",
            reliability,
            marks=True,
            diagonal=True,
        ),
    )
    thresholds = [dict(zip(settings.topics, stage.threshold, strict=True)) for stage in settings.stages]
    tables = {
        "Speed of the fast path (processor time, one core)": speed(),
        "Speed of the readers after it": readers(),
        "Cross-validated F1 on the corpus, by topic and language": cross_validated(corpus.read(), settings),
        "Held-out messages of the corpus": held_out(settings),
        "Thresholds (unsure below)": [
            {"topic": topic} | {name: by[topic] for name, by in zip(READERS, thresholds, strict=False)}
            for topic in settings.topics
        ],
    }
    return tables | (_real(per_source, pictures, remember) if DATA.exists() else {})


def _real(per_source: int, pictures: Path | None, remember: Path | None) -> dict[str, list[Figures]]:
    messages, encoders = real.real_messages(per_source), _encoders(remember)
    readers = {"fast": load_classifier(cascade=False), "cascade": reader(MODEL, load_topics(), encoders)}
    judged = {
        f"{name}{', alone' if alone else ''}": real.ours(classifier, messages, alone=alone)
        for name, classifier in readers.items()
        for alone in (False, True)
    }
    guesses = {who: real.guesses(found) for who, found in judged.items()} | real.peers(messages, encoders)
    if remember:
        for one in encoders:
            one.save()
    lines = {who: real.curve(real.heap(found)) for who, found in judged.items()}
    title = "Real messages: precision of the surest"
    _draw(
        pictures,
        "precision-coverage.svg",
        chart(title, "coverage", "precision", lines, lowest=0.5, guides=(0.75, 0.85)),
    )
    return {
        "Zero-shot on real messages: macro-F1 by source, a topic in `also_ok` being right": real.f1_by_source(
            messages, guesses, real.lenient
        ),
        "Zero-shot on real messages: macro-F1 by source, the first labelled topic alone being right": (
            real.f1_by_source(messages, guesses, real.strict)
        ),
        "Zero-shot on real messages: what is decided at the default thresholds": real.decided(
            judged["fast"], judged["cascade"]
        ),
        "All real messages together": real.together(judged),
        "Precision by coverage, all real messages together": [
            {"coverage": points[0][0]}
            | {who: precision for who, (_, precision) in zip(lines, points, strict=True)}
            for points in list(zip(*lines.values(), strict=True))[4::5]
        ],
        "Zero-shot on real messages, by source and topic (cascade)": real.by_topic(judged["cascade"]),
    }


def _draw(folder: Path | None, name: str, picture: str) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(picture, encoding="utf-8")


def markdown(tables: dict[str, list[Figures]]) -> str:
    """The tables for a page."""
    blocks = []
    for title, rows in tables.items():
        lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
        lines += [
            "| " + " | ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()) + " |"
            for row in rows
        ]
        blocks.append(f"### {title}\n\n" + "\n".join(lines))
    return "\n\n".join(blocks)


def main(argv: list[str] | None = None) -> int:
    """Measure; print the tables, and put them between the marks of the model card if it is named."""
    parser = argparse.ArgumentParser(prog="benchmarks classify", description=__doc__)
    parser.add_argument("--json", action="store_true", help="JSON in place of the tables")
    parser.add_argument("--card", type=Path, help="write tables into this page, pictures into img/ beside it")
    parser.add_argument(
        "--per-source", type=int, default=PER_SOURCE, help="real messages drawn of each source"
    )
    parser.add_argument("--remember", type=Path, help="folder with what the encoder read in an earlier run")
    args = parser.parse_args(argv)
    tables = measure(args.per_source, args.card.parent / "img" if args.card else None, args.remember)
    if args.card:
        page = args.card.read_text(encoding="utf-8")
        head, _, rest = page.partition(START)
        tail = rest.partition(END)[2]
        args.card.write_text(f"{head}{START}\n\n{markdown(tables)}\n\n{END}{tail}", encoding="utf-8")
    print(json.dumps(tables, ensure_ascii=False) if args.json else markdown(tables))
    return 0


if __name__ == "__main__":
    sys.exit(main())
