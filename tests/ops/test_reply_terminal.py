"""`triage reply` and its kin, and `triage send`: what is said, and with which exit status."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from psycopg2.extensions import connection as Connection

from tests.builders import one, shipped_topics
from tests.ops.outbox import Outbox
from tests.ops.services import Services, serving
from triage.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with serving() as running:
        yield running


@pytest.fixture
def outbox(
    connection: Connection, dsn: str, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Outbox:
    made = Outbox(connection, services, shipped_topics(), "x")
    for name, value in made.environment(tmp_path, dsn).items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def triage(outbox: Outbox, capsys: pytest.CaptureFixture[str]) -> Run:
    """`triage("reply", "1", "text")`: exit status, output and errors, as zoe."""

    def run(*words: str) -> tuple[int, str, str]:
        status = main([*words, *(["--as", "zoe"] if words[0] != "send" else [])])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run


def test_a_reply_from_the_first_word_to_the_link(outbox: Outbox, triage: Run) -> None:
    outbox.ask()
    status, out, err = triage("reply", "1", "We are on it.")
    assert (status, out) == (0, "reply 1 goes out; `triage replies 1` says what became of it\n")
    assert err == "13 of 280 characters\n"
    assert "reply 1 by zoe" in triage("replies", "1")[1]
    status, out, _ = triage("send", "x")
    assert (status, "read 1, kept 1" in out) == (0, True)
    status, out, _ = triage("replies", "1")
    assert "sent: https://x.com/volmera/status/" in out
    assert outbox.ours() == ["We are on it."]
    assert one(outbox.connection, "SELECT by FROM triage.reply") == "zoe"
    status, _, err = triage("reply", "1", "Again.")
    assert (status, "nobody waits in conversation 1" in err) == (1, True)


def test_the_text_may_come_from_a_file_or_a_pipe(
    outbox: Outbox, triage: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (str(outbox.ask(author=author)) for author in ("ada", "bob"))
    (tmp_path / "text").write_bytes("Été\r\nligne 2\r\n".encode())
    assert triage("reply", first, "--file", str(tmp_path / "text"))[0] == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("From a pipe.\n"))
    assert triage("reply", second)[0] == 0
    triage("send")
    assert sorted(outbox.ours()) == ["From a pipe.", "Été\nligne 2"]


def test_what_is_long_or_dear_is_said_beforehand(outbox: Outbox, triage: Run) -> None:
    outbox.ask()
    status, _, err = triage("reply", "1", "a" * 281 + " https://a.example/b")
    assert status == 0
    assert err.splitlines() == [
        "too long: 305 of 280 characters (some accounts and servers allow more)",
        "with a link in it X charges $0.20 for it",
    ]
    assert triage("withdraw", "1")[:2] == (0, "withdraw: reply 1 done\n")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("reply", "1", " "), 2, "there is nothing to say"),
        (("reply", "1", "a", "--file", "b"), 2, "give the text or --file, not both"),
        (("reply", "1", "--file", "/nowhere"), 2, "cannot be read (FileNotFoundError)"),
        (("reply", "99", "a"), 1, "nobody waits in conversation 99"),
        (("reply", "1", "a", "--key", "short"), 1, "a key is 8 to 64 letters"),
        (("withdraw", "99"), 1, "there is no reply 99"),
        (("resend", "99"), 1, "there is no reply 99"),
        (("send", "nobody"), 2, "no account 'nobody'"),
    ],
)
def test_what_cannot_be_is_refused_with_the_mend(
    outbox: Outbox, triage: Run, words: tuple[str, ...], status: int, said: str
) -> None:
    outbox.ask()
    done, _, err = triage(*words)
    assert (done, said in err) == (status, True), err


def test_two_do_not_answer_the_same(outbox: Outbox, triage: Run) -> None:
    outbox.ask()
    assert triage("reply", "1", "Mine.", "--key", "the-same-key")[0] == 0
    assert triage("reply", "1", "Mine.", "--key", "the-same-key")[1].startswith("reply 1 goes out")
    status, _, err = triage("reply", "1", "Another.")
    assert (status, "reply 1 by zoe to conversation 1 is on its way" in err) == (1, True)


def test_one_may_wait_for_what_becomes_of_it(outbox: Outbox, triage: Run) -> None:
    outbox.ask()

    def send() -> None:
        time.sleep(0.5)
        main(["send", "x"])

    worker = threading.Thread(target=send)
    worker.start()
    status, out, _ = triage("reply", "1", "We are on it.", "--wait", "30")
    worker.join()
    assert (status, "sent: https://x.com/" in out) == (0, True)


def test_a_refusal_is_shown_and_sent_again_on_demand(outbox: Outbox, triage: Run) -> None:
    outbox.ask()
    triage("reply", "1", "We are on it.")
    fault = {"kind": "status", "status": 403, "message": "No \x1b[2J today.", "method": "tweets.create"}
    outbox.server.control("faults", fault)
    triage("send", "x")
    out = triage("replies", "1")[1]
    assert "refused: X refuses it (403): No" in out
    assert "\x1b" not in out
    assert triage("resend", "1")[0] == 0
    triage("send", "x")
    assert "sent: " in triage("replies", "1")[1]
