"""Near copies: precision and recall on pairs judged by hand, and what one more message costs on a long day.

python -m benchmarks clusters [-- --stored 1000 10000 100000] [-- --no-cost]

The pairs are in cluster_pairs.tsv, by id: `story` from the demo's story, `real` from ../shared/data/messages.jsonl.gz,
which is left out where it is not there. A pair is a copy when the later text is the first one passed on, give or take
names, numbers, links and a few words. Every method sees the same words, and none judges texts of fewer than five; the
threshold of each is the one that is best on the story.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.clusters_cost import costs
from benchmarks.kit import database, show
from demo import story
from triage.classify import near
from triage.sources.mail import parse
from triage.store import db

_SQL = db.queries(__file__)
HERE = Path(__file__).parent
REAL = HERE.parent.parent / "shared" / "data" / "messages.jsonl.gz"
START = story.datetime(2026, 11, 20, 8, tzinfo=story.UTC)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two texts, in the order they came, and what a person says of them."""

    origin: str
    first: str
    later: str
    copy: bool


def story_texts() -> dict[str, tuple[str, str]]:
    """Origin and text by id: what we would store of each mail (quotes and signature cut) and post."""
    found: dict[str, tuple[str, str]] = {}
    for step in story.steps(story.files(encore=False) + story.files(encore=True), START):
        if isinstance(step, story.Post):
            found[step.label] = ("story, posts", step.text)
        elif number := re.search(rb"(?im)^message-id: *<([\w-]+)\.(\d+)@mail", step.raw):
            name = f"{number[1].decode()}#{int(number[2]) + 1}"
            found[name] = ("story, mail", parse(step.raw).text)
    return found


def _real_origin(source: str) -> str:
    if source.startswith("cfpb"):
        return "real, complaints"
    if source.startswith(("haiti", "free", "avis", "trustpilot")):
        return "real, French"
    return "real, airlines" if source.startswith("airline") else "real, disasters"


def real_texts() -> dict[str, tuple[str, str]]:
    """Origin and text by id; nothing where the folder is not there."""
    if not REAL.exists():
        return {}
    with gzip.open(REAL, "rt", encoding="utf-8") as lines:
        return {row["id"]: (_real_origin(row["source"]), row["text"]) for row in map(json.loads, lines)}


def pairs() -> list[Pair]:
    """The pairs whose texts are here."""
    texts = story_texts() | real_texts()
    with (HERE / "cluster_pairs.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [
        Pair(origin=texts[r["first"]][0], first=texts[r["first"]][1], later=texts[r["later"]][1], copy=r["copy"] == "y")
        for r in rows
        if r["first"] in texts and r["later"] in texts
    ]  # fmt: skip


def simhash(text: str) -> int:
    """64 bits, each the majority of its place in the hashes of the words."""
    hashes = [
        np.frombuffer(hashlib.blake2b(word.encode(), digest_size=8).digest(), dtype=np.uint8)
        for word in near.words(text)
    ]
    votes = np.unpackbits(np.array(hashes, dtype=np.uint8).reshape(-1, 8), axis=1).mean(axis=0)
    return int.from_bytes(np.packbits(votes > 0.5).tobytes(), "big")


def by_simhash(found: Sequence[Pair]) -> list[float]:
    """Share of equal bits."""
    return [1 - (simhash(p.first) ^ simhash(p.later)).bit_count() / 64 for p in found]


def by_minhash(found: Sequence[Pair]) -> list[float]:
    """Jaccard as the signature tells it."""
    both = [(near.sketch(p.first), near.sketch(p.later)) for p in found]
    return [float(np.mean(a.values == b.values)) if a and b else 0.0 for a, b in both]


def as_used(found: Sequence[Pair]) -> list[float]:
    """What triage does: meet in a band, then be alike and say nothing more."""
    likeness = []
    for pair in found:
        first, later = near.sketch(pair.first), near.sketch(pair.later)
        meet = first and later and set(near.bands(first, "")) & set(near.bands(later, ""))
        likeness.append(near.likeness(later, first) if first and later and meet else 0.0)
    return likeness


