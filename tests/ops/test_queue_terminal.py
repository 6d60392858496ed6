"""The responder's terminal: what is shown, what is done, and what leaves the house in a file."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from arro3.io import read_parquet
from psycopg2.extensions import connection as Connection

from tests.builders import decision, message, one, table
from triage.cli import main
from triage.cli_queue import moment
from triage.cli_tables import changes, lasting
from triage.core.errors import ConfigError
from triage.core.types import Evidence
from triage.ops import queue
from triage.store import conversations, db, messages

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def inbox(connection: Connection) -> Connection:
    """Three wait: an injury, a late parcel in French, an overdue one on X; the first names its evidence."""
    now = datetime.now(UTC)
    page = [
        message("m1", "t1", subject="Mixer", text="The blade\x1b[2J cut my hand.", sent_at=now - timedelta(minutes=5)),
        message("m2", "t2", text="Mon colis ?", author="=cmd|' /C calc'!A0", sent_at=now - timedelta(minutes=3)),
        message("p1", "t3", account="volmera_x", text="Late, late", sent_at=now - timedelta(days=2), url="https://x.example/1"),
    ]  # fmt: skip
    spoke = (Evidence(start=14, end=26, text="cut my hand."), Evidence(start=0, end=0, text="Mixer"))
    with db.transaction(connection):
        _, touched = messages.upsert(connection, page)
        conversations.refresh(connection, touched)
        ids = [r["id"] for r in db.rows(connection, "SELECT id FROM triage.message ORDER BY native_id")]
        said = [decision("safety_injury", evidence=spoke), decision(lang="fr"), decision()]
        conversations.refresh(connection, conversations.decide(connection, list(zip(ids, said, strict=True))))
    return connection


@pytest.fixture
def triage(inbox: Connection, dsn: str, capsys: pytest.CaptureFixture[str]) -> Run:
    """`triage("claim", "5")`: exit status, output and errors of a command on the test's database, as zoe."""

    def run(*words: str) -> tuple[int, str, str]:
        status = main([words[0], "--dsn", dsn, "--as", "zoe", *words[1:]])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def ids(inbox: Connection) -> dict[str, int]:
    rows = table(inbox, "SELECT key, id FROM triage.conversation")
    return {r["key"]: r["id"] for r in rows}


def shown(triage: Run, *words: str) -> list[str]:
    """The conversations of a command that prints JSON lines."""
    status, out, _ = triage(*words, "--json")
    assert status == 0
    return [json.loads(line)["conversation"] for line in out.splitlines()]


def test_the_queue_and_its_filters(inbox: Connection, triage: Run) -> None:
    assert shown(triage, "queue") == ["t1", "t3", "t2"]
    assert shown(triage, "queue", "-n", "1") == ["t1"]
    assert shown(triage, "queue", "--topic", "delivery") == ["t3", "t2"]
    assert shown(triage, "queue", "--lang", "fr") == ["t2"]
    assert shown(triage, "queue", "--source", "x") == ["t3"]
    assert shown(triage, "queue", "--account", "care") == ["t1", "t2"]
    assert shown(triage, "queue", "--overdue") == ["t3"]
    assert shown(triage, "queue", "--words", "colis") == ["t2"]
    assert shown(triage, "queue", "--mine") == []
    assert shown(triage, "claim", "1") == ["t1"]
    assert shown(triage, "queue", "--mine") == ["t1"]
    triage("snooze", str(ids(inbox)["t3"]), "2h")
    assert shown(triage, "queue") == ["t1", "t2"]
    assert shown(triage, "queue", "--snoozed") == ["t3"]


def test_the_table_moves_no_cursor(triage: Run) -> None:
    status, out, _ = triage("queue")
    assert status == 0
    assert "safety_injury" in out
    assert "2 d 0 h" in out
    assert "\x1b" not in out
    assert triage("queue", "--words", "nothing like it")[1] == "nobody is waiting\n"


