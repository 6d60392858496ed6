"""Erasing a person: nothing of them is left in any table, nothing of others is lost, the ledger counts as before."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import ROOT, decision, message, one, table
from triage import cli
from triage.core.errors import Fatal, Retry, TriageError
from triage.core.types import Direction, Evidence, Message, MessageKey, Quarantined
from triage.ops import care, erase, queue
from triage.store import conversations, corrections, db, messages, notices

JANE = "Jane.Doe@post.example"
NAME = "Jane Quixley-Doe"
WORDS = "My left thumb was crushed by the hinge"
NEEDLES = ("jane.doe", "quixley", "left thumb", "hinge", "0612345678", "janeq", "4417001")
"""What must be nowhere, in small letters."""

INBOUND = "SELECT id FROM triage.message WHERE direction = 'inbound'"


def everywhere(connection: Connection, needles: Sequence[str] = NEEDLES) -> list[str]:
    """Where any of these stands: every column of every table of ours, base64 looked into."""
    found = []
    for row in table(connection, "SELECT table_name AS name FROM information_schema.tables "
                                 "WHERE table_schema = 'triage' AND table_type = 'BASE TABLE'"):  # fmt: skip
        for line in table(
            connection, f"SELECT t::text AS line, to_jsonb(t) AS whole FROM triage.{row['name']} t"
        ):
            for column, value in line["whole"].items():
                text = str(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                text = f"{text} {decoded(text)}".lower()
                found += [f"{row['name']}.{column}: {needle}" for needle in needles if needle in text]
    return found


def decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", errors="replace")
    except ValueError:
        return ""


@dataclass(frozen=True, kw_only=True)
class Left:
    """What Jane left, by conversation: alone and waiting, alone and answered, with John in one thread, and on X."""

    waiting: int
    answered: int
    shared: int
    post: int
    page: tuple[Message, ...]


def _page() -> tuple[Message, ...]:
    hers: dict[str, Any] = {"author": JANE.lower(), "author_name": NAME, "subject": "my left thumb"}
    care_ = {"direction": Direction.OUTBOUND, "author": "care@volmera.example"}
    john = {"author": "john@post.example", "author_name": "John Roe"}
    key = MessageKey(source="x", account="volmera_x", native_id="900")
    return (
        message("a1", "ta", text=WORDS, url="https://mail.google.com/mail/#all/a1",
                global_id="<1.jane.doe@post.example>",
                extra={"to": ["care@volmera.example"], "message_id": "<1.jane.doe@post.example>"}, **hers),
        message("b1", "tb", text=f"{WORDS}. Call 0612345678.", **hers),
        message("b2", "tb", minute=5, text=f"Dear {NAME}, we are sorry about the hinge.", subject="Re: my left thumb",
                reply_to="<2.jane.doe@post.example>", extra={"to": [JANE]}, **care_),
        message("c1", "tc", text=WORDS, **hers),
        message("c2", "tc", minute=2, text=f"I am with {NAME.upper()} ({JANE}), and still wait too.", **john),
        message("d1", "td", text="Where is my parcel?", **john),
        message("x1", "77/4417001", account="volmera_x", key=key, author="4417001",
                author_name=f"@janeq ({NAME})", text=WORDS, url="https://x.com/janeq/status/900"),
    )  # fmt: skip


def store(connection: Connection, page: Sequence[Message]) -> list[int]:
    with db.transaction(connection):
        new, touched = messages.upsert(connection, page)
        said = {i: m.text[3:13] for i, m in zip(new, page, strict=False)}
        told = [(i, decision("safety_injury", evidence=(Evidence(start=3, end=13, text=said[i], weight=1.0),)))
                for i in new]  # fmt: skip
        inbound = {r["id"] for r in db.rows(connection, INBOUND)}
        conversations.decide(connection, [decided for decided in told if decided[0] in inbound])
        conversations.refresh(connection, touched)
    return new


@pytest.fixture
def left(connection: Connection) -> Left:
    """Jane in every table that can hold a person."""
    page = _page()
    new = dict(zip((m.key.native_id for m in page), store(connection, page), strict=True))
    of = {r["key"]: r["id"] for r in table(connection, "SELECT id, key FROM triage.conversation")}
    queue.note(connection, of["ta"], by="ana", text=f"{NAME} will call again, 0612345678")
    queue.note(connection, of["tc"], by="ana", text=f"ask {NAME} first")
    queue.relabel(connection, of["ta"], by="ana", topic="product_defect")
    replied = queue.reply(connection, of["ta"], by="ana", text=f"Dear {NAME}, we send somebody.")
    mail = f"From: {NAME} <{JANE}>\r\nSubject: hinge\r\n\r\n\xff".encode("latin-1")
    raw = [
        Quarantined(key=message("bad").key, reason="no date", raw=base64.b64encode(mail).decode()),
        Quarantined(
            key=MessageKey(source="x", account="volmera_x", native_id="odd"),
            reason="not a post",
            raw=json.dumps({"by": "4417001"}),
        ),
        Quarantined(key=message("other").key, reason="no date", raw="John Roe"),
    ]
    with db.transaction(connection):
        messages.quarantine(connection, raw)
        incident = db.rows(connection, "SELECT triage.open_incident('safety_injury', 'people call') AS id")[
            0
        ]["id"]
        db.execute(
            connection, "SELECT triage.note_incident(%s, %s)", (incident, f"{NAME} speaks to the press")
        )
        for sql, given in (
            ("INSERT INTO triage.cluster (message_id, signature) VALUES (%s, 'x')", (new["a1"],)),
            ("INSERT INTO triage.cluster_band SELECT 5, id FROM triage.cluster", ()),
            ("INSERT INTO triage.question (incident_id, lang, question, cluster_id, drafted_by) "
             "SELECT %s, 'en', 'Why is the hinge so sharp?', id, 'detect' FROM triage.cluster", (incident,)),
            ("INSERT INTO triage.flood VALUES ('care', %s, now(), now(), %s)", (JANE.lower(), of["ta"])),
            ("INSERT INTO triage.billed VALUES ('volmera_x', '2026-11-20', 'user', '4417001')", ()),
            ("INSERT INTO triage.fanout (topic, texts, drafted_by) VALUES ('safety_injury', '{}', 'ana')", ()),
            ("INSERT INTO triage.fanout_recipient (fanout_id, conversation_id, person, text) "
             "SELECT id, %s, %s, %s FROM triage.fanout", (of["ta"], f"gmail:{JANE.lower()}", f"Dear {NAME}")),
            ("UPDATE triage.incident SET terms = %s", (json.dumps([{"term": NAME}]),)),
        ):  # fmt: skip
            db.execute(connection, sql, given)
        told = [("desk", "d@volmera.example", "overdue", "k", "1 is overdue", f'#1 "{WORDS[:20]}"')]
        notices.put(connection, told, now=one(connection, "SELECT now()"))
    assert replied
    return Left(waiting=of["ta"], answered=of["tb"], shared=of["tc"], post=of["77/4417001"], page=page)


def test_nothing_of_them_is_left_anywhere(connection: Connection, left: Left) -> None:
    assert {where.split(".")[0] for where in everywhere(connection)} >= {
        "message", "classification", "unanswered_queue", "audit", "incident_log", "incident", "reply", "quarantine",
        "question", "flood", "billed", "fanout_recipient", "notice", "conversation",
    }, "Jane is not where she should be looked for"  # fmt: skip
    erase.run(connection, JANE, by="ana", reason="request 117")
    erase.run(connection, "4417001", by="ana", reason="request 117", source="x")
    assert everywhere(connection) == []


def test_the_ledger_counts_as_before(connection: Connection, left: Left) -> None:
    before = care.audit(connection)
    done = erase.run(connection, JANE, by="ana", reason="request 117")
    assert (done.messages, done.conversations, done.dismissed, done.quarantined) == (3, 3, 2, 1)
    after = care.audit(connection)
    assert (before.collected, after.collected) == (5, 5)
    assert (after.waiting, after.dismissed) == (before.waiting - 1, before.dismissed + 1)
    assert after.answered == before.answered == 1
    assert after.quarantined == before.quarantined == 3


def test_others_keep_their_place_and_their_words(connection: Connection, left: Left) -> None:
    erase.run(connection, JANE, by="ana", reason="request 117")
    waits = table(
        connection, "SELECT conversation_id, author, excerpt FROM triage.unanswered_queue ORDER BY 1"
    )
    shared = next(row for row in waits if row["conversation_id"] == left.shared)
    assert shared["author"] == "john@post.example"
    assert shared["excerpt"] == "I am with [erased] ([erased]), and still wait too."
    assert [row["excerpt"] for row in waits if row["author"] == "john@post.example"][
        -1
    ] == "Where is my parcel?"
    raw = table(connection, "SELECT native_id FROM triage.quarantine WHERE raw <> '' ORDER BY 1")
    assert [row["native_id"] for row in raw] == ["odd", "other"]
    notes = table(
        connection,
        "SELECT reason FROM triage.audit WHERE conversation_id = %s AND verb = 'note'",
        left.shared,
    )
    assert notes == [{"reason": "ask [erased] first"}]


def test_what_was_to_go_out_stays(connection: Connection, left: Left) -> None:
    erase.run(connection, JANE, by="ana", reason="request 117")
    assert table(connection, "SELECT state, text FROM triage.reply") == [
        {"state": "withdrawn", "text": "[erased]"}
    ]
    assert one(connection, "SELECT excluded FROM triage.fanout_recipient") == "erased"
    assert one(connection, "SELECT withdrawn FROM triage.question")
    assert one(connection, "SELECT count(*) FROM triage.cluster_band") == 0
    with db.transaction(connection):
        assert corrections.lessons(connection) == [], "an empty text teaches nothing"


def test_while_a_reply_is_being_sent_nothing_is_erased(connection: Connection, left: Left) -> None:
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.reply SET state = 'sending'")
    before = everywhere(connection)
    with pytest.raises(Retry, match="is being sent; erase again in a minute"):
        erase.run(connection, JANE, by="ana", reason="request 117")
    assert everywhere(connection) == before


def test_reading_again_brings_nothing_back(connection: Connection, left: Left) -> None:
    """Not a word; at a network the empty conversation is named by its author again."""
    erase.run(connection, JANE, by="ana", reason="request 117")
    erase.run(connection, "4417001", by="ana", reason="request 117")
    assert store(connection, left.page) == []
    assert everywhere(connection) == ["conversation.key: 4417001"]
    assert care.audit(connection).collected == 5


def test_it_is_written_down(connection: Connection, left: Left) -> None:
    erase.run(connection, JANE, by="ana", reason="request 117")
    rows = table(
        connection, "SELECT conversation_id, by, reason FROM triage.audit WHERE verb = 'erase' ORDER BY 1"
    )
    assert rows == [
        {"conversation_id": n, "by": "ana", "reason": "request 117"}
        for n in sorted((left.waiting, left.answered, left.shared))
    ]


def test_who_writes_again_is_heard(connection: Connection, left: Left) -> None:
    erase.run(connection, JANE, by="ana", reason="request 117")
    store(connection, [message("a9", "ta", minute=90, author=JANE.lower(), text="Hello again")])
    assert (
        one(connection, "SELECT state::text FROM triage.conversation WHERE id = %s", left.waiting)
        == "waiting"
    )


def test_nobody_else_is_taken_for_them(connection: Connection, left: Left) -> None:
    before = everywhere(connection, ("john", *NEEDLES))
    for person in (
        "nobody@post.example",
        "post.example",
        "doe",
        "4417",
        "care@volmera.example",
        "%",
        " ",
        "",
    ):
        with pytest.raises(TriageError, match="nobody wrote to us as"):
            erase.run(connection, person, by="ana", reason="r")
    assert everywhere(connection, ("john", *NEEDLES)) == before


def test_whoever_runs_the_pipeline_may_not(
    connection: Connection, left: Left, login: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = everywhere(connection)
    given = ["erase", JANE, "--yes", "--dsn", login("triage_pipeline")]
    assert cli.main(given) == 1
    assert "use the login that migrates" in capsys.readouterr().err
    assert everywhere(connection) == before


def test_the_command_looks_first(
    connection: Connection, left: Left, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["erase", JANE.upper(), "--dsn", dsn]) == 0
    assert capsys.readouterr().out.startswith(
        "3 messages in 3 conversations, 1 in quarantine; nothing was erased"
    )
    assert everywhere(connection) != []
    assert cli.main(["erase", JANE.upper(), "--dsn", dsn, "--yes"]) == 0
    assert "erased 3 messages in 3 conversations, 1 in quarantine; 2 still waited" in capsys.readouterr().out
    assert cli.main(["erase", JANE, "--dsn", dsn, "--yes"]) == 1


def test_ours_is_nobody_to_erase(
    connection: Connection,
    left: Left,
    dsn: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRIAGE_CONFIG", str(ROOT / "config"))
    assert cli.main(["erase", "Care@volmera.example", "--yes", "--dsn", dsn]) == 2
    assert "is ours by triage.yaml" in capsys.readouterr().err


def test_a_broken_ledger_is_not_hidden_by_it(connection: Connection, left: Left) -> None:
    with db.transaction(connection):
        db.execute(connection, "DELETE FROM triage.unanswered_queue WHERE author = 'john@post.example'")
        db.execute(connection, "UPDATE triage.conversation SET state = 'nobody', waiting_since = NULL, kind = NULL "
                               "WHERE key = 'td'")  # fmt: skip
    before = everywhere(connection)
    with pytest.raises(Fatal, match="nothing was erased; run `triage audit`"):
        erase.run(connection, JANE, by="ana", reason="request 117")
    assert everywhere(connection) == before
