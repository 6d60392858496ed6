"""A reply from here, through each channel's own stand-in: out once, seen as answered at once, never double."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import one, shipped_topics, table
from tests.ops.outbox import SOURCES, Outbox
from tests.ops.services import Services, serving
from triage.store import db


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with serving() as running:
        yield running


@pytest.fixture(params=SOURCES)
def outbox(request: pytest.FixtureRequest, connection: Connection, services: Services) -> Outbox:
    return Outbox(connection, services, shipped_topics(), request.param)


def test_a_reply_goes_out_and_the_row_goes_at_once(outbox: Outbox) -> None:
    conversation = outbox.ask()
    assert outbox.state(conversation) == "waiting"
    reply_id = outbox.say(conversation, "Please unplug it.\n\nWe will call you.")
    report = outbox.send()
    assert (report.kept, report.failed, report.notes) == (1, 0, [])
    assert outbox.state(conversation) == "answered"
    row = outbox.reply(reply_id)
    assert row["state"] == "sent"
    assert row["native_id"]
    assert row["url"].startswith("https://")
    assert outbox.ours() == ["Please unplug it.\n\nWe will call you."]
    answered = table(outbox.connection, "SELECT how, link, answered_by FROM triage.answered")
    assert answered == [{"how": "reply", "link": row["url"], "answered_by": "ann"}]


def test_what_comes_back_by_collect_doubles_nothing(outbox: Outbox) -> None:
    conversation = outbox.ask()
    reply_id = outbox.say(conversation)
    outbox.send()
    outbox.collect()
    outbox.collect()
    assert outbox.state(conversation) == "answered"
    ours = table(
        outbox.connection,
        "SELECT conversation_id, native_id FROM triage.message WHERE direction = 'outbound'",
    )
    assert ours == [{"conversation_id": conversation, "native_id": outbox.reply(reply_id)["native_id"]}]
    assert one(outbox.connection, "SELECT count(*) FROM triage.conversation WHERE state = 'answered'") == 1
    outbox.send()
    assert len(outbox.ours()) == 1


def test_who_writes_again_waits_again(outbox: Outbox) -> None:
    conversation = outbox.ask()
    outbox.say(conversation)
    outbox.send()
    outbox.collect()
    other = outbox.ask(author="bob")
    assert (outbox.state(conversation), outbox.state(other)) == ("answered", "waiting")


POSTING = {"gmail": "messages.send", "x": "tweets.create", "bluesky": "putRecord", "mastodon": "post"}
"""What each stand-in calls the request that publishes."""


@pytest.mark.parametrize("kind", ["drop", "malformed", "status"])
def test_an_answer_that_is_lost_after_the_deed_is_found(outbox: Outbox, kind: str) -> None:
    conversation = outbox.ask()
    reply_id = outbox.say(conversation)
    fault = {"kind": kind, "when": "after", "method": POSTING[outbox.source], "times": 3}
    outbox.server.control("faults", fault)
    first = outbox.send()
    outbox.server.control("faults", verb="DELETE")
    row = outbox.reply(reply_id)
    assert (first.kept, row["state"]) == (0, "sending")
    assert outbox.state(conversation) == "waiting"
    second = outbox.send()
    assert (second.kept, outbox.reply(reply_id)["state"]) == (1, "sent")
    assert outbox.reply(reply_id)["url"].startswith("https://")
    assert outbox.state(conversation) == "answered"
    assert outbox.ours() == ["We are on it."]


def test_a_request_that_was_lost_before_the_deed_is_sent_again(outbox: Outbox) -> None:
    reply_id = outbox.say(outbox.ask())
    outbox.server.control("faults", {"kind": "drop", "method": POSTING[outbox.source], "times": 3})
    outbox.send()
    outbox.server.control("faults", verb="DELETE")
    assert outbox.ours() == []
    outbox.send()
    if outbox.source in ("gmail", "x"):  # these may need a moment to show what they did
        assert outbox.reply(reply_id)["state"] == "sending"
        outbox.age(reply_id, minutes=3)
        outbox.send()
    assert outbox.reply(reply_id)["state"] == "sent"
    assert outbox.ours() == ["We are on it."]


def test_a_service_that_cannot_be_reached_leaves_no_doubt(outbox: Outbox) -> None:
    """Nothing left this machine: the reply waits as before."""
    reply_id = outbox.say(outbox.ask())
    nowhere = "http://127.0.0.1:9"
    held = outbox.credentials
    outbox.credentials = outbox.with_extra(api_endpoint=nowhere, token_uri=f"{nowhere}/token")
    outbox.send()
    row = outbox.reply(reply_id)
    assert (row["state"], row["units"]) == ("wanted", 0)
    assert "reached" in row["error"]
    outbox.credentials = held
    outbox.send()
    assert outbox.ours() == []
    outbox.due()
    outbox.send()
    assert outbox.ours() == ["We are on it."]


def test_what_was_deleted_is_not_answered(outbox: Outbox) -> None:
    conversation = outbox.ask()
    reply_id = outbox.say(conversation)
    native_id = one(outbox.connection, "SELECT native_id FROM triage.message")
    outbox.delete(native_id)
    outbox.send()
    assert outbox.reply(reply_id)["state"] == "refused"
    assert outbox.reply(reply_id)["error"]
    assert outbox.ours() == []
    assert outbox.state(conversation) == "waiting"


HOSTILE = [
    '<script>alert(1)</script> & "quotes" \'); DROP TABLE triage.reply; --',
    "Re: x\nBcc: everybody@example.org\nX-Injected: yes\n\nbody",
    "Ünïcödé — «é» 👨‍👩‍👧‍👦 🇫🇷 \u202eright-to-left\u202c عربى 日本語",
    "{name} %s %(x)s \\x00 \\n ${HOME} `id` {{7*7}}",
    ".\n.\n..\nFrom here on\n>From there",
]


def test_a_text_arrives_as_it_was_written(outbox: Outbox) -> None:
    for text in HOSTILE:
        reply_id = outbox.say(outbox.ask(author=f"u{HOSTILE.index(text)}"), text)
        outbox.send()
        assert outbox.reply(reply_id)["state"] == "sent", outbox.reply(reply_id)["error"]
    assert sorted(outbox.ours()) == sorted(HOSTILE)


def test_a_post_that_answers_nobody_goes_the_same_way(outbox: Outbox) -> None:
    """A statement: in the outbox by itself. Lost answers are found there too; a mail needs somebody to go to."""
    outbox.collect()
    sql = (
        "INSERT INTO triage.reply (account, key, text, by) VALUES (%s, 'statement-1', 'What we know.', 'ann')"
    )
    with db.transaction(outbox.connection):
        db.execute(outbox.connection, sql, (outbox.source,))
    fault = {"kind": "drop", "when": "after", "method": POSTING[outbox.source], "times": 3}
    outbox.server.control("faults", fault)
    outbox.send()
    outbox.server.control("faults", verb="DELETE")
    outbox.send()
    row = outbox.reply(1)
    if outbox.source == "gmail":
        assert (row["state"], outbox.ours()) == ("refused", [])
    else:
        assert (row["state"], outbox.ours()) == ("sent", ["What we know."])
