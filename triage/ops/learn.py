"""Learn from corrections: export, train, evaluate, and promote only what the gate lets pass (gate.py)."""

from __future__ import annotations

import hashlib
import importlib.util
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg2.extensions import connection as Connection

from triage.config import Topics
from triage.core.errors import ConfigError
from triage.ops import models as registry
from triage.ops.gate import Gate, Measured, Trial, faults, measure, merits, split
from triage.ops.report import Report
from triage.store import corrections, db, models

if TYPE_CHECKING:
    from triage.classify.corpus import Example
    from triage.classify.encoder import Encoder
    from triage.classify.learning import Lesson


@dataclass(frozen=True, kw_only=True)
class School:
    """Where learning happens: the shipped model, its corpus, encoders (none: the fast reader alone)."""

    base: Path
    corpus: Path
    encoders: Sequence[Encoder]
    folder: Path
    topics: Topics

    @property
    def name(self) -> str:
        """What names the shipped model."""
        return registry.digest_of(self.base)


def school(topics: Topics, *, encoder: bool) -> School:
    """The shipped model, corpus and encoders, and the cache folder."""
    from triage.classify import corpus, pipeline
    from triage.classify.encoder import load_encoders

    return School(
        base=pipeline.MODEL,
        corpus=corpus.CORPUS,
        encoders=load_encoders() if encoder else (),
        folder=registry.cache_folder(),
        topics=topics,
    )


def learn(connection: Connection, where: School, *, gate: Gate | None = None) -> Report:
    """Teach the shipped model all corrections and promote it if it passes. Raises ConfigError without scikit-learn.

    The first run trains the gate's own base, which takes as long as `triage train`; later runs take a minute or two.
    """
    started, report = time.monotonic(), Report(verb="learn")
    wanted = gate or Gate()
    with db.transaction(connection):
        lessons = _lessons(corrections.lessons(connection))
        present = models.promoted(connection, base=where.name)
        latest = models.latest(connection, base=where.name)
    report.read = len(lessons)
    if reason := _too_soon(lessons, latest, wanted):
        report.notes.append(reason)
    else:
        _run(connection, where, wanted, lessons, present, report)
    report.seconds = time.monotonic() - started
    return report


def _lessons(rows: Sequence[dict[str, Any]]) -> list[tuple[int, Lesson]]:
    """Correction ids and lessons, oldest first; of messages with the same text the last word counts."""
    from triage.classify.learning import lesson

    found: dict[str, tuple[int, Lesson]] = {}
    for row in rows:
        one = lesson(row["subject"], row["text"], row["topic"])
        found.pop(one.text, None)
        if one.text.strip():
            found[one.text] = (row["id"], one)
    return list(found.values())


def _too_soon(lessons: Sequence[tuple[int, Lesson]], latest: dict[str, Any] | None, gate: Gate) -> str:
    if len(lessons) < gate.minimum:
        return f"{len(lessons)} corrections so far, {gate.minimum} are needed to learn"
    fresh = sum(number > latest["last_correction"] for number, _ in lessons) if latest else len(lessons)
    if fresh < gate.fresh:
        return f"{fresh} corrections since the last model, {gate.fresh} are needed to learn again"
    return ""


def _run(
    connection: Connection,
    where: School,
    gate: Gate,
    lessons: Sequence[tuple[int, Lesson]],
    present: dict[str, Any] | None,
    report: Report,
) -> None:
    from triage.classify import corpus
    from triage.classify.learning import teach
    from triage.classify.remember import Remembering

    if importlib.util.find_spec("sklearn") is None:
        raise ConfigError("learning needs scikit-learn; install it: pip install 'inbox-triage[train]'")
    encoders = [Remembering(one, where.folder) for one in where.encoders]
    examples = corpus.read(where.corpus)
    before = registry.unpacked(connection, present) if present else where.base
    since, parent = (present["last_correction"], present["id"]) if present else (0, None)
    with tempfile.TemporaryDirectory(dir=where.folder) as scratch:
        made = Path(scratch) / "model"
        teach(where.base, made, [one for _, one in lessons], examples, encoders)
        content = registry.packed(made)
        trial = _trial(where, gate, lessons, (before, since), examples, encoders, Path(scratch))
    for encoder in encoders:
        encoder.save()
    severe = {key for key, topic in where.topics.topics.items() if topic.severity == 1}
    wrong = faults(trial, severe, gate)
    with db.transaction(connection):
        models.lock(connection)
        number = models.add(
            connection,
            content=content,
            digest=hashlib.sha256(content).hexdigest(),
            base=where.name,
            parent=parent,
            corrections=len(lessons),
            last_correction=lessons[-1][0],
            figures=trial.as_json(),
        )
        now = models.promoted(connection, base=where.name)
        if now and now["id"] != parent:
            wrong.append(f"model {now['id']} was promoted meanwhile; the next run measures against it")
        if wrong:
            models.judge(connection, number, status="rejected", reasons=wrong)
        else:
            registry.put_in_force(connection, number, merits(trial))
    report.kept = int(not wrong)
    report.notes += [f"model {number} {'rejected' if wrong else 'promoted'}", *(wrong or merits(trial))]


def _trial(
    where: School,
    gate: Gate,
    lessons: Sequence[tuple[int, Lesson]],
    present: tuple[Path, int],
    examples: Sequence[Example],
    encoders: Sequence[Encoder],
    scratch: Path,
) -> Trial:
    """Measure: on the newer corrections what the older ones taught, on the frozen corpus what all of them cost."""
    from triage.classify.learning import reader, teach

    before, since = present
    unseen = sum(number > since for number, _ in lessons)
    count = min(unseen, max(gate.fresh, round(gate.newer * len(lessons))))
    older, newer = (
        [one for _, one in lessons[:-count]],
        [(one.text, one.topic) for _, one in lessons[-count:]],
    )
    teach(where.base, scratch / "older", older, examples, encoders)
    rest, frozen = split(examples)
    own = _own_base(where, rest, encoders)
    teach(own, scratch / "frozen", [one for _, one in lessons], rest, encoders)
    rows = [(e.text, e.topic) for e in frozen]

    def read(folder: Path, asked: Sequence[tuple[str, str]]) -> Measured:
        return measure(reader(folder, where.topics, encoders), asked)

    return Trial(
        newer=(read(before, newer), read(scratch / "older", newer)),
        frozen=(read(own, rows), read(scratch / "frozen", rows)),
    )


def _own_base(where: School, rest: Sequence[Example], encoders: Sequence[Encoder]) -> Path:
    """The gate's base: trained as `triage train` does, without the frozen part; once for each corpus and version."""
    from triage.classify.corpus import digest
    from triage.classify.training import train

    name = f"gate-{where.name}-{digest(list(rest))[:8]}-{len(encoders)}"
    target = where.folder / name
    if target.is_dir():
        return target
    with tempfile.TemporaryDirectory(dir=where.folder) as scratch:
        for one in rest:
            file = Path(scratch) / "corpus" / one.lang / f"{one.topic}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a", encoding="utf-8") as stream:
                stream.write(one.text.replace("\n", " ") + "\n")
        train(Path(scratch) / "model", Path(scratch) / "corpus", lambda: encoders)
        registry.put(Path(scratch) / "model", target)
    return target
