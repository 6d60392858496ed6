"""After an incident: what happened, gathered from what was written down, as one document."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.core.chart import Count
from triage.core.errors import TriageError
from triage.debrief import document
from triage.debrief.document import Answers, Debrief, Event, Longest, Moved
from triage.store import db, debriefs

BIN = timedelta(minutes=1)
"""What a detector counts in: triage.detector_bin."""


def gather(
    connection: Connection,
    incident: int,
    *,
    language: str = "en",
    statement_within: timedelta | None = None,
    findings: Sequence[str] = (),
) -> Debrief:
    """The figures of one incident. `findings` are faults of its plan. Raises TriageError when there is no such one."""
    with db.transaction(connection):
        found = debriefs.read(connection, incident, language=language)
    if found is None:
        raise TriageError(f"there is no incident {incident}; `triage incident list` shows them")
    due = found["onset"] + statement_within if statement_within else None
    return Debrief(
        **{name: found[name] for name in (
            "number", "onset", "alarmed_at", "ended_at", "first_statement_at", "messages", "authors", "answered",
            "waiting", "dismissed", "peak", "expected",
        )},
        topic=found["label"], statement_due_at=due, bin_length=BIN,
        counts=[Count(**row) for row in found["counts"]],
        timeline=sorted(_timeline(found, language), key=lambda event: event.at),
        answers=[Answers(**row) for row in found["answers"]],
        longest=[Longest(**row) for row in found["longest"]],
        moved=[Moved(**row) for row in found["moved"]],
        lacking=[*_lacking(found, due, language), *(say("lack_plan", language, finding=one) for one in findings)],
    )  # fmt: skip


def write(found: Debrief, folder: Path, *, language: str = "en", zone: tzinfo = UTC) -> list[Path]:
    """The Markdown, its picture, and the HTML that needs neither; where they are. Written anew each time."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        f"debrief-{found.number}.{language}.md": document.markdown(found, language=language, zone=zone),
        f"debrief-{found.number}.{language}.html": document.html(found, language=language, zone=zone),
        document.PICTURE: document.picture(found, language=language, zone=zone),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def note(connection: Connection, incident: int) -> None:
    """Write down that it was written: the weekly digest says which incidents still lack one."""
    with db.transaction(connection):
        debriefs.note(connection, incident)


def _timeline(found: dict[str, Any], language: str) -> Iterator[Event]:
    yield Event(at=found["onset"], text=say("onset", language))
    alarm = say("alarm", language, observed=found["observed"], expected=f"{found['expected']:.1f}")
    yield Event(at=found["alarmed_at"], text=alarm)
    if found["counts"]:
        top = max(found["counts"], key=lambda row: row["count"])
        yield Event(
            at=top["at"], text=say("peak", language, count=top["count"], minutes=BIN // timedelta(minutes=1))
        )
    for row in found["statements"]:
        if row["published_at"]:
            yield Event(
                at=row["published_at"], text=say("statement", language, by=row["approved_by"], **_of(row))
            )
    for row in found["fanouts"]:
        text = say("fanout", language, by=row["approved_by"], sent=row["sent"], left_out=row["left_out"])
        yield Event(at=row["last_at"] or row["approved_at"], text=text)
    if found["surge_ended_at"]:
        yield Event(at=found["surge_ended_at"], text=say("surge_end", language))
    for row in found["log"]:
        if f"log_{row['verb']}" in _words():
            said = say(f"log_{row['verb']}", language, by=row["by"])
            yield Event(at=row["at"], text=f"{said}: {row['reason']}" if row["reason"] else said)


def _lacking(found: dict[str, Any], due: datetime | None, language: str) -> Iterator[str]:
    first = found["first_statement_at"]
    if first is None:
        yield say("lack_statement", language)
    elif due and first > due:
        spans = [document.duration(moment - found["onset"], language) for moment in (first, due)]
        yield say("lack_late", language, span=spans[0], due=spans[1])
    published = {row["lang"] for row in found["statements"] if row["published_at"]}
    for row in found["languages"]:
        if published and row["lang"] not in published:
            yield say("lack_language", language, lang=row["lang"])
    for row in found["statements"]:
        if row["state"] in ("refused", "unknown"):
            yield say("lack_refused", language, error=row["error"], **_of(row))
        elif row["state"] in ("draft", "waiting", "withdrawn"):
            yield say("lack_unapproved", language, **_of(row))
    for row in found["clusters"]:
        yield say("lack_cluster", language, **row)
    for row in found["questions"]:
        yield say("lack_question", language, **row)


def _of(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("number", "channel", "lang")}


@cache
def _words() -> dict[str, dict[str, str]]:
    return tomllib.loads(files("triage.debrief").joinpath("words.toml").read_text(encoding="utf-8"))


def say(key: str, language: str, **given: Any) -> str:
    """A sentence of words.toml."""
    return _words()[key][language].format(**given)
