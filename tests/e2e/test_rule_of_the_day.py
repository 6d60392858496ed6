"""A phrase is added to topics.yaml while messages wait: the next run re-labels those it hits, and no others."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import demo.gmail
import demo.x
from demo import story
from tests.builders import ROOT
from tests.e2e.world import World
from triage.classify import load_classifier
from triage.config import load
from triage.ops import queue
from triage.store import db

PHRASE = "    phrases: [jar of pears]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration of our own to edit."""
    for name in ("triage.yaml", "topics.yaml"):
        shutil.copy(ROOT / "config" / name, tmp_path)
    monkeypatch.setenv("TRIAGE_CONFIG", str(tmp_path))
    return tmp_path


@pytest.fixture
def world(dsn: str, folder: Path) -> Iterator[World]:
    with demo.gmail.serve() as gmail, demo.x.serve() as x:
        gmail.control("quota", {"limit": 0})
        made = World(dsn=dsn, gmail=gmail, x=x, classifier=load_classifier(cascade=False))
        made.prepare()
        yield made


def mail(thread: str, text: str, minutes: int) -> story.Mail:
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    raw = f"From: {thread} <{thread}@post.example>\r\nTo: {story.MAILBOX}\r\nSubject: {thread}\r\n\r\n{text}\r\n"
    return story.Mail(
        at=at, thread=thread, raw=raw.encode(), labels=("INBOX", "UNREAD"), who=thread, subject=thread
    )


def topics(connection: Any) -> dict[str, str]:
    return {row["subject"]: row["topic"] for row in queue.show(connection)}


def wanted(connection: Any) -> set[tuple[str, str]]:
    """(subject, label) of the labels that our rules ask for."""
    sql = """SELECT m.subject, b.label FROM triage.label_outbox b JOIN triage.message m ON m.id = b.message_id
             WHERE b.wanted"""
    with db.transaction(connection):
        return {(row["subject"], row["label"]) for row in db.rows(connection, sql)}


def test_a_phrase_of_the_day_relabels_what_waits_by_the_next_run(world: World, folder: Path) -> None:
    world.deliver([
        mail("pears", "Where is the parcel with my jar of pears? The courier never came.", 50),
        mail("parcel", "Where is my parcel? The courier never came and the tracking has not moved.", 40),
        mail("spoken", "Tracking says delivered, but no jar of pears arrived here. Please find my parcel.", 30),
    ])  # fmt: skip
    with db.connect(world.dsn) as connection:
        world.round(connection)
        before = topics(connection)
        assert before == {"pears": "delivery", "parcel": "delivery", "spoken": "delivery"}
        assert "Triage/Delay, loss, delivery" in world.labels(world.ids["pears"][0])
        spoken = next(r["conversation_id"] for r in queue.show(connection) if r["subject"] == "spoken")
        queue.relabel(connection, spoken, by="ana", topic="billing")

        file = folder / "topics.yaml"
        head, key, tail = file.read_text(encoding="utf-8").partition("  tampering:\n")
        file.write_text(head + key + PHRASE + tail, encoding="utf-8")
        settings = load()
        world.settings, world.classifier = settings, load_classifier(settings.topics, cascade=False)

        report = world.decide(connection)
        assert report.notes[0] == "2 waiting messages are decided anew: topics or model changed"
        assert topics(connection) == {"pears": "tampering", "parcel": "delivery", "spoken": "billing"}
        assert wanted(connection) == {
            (subject, label)
            for subject, topic in topics(connection).items()
            for label in ("unanswered", topic)
        }
        world.label(connection)
        assert {n for n in world.labels(world.ids["pears"][0]) if n != "Triage/Unanswered"} == {
            "Triage/Tampering, sabotage"
        }