def test_a_day_in_the_terminal_is_audited(inbox: Connection, triage: Run) -> None:
    number = {key: str(value) for key, value in ids(inbox).items()}
    triage("claim")
    for words in (
        ("renew", number["t1"]), ("note", number["t1"], "called"), ("release", number["t1"]), ("take", number["t2"]),
        ("relabel", number["t2"], "billing"), ("snooze", number["t2"], "2h"), ("answer", number["t1"], "by phone"),
    ):  # fmt: skip
        assert triage(*words) == (0, f"{words[0]}: conversation {words[1]} done\n", ""), words
    status, out, _ = triage("dismiss", number["t2"], number["t3"], "spam")
    assert (status, out.count("done")) == (0, 2)
    verbs = table(inbox, "SELECT verb, by FROM triage.audit ORDER BY id")
    assert {r["by"] for r in verbs} == {"zoe"}
    assert [r["verb"] for r in verbs] == [
        "claim", "renew", "note", "release", "claim", "relabel", "snooze", "answer", "dismiss", "dismiss",
    ]  # fmt: skip
    assert one(inbox, "SELECT count(*) FROM triage.unanswered_queue") == 0


def test_one_that_is_refused_stops_no_other(inbox: Connection, triage: Run) -> None:
    number = ids(inbox)
    queue.take(inbox, number["t1"], by="ana")
    status, out, error = triage("dismiss", str(number["t1"]), "4711", str(number["t2"]), "spam")
    assert status == 1
    assert out == f"dismiss: conversation {number['t2']} done\n"
    assert f"conversation {number['t1']} is with ana until" in error
    assert "there is no conversation 4711" in error


def test_bad_words_are_told(triage: Run) -> None:
    assert triage("snooze", "1", "tomorow") == (
        2, "", "triage snooze: 'tomorow' is no time; write 2h, 3d or 2026-11-24T09:00\n",
    )  # fmt: skip
    status, _, error = triage("relabel", "1", "nonsense")
    assert status == 1
    assert "there is no topic nonsense; choose one of billing" in error
    assert triage("snooze", "1", "90d")[2].startswith(
        "triage snooze: snooze until a time that lies ahead, at most 31"
    )
    assert (
        triage("show", "4711")[2]
        == "triage show: there is no conversation 4711; take the id from `triage queue`\n"
    )
    assert triage("queue", "--watch")[0] == 2


def test_a_moment_is_a_while_from_now_or_a_date() -> None:
    assert abs(moment("2h") - datetime.now(UTC) - timedelta(hours=2)) < timedelta(minutes=1)
    assert moment("2026-11-24T09:00+01:00") == datetime(2026, 11, 24, 8, tzinfo=UTC)
    with pytest.raises(ConfigError):
        moment("2026-13-24")


