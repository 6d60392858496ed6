"""Corrections from a file: they decide at once, teach, and name the rows they could not take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import at, decision, message, one, shipped_topics, table
from tests.ops.kit import ByWord, Shelf
from triage.cli import main
from triage.core.errors import ConfigError
from triage.core.types import Direction
from triage.ops import care, queue
from triage.ops.classify import classify
from triage.ops.collect import collect
from triage.ops.correct import Corrected, correct
from triage.store import conversations, corrections, db

TOPICS = shipped_topics()


@pytest.fixture
def inbox(connection: Connection) -> Connection:
    """Three conversations, decided; the third is answered; m3b is the newer of its messages."""
    page = [
        message("m1", "t1", text="delivery is late"),
        message("m2", "t2", text="billing is wrong"),
        message("m3", "t3", minute=1, text="delivery of jam"),
        message("m3b", "t3", minute=2, text="delivery again"),
        message("r3", "t3", minute=9, direction=Direction.OUTBOUND),
    ]
    collect(connection, Shelf(page), "care")
    classify(connection, ByWord(), TOPICS)
    return connection


def give(connection: Connection, *rows: dict[str, str], by: str = "ana") -> Corrected:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return correct(connection, columns, [(f"f:{n}", row) for n, row in enumerate(rows, 2)], by=by)


def kept(connection: Connection) -> list[tuple[object, ...]]:
    sql = """SELECT m.native_id, k.from_topic, k.to_topic, k.origin, k.by
             FROM triage.correction k JOIN triage.message m ON m.id = k.message_id ORDER BY k.id"""
    return [tuple(row.values()) for row in table(connection, sql)]


def test_a_message_is_named_in_three_ways(inbox: Connection) -> None:
    ids = {r["native_id"]: r["id"] for r in table(inbox, "SELECT id, native_id FROM triage.message")}
    talk = one(inbox, "SELECT id FROM triage.conversation WHERE key = 't3'")
    done = give(
        inbox,
        {"message_id": str(ids["m1"]), "topic": "tampering"},
        {"source": "gmail", "account": "care", "native_id": "m2", "topic": "boycott", "by": "bob"},
        {"conversation_id": str(talk), "topic": "labour"},
    )
    assert (done.corrected, done.unchanged, done.bad) == (3, 0, [])
    assert sorted(kept(inbox)) == [
        ("m1", "delivery", "tampering", "file", "ana"),
        ("m2", "billing", "boycott", "file", "bob"),
        ("m3b", "delivery", "labour", "file", "ana"),
    ]
    assert {r["conversation"]: r["topic"] for r in queue.show(inbox)} == {"t1": "tampering", "t2": "boycott"}
    care.audit(inbox)


def test_an_exported_queue_comes_back_and_only_what_was_changed_counts(inbox: Connection) -> None:
    rows = [{k: str(v) for k, v in r.items()} for r in queue.show(inbox)]
    rows[0]["topic"] = "disaster"
    done = give(inbox, *rows)
    assert (done.corrected, done.unchanged, done.bad) == (1, 1, [])
    again = give(inbox, *rows)
    assert (again.corrected, again.unchanged, len(kept(inbox))) == (0, 2, 1)


def test_bad_rows_are_named_and_the_others_count(inbox: Connection) -> None:
    done = give(
        inbox,
        {"message_id": "1", "topic": "jam", "source": "", "account": "", "native_id": ""},
        {"message_id": "99", "topic": "labour"},
        {"conversation_id": "x", "topic": "labour"},
        {"conversation_id": "9" * 30, "topic": "labour"},
        {"source": "gmail", "account": "care", "native_id": "r3", "topic": "labour"},
        {"message_id": "", "topic": "labour"},
        {"message_id": "1", "topic": "unsure"},
        {"conversation_id": "2", "topic": "labour"},
    )
    assert done.corrected == 1
    assert sorted(place for place, _ in done.bad) == [f"f:{n}" for n in range(2, 9)]
    faults = dict(done.bad)
    assert faults["f:2"].startswith("there is no topic 'jam'; choose one of billing, ")
    assert faults["f:3"] == "there is no message 99 that somebody wrote to us"
    assert faults["f:4"] == "conversation_id 'x' is not a number"
    assert faults["f:6"] == "there is no message gmail/care/r3 that somebody wrote to us"
    assert faults["f:7"].startswith("it does not say which message is meant; give message_id, or")


@pytest.mark.parametrize("columns", [["topic"], ["message_id"], ["source", "account", "topic"]])
def test_a_missing_column_is_told(inbox: Connection, columns: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"column"):
        correct(inbox, columns, [], by="ana")


def test_the_later_of_two_rows_counts(inbox: Connection) -> None:
    give(inbox, {"message_id": "1", "topic": "labour"}, {"message_id": "1", "topic": "boycott"})
    assert kept(inbox) == [("m1", "delivery", "boycott", "file", "ana")]


def test_no_model_overrules_a_correction(inbox: Connection) -> None:
    give(inbox, {"conversation_id": "1", "topic": "tampering"})
    classify(inbox, ByWord(model="m2", taxonomy="t2"), TOPICS)
    with db.transaction(inbox):
        conversations.decide(inbox, [(1, decision("delivery", model="m3"))])
        conversations.refresh(inbox, [1])
    assert {r["conversation"]: r["topic"] for r in queue.show(inbox)} == {"t1": "tampering", "t2": "billing"}


def test_relabelling_in_the_queue_teaches_too(inbox: Connection) -> None:
    queue.relabel(inbox, 1, by="ana", topic="boycott")
    assert kept(inbox) == [("m1", "delivery", "boycott", "queue", "ana")]
    with db.transaction(inbox):
        (lesson,) = corrections.lessons(inbox)
    assert (lesson["topic"], lesson["text"]) == ("boycott", "delivery is late")


def test_the_last_word_on_a_message_is_the_lesson(inbox: Connection) -> None:
    give(inbox, {"message_id": "1", "topic": "boycott"})
    queue.relabel(inbox, 2, by="ana", topic="labour")
    give(inbox, {"message_id": "1", "topic": "billing"})
    with db.transaction(inbox):
        db.execute(
            inbox,
            "INSERT INTO triage.correction (message_id, from_topic, to_topic, origin, by, at) "
            "VALUES (2, 'labour', NULL, 'mailbox', 'care in Gmail', %s)",
            (at(9),),
        )
        assert [(r["id"], r["topic"]) for r in corrections.lessons(inbox)] == [(3, "billing")]


def test_the_command_names_bad_rows_and_says_so_by_its_status(
    inbox: Connection, dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "c.csv"
    file.write_text("\ufeffconversation_id,topic\n1,tampering\n7,labour\n", encoding="utf-8")
    assert main(["correct", str(file), "--dsn", dsn, "--as", "ana"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{file}:3: there is no conversation 7 that somebody wrote to us; skipped",
        "corrected 1, unchanged 0, bad rows 1",
    ]
    file.write_text("conversation_id,topic\n1,tampering\n", encoding="utf-8")
    assert main(["correct", str(file), "--dsn", dsn, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"corrected": 0, "unchanged": 1, "bad": []}
    file.write_bytes(b"\xff\xfe\x00")
    assert main(["correct", str(file), "--dsn", dsn]) == 2
    assert "save it as CSV in UTF-8" in capsys.readouterr().err
    assert kept(inbox) == [("m1", "delivery", "tampering", "file", "ana")]
