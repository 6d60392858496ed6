"""How fast the fast path is on one core, and what memory it takes, beside the peers in the same run."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from benchmarks.classify_peers import PEERS
from benchmarks.kit import peak_mb
from triage.classify import corpus, load_classifier
from triage.classify.encoder import load_encoders

Figures = dict[str, Any]
Work = Callable[[Sequence[str]], Any]

SHORT, MAIL = 280, 12_000
"""Characters of a message, and of a mail of 2,000 words."""

BATCH = 1000

PASSES = 3
"""The quickest counts: what else the machine does slows the others."""


def speed() -> list[Figures]:
    """Ours and the peers', each in a process of its own so that the peak of its memory is its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        return [pool.submit(_measured, name).result() for name in ("ours", *PEERS)]


def _measured(name: str) -> Figures:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        started = time.process_time()
        work = _worker(name)
        ready = time.process_time() - started
        short, mails = _cut(SHORT, 4 * BATCH), _cut(MAIL, 30)
        work(short[:BATCH])
        batches = [short[at : at + BATCH] for at in (BATCH, 2 * BATCH, 3 * BATCH)]
        batched = max(_per_second(work, batch) for batch in batches * PASSES)
        return {
            "model": name,
            "messages of 280 characters a second": round(batched),
            "ms for one": _each(work, short[:300]),
            "ms for a mail of 2,000 words": _each(work, mails),
            "seconds to load (peers: to train)": round(ready, 2),
            "peak MB": round(peak_mb()),
        }


def _worker(name: str) -> Work:
    if name == "ours":
        import triage.classify.pipeline  # noqa: F401

        classifier = load_classifier(cascade=False)
        return lambda texts: classifier.classify([("", text, "") for text in texts])
    examples = corpus.read()
    work: Work = PEERS[name]().fit([e.text for e in examples], [e.topic for e in examples]).predict
    return work


def _cut(length: int, count: int) -> list[str]:
    """Pieces of the corpus of at most that length, drawn with a fixed seed, without broken words."""
    running = " ".join(e.text for e in corpus.read())
    draw = np.random.default_rng(length)
    starts = [running.find(" ", i) + 1 for i in draw.integers(0, len(running) - 2 * length, count)]
    return [running[at : at + length + 1].rpartition(" ")[0] for at in starts]


def _per_second(work: Work, texts: Sequence[str]) -> float:
    started = time.process_time()
    work(texts)
    return len(texts) / (time.process_time() - started)


def _each(work: Work, texts: Sequence[str]) -> float:
    """Milliseconds of processor time on average, in the quickest pass; the first tenth warms up."""
    for text in texts[: len(texts) // 10]:
        work([text])
    took = []
    for _ in range(PASSES):
        started = time.process_time()
        for text in texts:
            work([text])
        took.append(time.process_time() - started)
    return round(min(took) / len(texts) * 1000, 2)


def readers() -> list[Figures]:
    """Characters a second of processor time, over messages of 280 characters, and what loading takes."""
    texts, table = _cut(SHORT, 60), []
    for encoder in load_encoders():
        started = time.process_time()
        encoder.encode(texts[:1])
        ready = time.process_time()
        encoder.encode(texts)
        took = time.process_time() - ready
        table.append(
            {
                "encoder": encoder.name,
                "characters a second": round(len(texts) * SHORT / took),
                "seconds to load": round(ready - started, 2),
            }
        )
    return table
