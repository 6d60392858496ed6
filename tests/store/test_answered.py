"""An answer is seen wherever it was given, with the link to it."""

from __future__ import annotations

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import message, one, prepare, table
from triage.core.types import Direction, Message
from triage.ops import queue
from triage.store import conversations, db, messages


@pytest.fixture
def asked(connection: Connection) -> Connection:
    prepare(connection)
    store(connection, message("m1", url="https://mail.example/m1"))
    return connection


def store(connection: Connection, *page: Message) -> None:
    with db.transaction(connection):
        _, touched = messages.upsert(connection, page)
        conversations.refresh(connection, touched)


def answers(connection: Connection) -> list[tuple[object, ...]]:
    rows = table(
        connection, "SELECT how, answered_by, link, told FROM triage.answered ORDER BY conversation_id"
    )
    return [tuple(row.values()) for row in rows]


def reply(minute: float, **given: object) -> Message:
    ours = {"direction": Direction.OUTBOUND, "author": "care@us.example", "url": "https://mail.example/r1"}
    return message("r1", minute=minute, **{**ours, **given})


def test_a_reply_written_in_the_mailbox_is_linked(asked: Connection) -> None:
    assert answers(asked) == []
    store(asked, reply(10))
    assert answers(asked) == [("reply", "care@us.example", "https://mail.example/r1", None)]


def test_what_a_responder_told_is_kept_in_words(asked: Connection) -> None:
    queue.answer(
        asked, one(asked, "SELECT conversation_id FROM triage.unanswered_queue"), by="ana", where="by phone"
    )
    assert answers(asked) == [("told", "ana", "", "by phone")]


def test_told_after_an_older_reply_is_told(asked: Connection) -> None:
    store(asked, reply(10), message("m2", minute=20))
    queue.answer(
        asked, one(asked, "SELECT conversation_id FROM triage.unanswered_queue"), by="ana", where="by phone"
    )
    assert answers(asked) == [("told", "ana", "", "by phone")]


def test_an_autoresponder_is_no_answer(asked: Connection) -> None:
    store(asked, reply(10, direction=Direction.AUTOMATIC, automatic_reason="Auto-Submitted"))
    assert answers(asked) == []


def test_each_author_of_a_social_conversation_has_an_answer_of_their_own(asked: Connection) -> None:
    for author in ("ada", "bob"):
        store(asked, message(author, f"c1/{author}", account="volmera_x", author=author))
    answer = {"direction": Direction.OUTBOUND, "author": "volmera", "url": "https://x.com/volmera/status/9"}
    store(asked, message("9", "c1/ada", account="volmera_x", minute=5, **answer))
    assert [row[2] for row in answers(asked)] == ["https://x.com/volmera/status/9"]
    sql = "SELECT conversation FROM triage.unanswered_queue WHERE account = 'volmera_x'"
    assert [row["conversation"] for row in table(asked, sql)] == ["c1/bob"]
