"""How fast the classifier learns from corrections: 8, 32 and 128 of each topic, in time order, from one source.

    python -m benchmarks learning [--json] [--fast] [--source airline/United]

Every source is cut in time: corrections come from its earlier part, the later part judges. Beside ours: the same
recipe on the whole earlier part, and scikit-learn's LinearSVC on the whole earlier part. Real messages in
../shared/data are measured on when they are there; the recipe was tuned on the corpus alone.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.classify import DATA, AsTheyArrive, linear_svc
from triage.classify import corpus
from triage.classify.encoder import load_encoders
from triage.classify.learning import Lesson, lesson, reader, teach
from triage.classify.pipeline import MODEL
from triage.classify.remember import Remembering
from triage.config import load_topics
from triage.ops.evaluate import evaluate, macro_f1, per_topic
from triage.ops.models import cache_folder

EARLIER = 0.7
"""Share of a source, by time, that corrections are drawn from."""

ENOUGH = 64
"""Messages that two topics of the earlier part must have, or there is nothing to learn a curve from."""

JUDGES = 600
"""Later messages that judge, at most, evenly drawn."""

STEPS = (8, 32, 128)
WANTED = 0.9

Row = dict[str, Any]


def sources(wanted: Sequence[str]) -> dict[str, tuple[list[Row], list[Row]]]:
    """Each source that has time and topics enough: its earlier part and those of its later part that judge."""
    found: dict[str, list[Row]] = defaultdict(list)
    with gzip.open(DATA, "rt", encoding="utf-8") as stream:
        for row in map(json.loads, stream):
            if row["created_at"] and row["lang"] in ("en", "fr") and (not wanted or row["source"] in wanted):
                found[row["source"]].append(row)
    chosen = {}
    for name, rows in sorted(found.items()):
        rows.sort(key=lambda row: (row["created_at"], row["id"]))
        cut = int(len(rows) * EARLIER)
        earlier, later = rows[:cut], rows[cut:]
        counts = Counter(row["topics"][0] for row in earlier)
        if sum(count >= ENOUGH for count in counts.values()) >= 2:
            every = max(1, -(-len(later) // JUDGES))
            chosen[name] = earlier, later[::every]
    return chosen


def first(rows: Sequence[Row], count: int) -> list[Row]:
    """The first so many of each topic."""
    seen: Counter[str] = Counter()
    found = []
    for row in rows:
        seen[row["topics"][0]] += 1
        if seen[row["topics"][0]] <= count:
            found.append(row)
    return found


class Bench:
    """The shipped model, and what teaching it takes."""

    def __init__(self, *, fast: bool) -> None:
        encoders = () if fast else load_encoders()
        self.encoders = [Remembering(one, cache_folder()) for one in encoders]
        self.topics, self.examples = load_topics(), corpus.read()

    def taught(self, rows: Sequence[Row], judges: Sequence[Row]) -> tuple[float, float]:
        """Macro-F1 of the best guess on the judges after these corrections, and seconds that teaching took."""
        lessons = [lesson("", row["text"], row["topics"][0]) for row in rows]
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            self._teach(folder, lessons)
            took = time.monotonic() - started
            classifier = AsTheyArrive(reader(folder, self.topics, self.encoders))
        found = evaluate(classifier, [(row["id"], row | {"lang": ""}) for row in judges])[0]
        return found.forced_macro_f1, took

    def _teach(self, folder: Path, lessons: Sequence[Lesson]) -> None:
        teach(MODEL, folder, lessons, self.examples, self.encoders)

    def curve(self, name: str, earlier: Sequence[Row], judges: Sequence[Row]) -> Row:
        """One line of the table."""
        line: Row = {"source": name, "topics": len({r["topics"][0] for r in earlier}), "judges": len(judges)}
        line["zero-shot"], _ = self.taught([], judges)
        for step in STEPS:
            line[str(step)], line["seconds"] = self.taught(first(earlier, step), judges)
        line["corrections"] = len(first(earlier, STEPS[-1]))
        line["full"], _ = self.taught(earlier, judges)
        line["full of"] = len(earlier)
        line["SVC full"] = svc(earlier, judges)
        best = max(line["full"], line["SVC full"])
        line["ratio"] = line[str(STEPS[-1])] / best
        line["reached"] = line["ratio"] >= WANTED and all(line[str(s)] >= line["zero-shot"] for s in STEPS)
        for encoder in self.encoders:
            encoder.save()
        return line


def svc(earlier: Sequence[Row], judges: Sequence[Row]) -> float:
    """Macro-F1 of LinearSVC trained on the whole earlier part and nothing else."""
    model = linear_svc().fit([r["text"] for r in earlier], [r["topics"][0] for r in earlier])
    pairs = [
        (guess if guess in (*row["topics"], *row["also_ok"]) else row["topics"][0], str(guess))
        for row, guess in zip(judges, model.predict([row["text"] for row in judges]), strict=True)
    ]
    return macro_f1(per_topic(pairs))


def table(lines: Sequence[Row]) -> str:
    """The lines for a terminal."""
    names = ["source", "topics", "judges", "zero-shot", *map(str, STEPS), "full", "SVC full", "ratio", "corrections",
             "full of", "seconds", "reached"]  # fmt: skip
    cells = [
        [f"{v:.3f}" if isinstance(v, float) else str(v) for v in (line[n] for n in names)] for line in lines
    ]
    wide = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)) for row in [names, *cells]
    )


def main(argv: list[str] | None = None) -> int:
    """Measure and print; 1 when a source falls short of what is wanted."""
    parser = argparse.ArgumentParser(description="Learning curve from corrections, by source.")
    parser.add_argument("--json", action="store_true", help="JSON in place of the table")
    parser.add_argument("--fast", action="store_true", help="without the encoders, as in a storm")
    parser.add_argument("--source", action="append", default=[], help="only this source; may be repeated")
    args = parser.parse_args(argv)
    if not DATA.exists():
        print(f"{DATA} is not there; nothing to measure on")
        return 0
    bench = Bench(fast=args.fast)
    lines = []
    for name, parts in sources(args.source).items():
        lines.append(bench.curve(name, *parts))
        print(f"{name}: done", file=sys.stderr, flush=True)
    print(json.dumps(lines) if args.json else table(lines))
    return 0 if all(line["reached"] for line in lines) else 1


if __name__ == "__main__":
    raise SystemExit(main())
