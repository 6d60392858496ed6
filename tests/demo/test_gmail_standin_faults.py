"""The Gmail stand-in: injected faults, restarts, and the process itself."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httplib2
import pytest
from googleapiclient.errors import BatchError, HttpError

import demo.gmail
from demo.common.serving import Server, call_control
from tests.demo.test_gmail_standin_kit import ME, Stand, mail, reason, refused, run
from tests.demo.test_gmail_standin_strict import execute_batch

ROOT = Path(__file__).resolve().parents[2]
BROKEN = (http.client.HTTPException, ConnectionError, httplib2.HttpLib2Error)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for the module."""
    with demo.gmail.serve() as running:
        yield running


@pytest.fixture
def stand(server: Server) -> Stand:
    """A fresh mailbox."""
    return Stand(server)


def wait_for(condition: Callable[[], Any]) -> None:
    """Wait until something holds, for at most five seconds."""
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_a_status_skips_some_requests_and_spoils_some(stand: Stand) -> None:
    rule = {"kind": "status", "status": 503, "method": "messages.list", "skip": 1, "times": 2}
    stand.control("faults", rule)
    listing = stand.users.messages().list(userId="me")
    assert run(listing)
    assert [refused(listing).resp.status for _ in range(2)] == [503, 503]
    assert run(listing)
    [shown] = stand.control("faults")["rules"]
    assert (shown["seen"], shown["done"]) == (4, 2)


@pytest.mark.parametrize("status", [403, 429, 500, 502, 503])
def test_statuses_with_and_without_retry_after(stand: Stand, status: int) -> None:
    stand.control(
        "faults", {"kind": "status", "status": status, "reason": "rateLimitExceeded", "retry_after": 7}
    )
    stand.control("faults", {"kind": "status", "status": status})
    error = refused(stand.users.getProfile(userId="me"))
    assert (error.resp.status, error.resp["retry-after"], reason(error)) == (status, "7", "rateLimitExceeded")
    error = refused(stand.users.getProfile(userId="me"))
    assert "retry-after" not in error.resp
    assert stand.now()


def test_a_rule_can_be_about_a_path_an_account_or_batches_only(stand: Stand) -> None:
    one, two = (item["id"] for item in stand.put(mail("a"), mail("b")))
    get = stand.users.messages().get
    stand.control("faults", {"kind": "status", "path": f"messages/{two}$", "times": 0})
    assert run(get(userId="me", id=one))
    assert refused(get(userId="me", id=two)).resp.status == 500
    stand.control("faults", verb="DELETE")
    assert run(get(userId="me", id=two))
    stand.control("faults", {"kind": "status", "account": "somebody@else.test", "times": 0})
    assert stand.now()
    stand.control("faults", {"kind": "status", "status": 429, "where": "batch", "skip": 1})
    assert run(get(userId="me", id=one))
    got = execute_batch(stand, [get(userId="me", id=item) for item in (one, two, one)])
    assert [error and error.resp.status for _, error in got.values()] == [None, 429, None]


def test_the_envelope_of_a_batch_can_fail(stand: Stand) -> None:
    stand.control("faults", {"kind": "status", "status": 502, "method": "batch"})
    with pytest.raises(HttpError, match="502"):
        execute_batch(stand, [stand.users.getProfile(userId="me")])


@pytest.mark.parametrize("kind", ["truncated", "drop"])
def test_a_body_cut_short_and_a_connection_dropped(stand: Stand, kind: str) -> None:
    stand.put(*[mail(f"n{n}") for n in range(30)])
    stand.control("faults", {"kind": kind, "times": 0})
    stand.service._http.http.follow_redirects = False
    with pytest.raises(BROKEN):
        stand.users.messages().list(userId="me").execute()
    with pytest.raises((*BROKEN, BatchError)):
        execute_batch(stand, [stand.users.messages().list(userId="me")] * 2)
    stand.control("faults", verb="DELETE")
    assert len(stand.list_ids()) == 30


def test_malformed_json_reaches_the_caller_of_the_real_client_as_text(stand: Stand) -> None:
    stand.control("faults", {"kind": "malformed", "method": "getProfile", "times": 2})
    assert stand.users.getProfile(userId="me").execute().endswith('"}{')
    [(body, error)] = execute_batch(stand, [stand.users.getProfile(userId="me")]).values()
    assert body.endswith('"}{')
    assert error is None
    assert stand.now()


def test_a_lost_answer_comes_before_or_after_the_deed(stand: Stand) -> None:
    [put] = stand.put(mail())
    star = {"userId": "me", "id": put["id"], "body": {"addLabelIds": ["STARRED"]}}
    for when, starred in (("before", False), ("after", True)):
        stand.control("faults", {"kind": "status", "method": "messages.modify", "when": when})
        refused(stand.users.messages().modify(**star))
        assert ("STARRED" in stand.labels_of(put["id"])) is starred


