"""The story of the demo, worked off in this process: every conversation ends as its writer says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import demo.gmail
import demo.x
from demo import story
from tests.e2e.world import World, story_steps
from triage.classify import load_classifier
from triage.config import load
from triage.store import conversations, db


@pytest.fixture(scope="module")
def classifier() -> Any:
    return load_classifier(load().topics, cascade=False)


@pytest.fixture
def world(dsn: str, classifier: Any) -> Iterator[World]:
    with demo.gmail.serve() as gmail, demo.x.serve() as x:
        gmail.control("quota", {"limit": 0})
        made = World(dsn=dsn, gmail=gmail, x=x, classifier=classifier)
        made.prepare()
        yield made


def _states(connection: Any) -> dict[str, str]:
    sql = """SELECT m.native_id, c.state::text AS state
             FROM triage.message m JOIN triage.conversation c ON c.id = m.conversation_id"""
    return {row["native_id"]: row["state"] for row in db.rows(connection, sql)}


def _reply(world: World, thread: str, to: str, subject: str, at: datetime) -> story.Mail:
    raw = f"From: {story.TEAM}\r\nTo: {to}\r\nSubject: Re: {subject}\r\n\r\nWe are on it.\r\n".encode()
    return story.Mail(at=at, thread=thread, raw=raw, labels=("SENT",), who=story.TEAM, subject=subject)


def test_every_conversation_of_the_story_ends_as_its_writer_says(world: World) -> None:
    world.deliver(story_steps())
    with db.connect(world.dsn) as connection:
        world.round(connection)
        states = _states(connection)
        ledger = conversations.ledger(connection)
    wrong = {}
    for thread in story.threads(story.files(encore=False)):
        got = {states[i] for i in world.ids[thread.name] if i in states}
        never_collected = thread.ends == "nobody" and not got  # spam, and retweets that search leaves out
        if got != {thread.ends} and not never_collected:
            wrong[thread.name] = (thread.ends, got)
    assert wrong == {}
    assert ledger.balanced
    assert ledger.collected > 250
    assert ledger.quarantined == 0


def test_reading_and_labelling_the_story_costs_at_most_21_and_a_half_units_a_mail(world: World) -> None:
    steps = story_steps()
    surge = datetime.now(UTC) - timedelta(hours=3, minutes=2)
    with db.connect(world.dsn) as connection:
        world.deliver([s for s in steps if s.at < surge])
        world.round(connection)
        world.gmail.control("stats/reset", {})
        world.deliver([s for s in steps if s.at >= surge])
        mails = world.round(connection)[0].kept
    assert mails > 250
    assert world.gmail.control("stats")["units"] / mails <= 21.5


def test_a_second_cycle_adds_nothing(world: World) -> None:
    world.deliver(story_steps())
    with db.connect(world.dsn) as connection:
        world.round(connection)
        before = world.gmail.control(f"mailboxes/{story.MAILBOX}/snapshot")
        ledger = conversations.ledger(connection)
        again = world.round(connection)
        assert [r.kept for r in again] == [0, 0, 0, 0]
        assert conversations.ledger(connection) == ledger
    assert world.gmail.control(f"mailboxes/{story.MAILBOX}/snapshot") == before


def test_a_reply_from_gmail_takes_row_and_label_and_a_new_message_brings_both_back(world: World) -> None:
    now = datetime.now(UTC)
    heads = b"From: Dana <dana@post.example>\r\nTo: care@volmera.example\r\nSubject: My parcel\r\n\r\n"
    ask = heads + b"Where is my parcel?\r\n"
    customer = {"thread": "t", "labels": ("INBOX", "UNREAD"), "who": "Dana", "subject": "My parcel"}
    with db.connect(world.dsn) as connection:
        world.deliver([story.Mail(at=now - timedelta(hours=5), raw=ask, **customer)])
        world.round(connection)
        first = db.rows(connection, "SELECT conversation_id, waiting_since FROM triage.unanswered_queue")
        assert len(first) == 1
        assert "Triage/Unanswered" in world.labels(world.ids["t"][0])

        world.deliver([_reply(world, "t", "dana@post.example", "My parcel", now - timedelta(hours=4))])
        world.round(connection)
        assert db.rows(connection, "SELECT conversation_id FROM triage.unanswered_queue") == []
        assert "Triage/Unanswered" not in world.labels(world.ids["t"][0])

        again = ask.replace(b"Where is my parcel?", b"It still is not here. Where is it?")
        world.deliver([story.Mail(at=now - timedelta(hours=1), raw=again, **customer)])
        world.round(connection)
        back = db.rows(connection, "SELECT conversation_id, waiting_since FROM triage.unanswered_queue")
        assert [row["conversation_id"] for row in back] == [first[0]["conversation_id"]]
        assert abs(back[0]["waiting_since"] - (now - timedelta(hours=1))) < timedelta(seconds=1)
        assert "Triage/Unanswered" in world.labels(world.ids["t"][2])
        assert "Triage/Unanswered" not in world.labels(world.ids["t"][0])


def test_a_reply_on_x_takes_the_row_of_that_author_only(world: World) -> None:
    def post(label: str, author: str, minutes: int, **more: Any) -> story.Post:
        at = datetime.now(UTC) - timedelta(minutes=minutes)
        text = more.pop("text", "@volmera my Duo7 smells of burning")
        return story.Post(at=at, label=label, author=author, name=author, text=text, lang="en", **more)

    def waiting(connection: Any) -> list[str]:
        handles = {user["id"]: f"@{user['handle']}" for user in world.x.control("users")["users"]}
        rows = db.rows(connection, "SELECT author FROM triage.unanswered_queue")
        return sorted(handles[row["author"]] for row in rows)

    with db.connect(world.dsn) as connection:
        world.deliver([post("a-1", "volmera", 50, text="Please stop using the Duo 7."),
                       post("b-1", "ali", 40, reply_to="a-1"), post("c-1", "bea", 39, reply_to="a-1")])  # fmt: skip
        world.round(connection)
        assert waiting(connection) == ["@ali", "@bea"]
        world.deliver([post("d-1", "volmera", 30, reply_to="b-1", text="@ali we call you now")])
        world.round(connection)
        assert waiting(connection) == ["@bea"]
        world.deliver([post("b-2", "ali", 20, reply_to="d-1", text="@volmera nobody has called")])
        world.round(connection)
        assert waiting(connection) == ["@ali", "@bea"]
