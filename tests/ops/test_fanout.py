"""A fan-out from the draft to the outbox: everybody once, whoever acts, writes or dies meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import decision, message, one, prepare, shipped_topics, table
from triage import cli
from triage.core.errors import ConfigError
from triage.core.fanout import Text
from triage.core.types import Classification, Direction, Intent, Message
from triage.ops import care, fanout, queue
from triage.ops.classify import classify
from triage.store import conversations, db, messages
from triage.store.queue import Refused

TEXTS = {"en": Text(long="Hello {name}, stop using it.", short="Stop using it."), "fr": Text(long="Bonjour.")}


@dataclass
class ByWords:
    """A classifier that reads topic, intent and language from the first three words."""

    taxonomy: str = "t1"
    model: str = "m1"

    def classify(self, items: Sequence[tuple[str, str, str]]) -> list[Classification]:
        words = [text.split()[:3] for _, text, _ in items]
        return [decision(topic, intent=Intent(intent), lang=lang) for topic, intent, lang in words]


def asks(number: int, words: str = "product_defect question en", **given: Any) -> Message:
    """Person `number` writes a mail of their own."""
    author = {"author": f"p{number}@example.org", "author_name": "Ada"}
    return message(
        f"m{number}", f"t{number}", minute=number, text=f"{words} it smokes", **{**author, **given}
    )


@pytest.fixture
def write(connection: Connection) -> Callable[..., None]:
    """Store and decide messages."""
    prepare(connection)

    def act(*page: Message) -> None:
        with db.transaction(connection):
            _, touched = messages.upsert(connection, page)
            conversations.refresh(connection, touched)
        classify(connection, ByWords(), shipped_topics())

    return act


def made(connection: Connection, **given: Any) -> int:
    return fanout.draft(connection, texts=TEXTS, by="Ada", **{"topic": "product_defect", **given})


def status(connection: Connection, number: int) -> dict[str, tuple[str, str]]:
    """Person to status and why."""
    rows = fanout.shown(connection, number)["recipients"]
    return {row["person"].removesuffix("@example.org"): (row["status"], row["why"]) for row in rows}


def test_a_draft_is_a_list_and_writes_to_nobody(connection: Connection, write: Callable[..., None]) -> None:
    write(
        asks(1), asks(2, "product_defect press en"), asks(3, "product_defect question fr"),
        asks(4, "delivery question en"),
        asks(5, account="volmera_x", author="99", author_name=""), asks(6, "safety_injury question en"),
    )  # fmt: skip
    number = made(connection)
    assert status(connection, number) == {
        "gmail:p1": ("to come", ""),
        "gmail:p2": ("left out", "the press is answered by a person"),
        "gmail:p3": ("to come", ""),
        "x:99": ("to come", ""),
    }
    assert {r["text"] for r in fanout.shown(connection, number)["recipients"]} == {
        "Hello Ada, stop using it.", "Bonjour.", "Stop using it.", "",
    }  # fmt: skip
    assert fanout.advance(connection) == fanout.Advanced()
    assert one(connection, "SELECT count(*) FROM triage.reply") == 0


def test_approved_it_goes_out_in_the_approvers_name_and_only_once(
    connection: Connection, write: Callable[..., None]
) -> None:
    write(*(asks(n) for n in range(1, 8)))
    number = made(connection)
    fanout.approve(connection, number, by="Grace")
    assert fanout.advance(connection, room=5).queued == 5
    assert fanout.advance(connection, room=5).queued == 0
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.reply SET state = 'sent'")
    assert fanout.advance(connection).queued == 2
    assert fanout.advance(connection).queued == 0
    assert one(connection, "SELECT count(DISTINCT conversation_id) = 7 AND count(*) = 7 FROM triage.reply")
    assert table(connection, "SELECT DISTINCT by FROM triage.audit WHERE verb = 'reply'") == [{"by": "Grace"}]


def test_it_is_looked_at_once_more_before_it_goes_out(
    connection: Connection, write: Callable[..., None]
) -> None:
    write(*(asks(n) for n in range(1, 6)))
    number = made(connection)
    fanout.approve(connection, number, by="Grace")
    rows = table(connection, "SELECT conversation_id FROM triage.unanswered_queue ORDER BY author")
    _, taken, dismissed, _, _ = (int(row["conversation_id"]) for row in rows)
    write(
        message("r1", "t1", minute=90, author="care@us.example", direction=Direction.OUTBOUND),
        message(
            "u4", "t4", minute=91, author="p4@example.org", text="product_defect urgent_help en it burns"
        ),
    )
    queue.take(connection, taken, by="Alan")
    queue.dismiss(connection, dismissed, by="Alan", reason="spam")
    assert fanout.advance(connection) == fanout.Advanced(queued=1, left_out=3, later=1)
    found = status(connection, number)
    assert found["gmail:p1"] == found["gmail:p3"] == ("left out", "answered or dismissed meanwhile")
    assert found["gmail:p2"] == ("to come", "")
    assert found["gmail:p4"] == ("left out", "somebody needs help at once")
    assert found["gmail:p5"] == ("wanted", "")
    queue.release(connection, taken, by="Alan")
    assert fanout.advance(connection).queued == 1
    care.audit(connection)


def test_nobody_gets_a_second_text_on_the_same_matter(
    connection: Connection, write: Callable[..., None]
) -> None:
    write(asks(1))
    with db.transaction(connection):
        rows = db.rows(
            connection, "SELECT triage.open_incident('product_defect', 'the factory called') AS id"
        )
        db.execute(connection, "UPDATE triage.incident SET onset = '2020-01-01'")
    incident = int(rows[0]["id"])
    first = fanout.draft(connection, texts=TEXTS, by="Ada", incident=incident)
    fanout.approve(connection, first, by="Ada")
    assert fanout.advance(connection).queued == 1
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.reply SET state = 'sent'")
    write(asks(2, author="P1@example.org"), asks(3))
    second = fanout.draft(connection, texts=TEXTS, by="Ada", incident=incident)
    reasons = [why for _, why in status(connection, second).values()]
    assert sorted(reasons)[-1] == "has had a text of ours on this already"
    assert fanout.shown(connection, second)["to_come"] == 1


def test_stopped_is_stopped(connection: Connection, write: Callable[..., None]) -> None:
    write(*(asks(n) for n in range(1, 5)))
    number = made(connection)
    fanout.approve(connection, number, by="Grace")
    fanout.advance(connection, room=2)
    assert fanout.stop(connection, number, by="Alan") == 2
    assert fanout.advance(connection) == fanout.Advanced()
    assert one(connection, "SELECT count(*) FROM triage.reply WHERE state = 'withdrawn'") == 2
    with pytest.raises(Refused, match="is stopped"):
        fanout.approve(connection, number, by="Grace")


def test_done_when_nobody_is_to_come(connection: Connection, write: Callable[..., None]) -> None:
    write(asks(1), asks(2, "product_defect legal en"))
    number = made(connection)
    fanout.approve(connection, number, by="Grace")
    assert fanout.advance(connection).finished == 0
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.reply SET state = 'sent'")
    assert fanout.advance(connection).finished == 1
    assert fanout.listed(connection)[0]["state"] == "done"


def test_what_cannot_be_drafted_says_why(connection: Connection, write: Callable[..., None]) -> None:
    write(asks(1))
    with pytest.raises(ConfigError, match="one for each language"):
        fanout.draft(connection, texts={}, by="Ada", topic="product_defect")
    with pytest.raises(ConfigError, match="give one of them"):
        fanout.draft(connection, texts=TEXTS, by="Ada")
    with pytest.raises(Refused, match="no incident 7"):
        fanout.draft(connection, texts=TEXTS, by="Ada", incident=7)
    with pytest.raises(Refused, match="does not exist"):
        fanout.approve(connection, 99, by="Ada")


def test_in_the_terminal(
    dsn: str,
    connection: Connection,
    write: Callable[..., None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(asks(1), asks(2, "product_defect press en"))
    (tmp_path / "en.txt").write_text("Hello {name}.")
    (tmp_path / "empty.txt").write_text(" ")

    def run(*words: str) -> tuple[int, str]:
        status = cli.main(["fanout", *words, "--dsn", dsn])
        said = capsys.readouterr()
        return status, said.out + said.err

    code, text = run("draft", "--topic", "product_defect", "--long", f"en={tmp_path}/en.txt")
    assert code == 0
    assert "the press is answered by a person" in text
    assert "2 conversations, 1 left to a human, 1 to come" in text
    assert "Nobody has been written to" in text
    assert run("approve", "1", "--as", "Grace")[0] == 0
    assert "approved" in run("list")[1]
    assert run("stop", "1")[0] == 0
    assert run("show", "5") == (1, "triage fanout: there is no fan-out 5; `triage fanout list` shows them\n")
    assert run("draft", "--topic", "product_defect", "--long", "en.txt")[0] == 2
    assert "is empty" in run("draft", "--topic", "product_defect", "--long", f"en={tmp_path}/empty.txt")[1]


def test_the_plan_answers_when_no_text_is_given(
    dsn: str, connection: Connection, write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(asks(1), asks(2, "product_defect question fr"), asks(3, account="volmera_x", author="99"))
    with db.transaction(connection):
        db.execute(connection, "SELECT triage.open_incident('product_defect', 'the factory called')")
        db.execute(connection, "UPDATE triage.incident SET onset = '2020-01-01'")
    assert cli.main(["fanout", "draft", "--incident", "1", "--dsn", dsn]) == 0
    capsys.readouterr()
    mail, french, post = (row["text"] for row in fanout.shown(connection, 1)["recipients"])
    assert mail.startswith("Hello,")
    assert french.startswith("Bonjour,")
    assert len(post) <= 280 < len(mail)
    assert "{" not in mail + french + post
    assert cli.main(["fanout", "approve", "1", "--dsn", dsn]) == 0
    assert one(connection, "SELECT count(*) FROM triage.reply WHERE bulk") == 3