def test_a_message_that_is_gone(stand: Stand) -> None:
    [put] = stand.put(mail())
    stand.control("faults", {"kind": "gone", "method": "messages.get"})
    assert refused(stand.users.messages().get(userId="me", id=put["id"])).resp.status == 404
    assert stand.get(put["id"])


def test_an_empty_history_page_leads_on_and_additions_repeat(stand: Stand) -> None:
    start = stand.now()
    [put] = stand.put(mail())
    stand.control("faults", {"kind": "empty_history"})
    first = stand.history(start)
    assert set(first) == {"historyId", "nextPageToken"}
    stand.control("faults", {"kind": "repeat_history", "method": "history.list"})
    second = stand.history(start, pageToken=first["nextPageToken"])
    added = [item["message"]["id"] for record in second["history"] for item in record["messagesAdded"]]
    assert added == [put["id"]] * 3
    assert len(stand.history(start)["history"]) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_request_hangs_until_it_is_released(stand: Stand, when: str) -> None:
    [put] = stand.put(mail())
    stand.control("faults", {"kind": "hang", "method": "messages.modify", "seconds": 30, "when": when})
    body = {"addLabelIds": ["STARRED"]}
    answers: list[Any] = []
    request = stand.connect().users().messages().modify(userId="me", id=put["id"], body=body)
    thread = threading.Thread(target=lambda: answers.append(request.execute()))
    thread.start()
    wait_for(lambda: stand.control("faults")["holding"] == 1)
    assert ("STARRED" in stand.labels_of(put["id"])) is (when == "after")
    assert answers == []
    assert stand.control("faults/release", {}) == {"released": 1}
    thread.join(5)
    assert "STARRED" in answers[0]["labelIds"]


def test_a_client_killed_while_it_hangs_before_the_deed_has_done_nothing(stand: Stand) -> None:
    [put] = stand.put(mail())
    stand.control("faults", {"kind": "hang", "method": "messages.trash"})
    request = (
        f"POST /gmail/v1/users/me/messages/{put['id']}/trash HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
    )
    with socket.create_connection(("127.0.0.1", stand.server.port)) as client:
        client.sendall(f"{request}Authorization: Bearer token-{ME}\r\n\r\n".encode())
        wait_for(lambda: stand.control("faults")["holding"] == 1)
    stand.control("faults/release", {})
    wait_for(lambda: "gmail.users.messages.trash" in stand.control("stats")["methods"])
    assert "TRASH" not in stand.labels_of(put["id"])


def test_a_hang_ends_by_itself(stand: Stand) -> None:
    stand.control("faults", {"kind": "hang", "seconds": 0.1})
    begun = time.monotonic()
    assert stand.now()
    assert time.monotonic() - begun >= 0.1


def test_state_survives_a_restart(tmp_path: Path) -> None:
    state = str(tmp_path / "gmail.sqlite")
    with demo.gmail.serve(state) as first:
        stand = Stand(first)
        stand.put(mail("kept"), labels=["INBOX", "Mine"])
        stand.control("clock", {"advance": 500})
        before, history = stand.control("box/snapshot"), stand.now()
    with demo.gmail.serve(state) as second:
        assert second.control(f"mailboxes/{ME}/snapshot") == before
        assert second.control("health")["now"] > time.time() + 400
        assert second.control("mailboxes", {"address": ME})["created"] is False
        stand.server = second
        stand.users = stand.connect().users()
        assert stand.now() == history


def start(*arguments: str) -> subprocess.Popen[str]:
    """The stand-in as a process."""
    command = [sys.executable, "-m", "demo.gmail", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def listening(process_id: int) -> set[str]:
    """The addresses on which a process accepts connections, as the kernel names them."""
    own = {os.readlink(f"/proc/{process_id}/fd/{name}") for name in os.listdir(f"/proc/{process_id}/fd")}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            parts = line.split()
            if parts[3] == "0A" and f"socket:[{parts[9]}]" in own:
                found.add(parts[1].split(":")[0])
    return found


def test_the_process_serves_on_loopback_refuses_a_busy_port_and_ends_cleanly(tmp_path: Path) -> None:
    process = start("--port", "0", "--state", str(tmp_path / "gmail.sqlite"))
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split(" on ")[1].strip()
        call_control(url, "mailboxes", {"address": ME})
        assert listening(process.pid) == {"0100007F"}
        second = start("--port", url.rsplit(":", 1)[1])
        output, error = second.communicate(timeout=20)
        assert (second.returncode, output, error.count("\n")) == (2, "", 1)
        assert "already in use" in error
        assert "--port" in error
        call_control(url, "faults", {"kind": "hang"})
        with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))) as client:
            client.sendall(b"GET /gmail/v1/users/me/profile HTTP/1.1\r\nHost: x\r\n\r\n")
            wait_for(lambda: call_control(url, "faults")["holding"] == 1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.communicate()