def test_show_marks_what_spoke_for_the_topic(
    inbox: Connection, triage: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = ids(inbox)["t1"]
    queue.note(inbox, number, by="ana", text="called \x1b[2Jback")
    monkeypatch.setenv("FORCE_COLOR", "1")
    status, out, _ = triage("show", str(number))
    assert status == 0
    assert "\x1b[1;33mcut my hand.\x1b[0m" in out
    assert "\x1b[1;33mMixer\x1b[0m" in out
    assert "ana: note called" in out
    assert "\x1b[2J" not in out
    found = json.loads(triage("show", str(number), "--json")[1])
    assert found["queue"]["topic"] == "safety_injury"
    assert [d["verb"] for d in found["deeds"]] == ["note"]


def test_a_responders_own_login_is_enough(
    inbox: Connection, login: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    own = ["--dsn", login("triage_responder", name="ana"), "--as", "somebody else"]
    number = str(ids(inbox)["t1"])
    for words in (
        ["claim"],
        ["queue", "--mine"],
        ["show", number],
        ["times"],
        ["export"],
        ["answer", number, "by phone"],
    ):
        assert main([words[0], *own, *words[1:]]) == 0, words
    out = capsys.readouterr().out
    assert "ana" in out
    assert {r["by"] for r in table(inbox, "SELECT by FROM triage.audit")} == {"ana"}


def test_csv_is_safe_in_a_spreadsheet(triage: Run) -> None:
    status, out, _ = triage("export")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert status == 0
    assert len(rows) == 3
    assert rows[2]["author"] == "'=cmd|' /C calc'!A0"
    assert not [cell for row in rows for cell in row.values() if cell[:1] in "=+-@\t\r\n" and cell]
    assert datetime.fromisoformat(rows[0]["waiting_since"]).tzinfo


def test_json_lines_and_parquet_hold_the_same(triage: Run, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in triage("export", "--json")[1].splitlines()]
    path = tmp_path / "queue.parquet"
    assert triage("export", "--parquet", str(path)) == (0, f"3 rows in {path}\n", "")
    read = read_parquet(path).read_all()
    kept: dict[str, list[Any]] = {name: read.column(name).to_pylist() for name in read.column_names}
    assert kept["conversation_id"] == [row["conversation_id"] for row in lines]
    assert kept["author"][2] == "=cmd|' /C calc'!A0"
    assert kept["claimed_by"] == [None] * 3
    assert kept["due_at"] == [datetime.fromisoformat(row["due_at"]) for row in lines]


def test_times_and_backlog(triage: Run) -> None:
    status, out, _ = triage("times")
    assert status == 0
    assert "First response" in out
    assert "Waiting now" in out
    told = [json.loads(line) for line in triage("times", "--json")[1].splitlines()]
    late = next(r for r in told if r["what"] == "backlog" and r["source"] == "x")
    assert (late["waiting"], late["overdue"]) == (1, 1)
    assert next(r for r in told if r["what"] == "times" and r["source"] == "x")["p50"] > 2 * 86400 - 1


def test_a_watcher_is_shown_what_changed_and_nothing_else(inbox: Connection) -> None:
    pauses = iter([lambda: None, lambda: queue.claim(inbox, count=1, by="ana"), lambda: None])

    def pause() -> None:
        step = next(pauses, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    seen = []
    with suppress(KeyboardInterrupt):
        for rows, _ in changes(lambda: queue.page(inbox, queue.Wanted()), pause):
            seen.append([row["claimed_by"] for row in rows])
    assert seen == [[None, None, None], ["ana", None, None]]


def test_watching_ends_cleanly(inbox: Connection, dsn: str) -> None:
    """On a real terminal: the table comes, changes with the queue, and Ctrl-C gives the cursor back."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "triage.cli", "queue", "--dsn", dsn, "--watch", "0.2"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "150"}
    watching = subprocess.Popen(words, stdout=theirs, stderr=subprocess.PIPE, env=environment)
    os.close(theirs)
    try:
        before = _until(ours, "safety_injury")
        queue.take(inbox, ids(inbox)["t1"], by="ana")
        _until(ours, "ana")
        watching.send_signal(signal.SIGINT)
        after = _until(ours, "\x1b[?25h")
        assert watching.wait(10) == 0
        assert watching.stderr is not None
        assert watching.stderr.read() == b""
    finally:
        watching.kill()
        os.close(ours)
    assert "\x1b[?25l" in before
    assert "Traceback" not in after


def _until(terminal: int, text: str) -> str:
    """What the terminal shows until that text came."""
    shown, ends = "", time.monotonic() + 30
    while text not in shown:
        ready, _, _ = select.select([terminal], [], [], max(0.0, ends - time.monotonic()))
        assert ready, f"{text!r} did not come; there was {shown!r}"
        shown += os.read(terminal, 65536).decode()
    return shown


def test_how_long_in_words() -> None:
    spans = [timedelta(minutes=3), timedelta(hours=2, minutes=5), timedelta(days=1, hours=4), timedelta(-1)]
    assert [lasting(s) for s in spans] == ["3 min", "2 h 05", "1 d 4 h", "0 min"]