def by_trigram(dsn: str) -> Callable[[Sequence[Pair]], list[float]]:
    """pg_trgm's similarity."""

    def ask(found: Sequence[Pair]) -> list[float]:
        texts = [[" ".join(near.words(text)) for text in side] for side in
                 ((p.first for p in found), (p.later for p in found))]  # fmt: skip
        with db.connect(dsn) as connection, db.transaction(connection):
            return [float(r["likeness"]) for r in db.rows(connection, _SQL["trigram"], texts)]

    return ask


def figures(found: Sequence[Pair], said: Sequence[bool]) -> dict[str, float]:
    """Precision, recall and F1."""
    right = sum(p.copy and s for p, s in zip(found, said, strict=True))
    precision = right / sum(said) if any(said) else 1.0
    recall = right / max(1, sum(p.copy for p in found))
    return {
        "precision": precision,
        "recall": recall,
        "F1": 2 * precision * recall / max(1e-9, precision + recall),
    }


def best(found: Sequence[Pair], likeness: Sequence[float]) -> float:
    """The threshold of the best F1: in the middle between the two values that it may lie between."""
    values = [0.0, *sorted(set(likeness)), 1.0]
    middles = [(low + high) / 2 for low, high in pairwise(values)]
    scored = [(round(figures(found, [x >= m for x in likeness])["F1"], 9), m) for m in middles]
    top = [m for f1, m in scored if f1 == max(scored)[0]]
    return (top[0] + top[-1]) / 2


def quality(dsn: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """One row for each method; and one for each origin and method."""
    found = pairs()
    ready = [bool(near.pieces(p.first) and near.pieces(p.later)) for p in found]
    on_story = [p.origin.startswith("story") for p in found]
    methods: dict[str, Callable[[Sequence[Pair]], list[float]]] = {
        "MinHash, bands, no own words (used)": as_used, "MinHash alone": by_minhash,
        "trigram (pg_trgm)": by_trigram(dsn), "SimHash, 64 bits": by_simhash,
    }  # fmt: skip
    whole, parts = [], []
    for name, method in methods.items():
        began = perf_counter()
        likeness = [x if r else 0.0 for x, r in zip(method(found), ready, strict=True)]
        each = (perf_counter() - began) * 1000 / (2 * len(found))
        chosen = [i for i, s in enumerate(on_story) if s]
        threshold = (
            near.ALIKE
            if method is as_used
            else best([found[i] for i in chosen], [likeness[i] for i in chosen])
        )
        said = [x >= threshold for x in likeness]
        row: dict[str, Any] = {"method": name, "threshold": threshold}
        for where in ("story", "real"):
            at = [i for i, p in enumerate(found) if p.origin.startswith(where)]
            if at:
                told = figures([found[i] for i in at], [said[i] for i in at])
                row |= {f"{where} {key}": value for key, value in told.items()}
                if where == "real":
                    some, told = [found[i] for i in at], [likeness[i] for i in at]
                    at_best = best(some, told)
                    row["real F1 at its best"] = figures(some, [x >= at_best for x in told])["F1"]
        whole.append(row | {"ms a text": each})
        for origin in sorted({p.origin for p in found}, reverse=True):
            at = [i for i, p in enumerate(found) if p.origin == origin]
            some = [found[i] for i in at]
            told = figures(some, [said[i] for i in at])
            parts.append(
                {"method": name, "origin": origin, "pairs": len(at), "copies": sum(p.copy for p in some)}
                | told
            )
    return whole, [row for row in parts if row["method"] != "MinHash alone"]


def main(argv: list[str] | None = None) -> int:
    """Print the tables; 1 when ours fails on the story, or a long day makes a message cost more."""
    parser = argparse.ArgumentParser(description="Near copies: quality and cost.")
    parser.add_argument("--stored", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--no-cost", action="store_true", help="quality alone")
    args = parser.parse_args(argv)
    with database() as dsn:
        with db.connect(dsn) as connection, db.transaction(connection):
            db.execute(connection, _SQL["peers"])
        whole, parts = quality(dsn)
        show(f"{len(pairs())} pairs judged by hand", whole)
        show("By origin", parts)
        grown = [] if args.no_cost else costs(dsn, args.stored, simhash)
    if grown:
        show("One more message, by what is stored", grown)
    right = whole[0]["story precision"] == 1.0 and whole[0]["story recall"] > 0.9
    constant = not grown or grown[-1]["ours, times"] < 2.0
    return int(not (right and constant))


if __name__ == "__main__":
    raise SystemExit(main())
