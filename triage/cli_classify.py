"""`triage classify`, `triage evaluate` and `triage train`: the classifier without database and Airflow."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

from triage.core.errors import ConfigError
from triage.core.types import Classification

CHUNK = 512

ALONE = "each message as if it came alone (default: as one inbox in the order of the lines)"


def add_parsers(subparsers: Any) -> None:
    """Add this file's sub-commands."""
    classify = subparsers.add_parser(
        "classify",
        help="decide what messages are about",
        description="JSON lines in (id, text, optional subject and lang), one JSON line out for each, same order.",
        epilog='example: echo \'{"id": 1, "text": "Where is my parcel?"}\' | triage classify',
    )
    classify.add_argument(
        "file", nargs="?", default="-", metavar="FILE", help="JSON lines; - is standard input"
    )
    classify.add_argument("--alone", action="store_true", help=ALONE)
    classify.set_defaults(func=_classify)
    evaluate = subparsers.add_parser(
        "evaluate",
        help="measure the classifier on labelled messages",
        description="Rows with text and topic (or topics): precision, recall and F1 per topic and language, "
        "abstention, calibration error.",
        epilog="example: triage evaluate labelled.jsonl --json | jq '.[0].macro_f1'",
    )
    evaluate.add_argument("file", metavar="FILE.jsonl", help="JSON lines; - is standard input")
    evaluate.add_argument("--json", action="store_true", help="JSON in place of the tables")
    evaluate.add_argument("--fast", action="store_true", help="without the encoders")
    evaluate.add_argument("--alone", action="store_true", help=ALONE)
    evaluate.set_defaults(func=_evaluate)
    train = subparsers.add_parser(
        "train",
        help="train the classifier from its corpus",
        description="Train as triage/classify/config.cfg declares; takes some minutes, needs the extra `train`.",
        epilog="example: triage train --corpus my_corpus --out my_model",
    )
    train.add_argument("--corpus", type=Path, help="folder of <lang>/<topic>.txt (default: the shipped one)")
    train.add_argument(
        "--vectors", action="store_true", help="first make the shipped word vectors anew (ten minutes)"
    )
    train.add_argument("--out", type=Path, help="folder of the model (default: the shipped one)")
    train.set_defaults(func=_train)


def _classify(args: argparse.Namespace) -> int:
    trouble = False
    with _open(args.file) as stream:
        from triage.classify import load_classifier
        from triage.classify.mix import Inbox

        classifier = load_classifier() if args.alone else Inbox(load_classifier())
        lines = (line for line in stream if line.strip())
        size = 1 if stream.isatty() else CHUNK
        while chunk := list(islice(lines, size)):
            rows = [_request(line) for line in chunk]
            good = [(row["subject"], row["text"], row["lang"]) for row in rows if "error" not in row]
            decided = iter(classifier.classify(good))
            for row in rows:
                trouble |= "error" in row
                _print(row if "error" in row else _answer(row["id"], next(decided)))
            sys.stdout.flush()
    return int(trouble)


def _request(line: str) -> dict[str, Any]:
    """id, subject, text and lang of one line; or id and `error`."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {"id": None, "error": f"not JSON: {error}"}
    if not isinstance(row, dict):
        return {"id": None, "error": "not a JSON object; give one with `id` and `text`"}
    if not isinstance(row.get("text"), str):
        return {"id": row.get("id"), "error": "`text` is missing or not a string"}
    for name in ("subject", "lang"):
        if not isinstance(row.get(name) or "", str):
            return {"id": row.get("id"), "error": f"`{name}` is not a string"}
    return {"id": row.get("id"), "text": row["text"]} | {
        name: row.get(name) or "" for name in ("subject", "lang")
    }


def _answer(key: Any, one: Classification) -> dict[str, Any]:
    evidence = [
        {"start": e.start, "end": e.end, "text": e.text}
        | ({"rule": e.rule} if e.rule is not None else {"weight": e.weight})
        for e in one.evidence
    ]
    return {
        "id": key,
        "lang": one.lang,
        "topic": one.topic,
        "topics": [{"topic": t.topic, "score": t.score} for t in one.topics],
        "intent": one.intent.value,
        "abstained": one.abstained,
        "evidence": evidence,
        "stage": one.stage,
        "model": one.model,
        "taxonomy": one.taxonomy,
    }


def _evaluate(args: argparse.Namespace) -> int:
    from triage.classify import load_classifier
    from triage.classify.mix import Inbox
    from triage.ops.evaluate import evaluate

    classifier = load_classifier(cascade=not args.fast)
    with _open(args.file) as stream:
        found = evaluate(classifier if args.alone else Inbox(classifier), _rows(args.file, stream))
    if args.json:
        _print([one.as_json() for one in found])
        return 0
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for one in found:
        title = (
            f"{one.name}: {one.messages} messages, macro-F1 {one.macro_f1:.3f} (best guess {one.forced_macro_f1:.3f}), "
            f"{1 - one.coverage:.1%} unsure, precision {one.precision:.3f}, surest half {one.surest_half:.3f}, "
            f"calibration error {one.calibration_error:.3f}"
        )
        table = Table("topic", "messages", "precision", "recall", "F1", title=title, title_justify="left")
        for t in one.topics:
            table.add_row(t.topic, str(t.support), f"{t.precision:.3f}", f"{t.recall:.3f}", f"{t.f1:.3f}")
        console.print(table)
    return 0


def _rows(name: str, stream: IO[str]) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(stream, 1):
        if line.strip():
            place = f"{name}:{number}"
            try:
                yield place, json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ConfigError(f"{place}: not JSON ({error}); mend or remove the line") from None


def _train(args: argparse.Namespace) -> int:
    from triage.ops.train import train

    print(train(out=args.out, corpus=args.corpus, vectors=args.vectors))
    return 0


def _open(name: str) -> IO[str]:
    """The named file or standard input. Bytes that are not UTF-8 become replacement signs."""
    try:
        if name == "-":
            return open(sys.stdin.fileno(), encoding="utf-8", errors="replace", closefd=False)
        return open(name, encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigError(
            f"{name}: cannot be read ({error.strerror}); give a file of JSON lines or -"
        ) from None


def _print(value: Any) -> None:
    """One line of JSON, readable; escaped throughout when it holds what UTF-8 cannot."""
    line = json.dumps(value, ensure_ascii=False)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        line = json.dumps(value)
    print(line)
