"""The X stand-in: posting, faults, restart, and the process itself."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
import tweepy

import demo.x
from demo.common.serving import ControlFailed, Server, call_control
from tests.demo.x_world import World, ago, new_world, open_world


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with demo.x.serve() as running:
        yield running


@pytest.fixture
def world(server: Server) -> Iterator[World]:
    with new_world(server) as opened:
        yield opened


def answer(world: World, text: str, to: str, **more: Any) -> requests.Response:
    return world.post({"text": text, "reply": {"in_reply_to_tweet_id": to}, **more})


def test_a_summoned_reply_is_posted_and_threaded(world: World) -> None:
    (asked,) = world.deliver({"author": "lena", "text": "@volmera it broke", "created_at": ago(minutes=5)})
    posted = world.client(bearer_token="user").create_tweet(
        text="So sorry, write to us", in_reply_to_tweet_id=asked, user_auth=False
    )
    assert posted.data["text"] == "@lena So sorry, write to us"
    fields = "conversation_id,in_reply_to_user_id,author_id,display_text_range"
    post = world.get(f"tweets/{posted.data['id']}", tweet_fields=fields).json()["data"]
    assert (post["conversation_id"], post["in_reply_to_user_id"], post["author_id"]) == (
        asked,
        world.lena,
        world.us,
    )
    assert post["display_text_range"] == [6, 27]


def test_a_reply_nobody_asked_for_is_refused(world: World) -> None:
    bystander, quoted, quoting, root, mentioned, later = world.deliver(
        {"author": "lena", "text": "my #Duo7 broke"},
        {"author": "volmera", "text": "Statement", "id": "statement"},
        {"author": "lena", "text": "not enough", "quotes": "statement"},
        {"author": "omar", "text": "what a mess", "id": "mess"},
        {"author": "omar", "text": "@volmera answer us", "reply_to": "mess", "id": "call"},
        {"author": "omar", "text": "still waiting", "reply_to": "call"},
    )
    refused = answer(world, "Can we help?", bystander)
    assert refused.status_code == 403
    assert "you have not been mentioned or otherwise engaged by the author" in refused.json()["detail"]
    for number, target in enumerate((quoting, root, mentioned, later, quoted)):
        assert answer(world, f"Can we help? {number}", target).status_code == 201
    world.control("settings", reply_policy="open")
    assert answer(world, "Can we help?", bystander).status_code == 201


def test_the_same_text_twice_is_refused_but_to_two_people_is_not(world: World) -> None:
    first, second = world.deliver(
        {"author": "lena", "text": "@volmera help"}, {"author": "omar", "text": "@volmera help me"}
    )
    assert answer(world, "On our way", first).status_code == 201
    again = answer(world, "On our way", first)
    assert (again.status_code, again.json()["detail"]) == (
        403,
        "You are not allowed to create a Tweet with duplicate content.",
    )
    assert answer(world, "On our way", second).status_code == 201


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("x" * 280, 201),
        ("x" * 281, 403),
        ("é" * 280, 201),
        ("語" * 140, 201),
        ("語" * 141, 403),
        ("x" * 256 + " https://volmera.example/" + "y" * 200, 201),
        ("x" * 257 + " https://volmera.example/y", 403),
    ],
)
def test_length_is_weighted(world: World, text: str, status: int) -> None:
    assert world.post({"text": text}).status_code == status


def test_a_body_that_x_does_not_know_is_refused(world: World) -> None:
    for body, said in (
        ({"text": "a", "foo": 1}, "[$.foo: is not defined in the schema"),
        ({}, "[$.text: is missing"),
        ({"text": 5}, "[$.text: int found, str expected]"),
        ({"text": "a", "reply": {}}, "[$.reply.in_reply_to_tweet_id: is missing"),
        ([], "[$: list found, object expected]"),
    ):
        response = world.post(body)
        assert response.status_code == 400
        assert said in response.json()["errors"][0]["message"]


def test_a_reply_to_what_is_gone_is_refused(world: World) -> None:
    (gone,) = world.deliver({"author": "lena", "text": "@volmera hi", "id": "gone"})
    world.control("delete", id="gone")
    assert "deleted or not visible" in answer(world, "hello", gone).json()["detail"]


def test_only_our_own_posts_can_be_deleted(world: World) -> None:
    (theirs,) = world.deliver({"author": "lena", "text": "@volmera hi"})
    client = world.client(bearer_token="user")
    ours = client.create_tweet(text="oops", user_auth=False).data["id"]
    assert client.delete_tweet(ours, user_auth=False).data == {"deleted": True}
    assert client.get_tweet(ours).data is None
    with pytest.raises(tweepy.Forbidden):
        client.delete_tweet(theirs, user_auth=False)
    with pytest.raises(tweepy.NotFound):
        client.delete_tweet(ours, user_auth=False)


def test_delivery_is_idempotent_by_label_and_all_or_nothing(world: World) -> None:
    post = {"id": "one", "author": "lena", "text": "@volmera hi", "created_at": ago(minutes=1)}
    assert world.deliver(post) == world.deliver(post)
    before = world.server.control("snapshot")
    with pytest.raises(ControlFailed, match="There is no post 'nowhere'"):
        world.deliver({"author": "new", "text": "hi"}, {"author": "new", "text": "re", "reply_to": "nowhere"})
    assert world.server.control("snapshot") == before
    assert world.get("users/by/username/new").json()["errors"]


def test_ids_are_the_same_for_the_same_delivery() -> None:
    posts = [
        {"id": str(n), "author": "lena", "text": f"@volmera {n}", "created_at": "2026-11-20T10:00:00Z"}
        for n in range(3)
    ]
    snapshots = []
    for _ in range(2):
        with open_world() as world:
            ids = world.deliver(*posts)
            assert ids == sorted(set(ids), key=int)
            snapshots.append(world.server.control("snapshot"))
    assert snapshots[0] == snapshots[1]


def test_a_post_dated_ahead_appears_when_its_time_comes(world: World) -> None:
    world.deliver({"author": "lena", "text": "@volmera later", "created_at": ago(minutes=-10)})
    path = f"users/{world.us}/mentions"
    assert world.get(path).json()["meta"]["result_count"] == 0
    world.control("clock", advance=601)
    assert world.get(path).json()["meta"]["result_count"] == 1


@pytest.mark.parametrize("status", [500, 503])
def test_fault_status(world: World, status: int) -> None:
    world.control("faults", kind="status", method="users.mentions", status=status, times=2)
    for _ in range(2):
        with pytest.raises(tweepy.TwitterServerError):
            world.client().get_users_mentions(world.us)
    assert world.get(f"users/{world.us}/mentions").status_code == 200
    assert world.stats()["errors"] == {str(status): 2}


def test_fault_429_with_and_without_reset(world: World) -> None:
    world.control("faults", kind="rate_limit", seconds=120)
    world.control("faults", kind="status", status=429)
    with pytest.raises(tweepy.TooManyRequests) as first:
        world.client().get_tweet(1)
    with pytest.raises(tweepy.TooManyRequests) as second:
        world.client().get_tweet(1)
    assert first.value.reset_time is not None
    assert second.value.reset_time is None


@pytest.mark.parametrize("kind", ["truncated", "malformed", "drop"])
def test_faults_that_spoil_the_body(world: World, kind: str) -> None:
    world.deliver({"author": "lena", "text": "@volmera hi"})
    world.control("faults", kind=kind)
    with pytest.raises(
        (requests.ConnectionError, requests.exceptions.ChunkedEncodingError, requests.JSONDecodeError)
    ):
        world.get(f"users/{world.us}/mentions").json()
    assert world.get(f"users/{world.us}/mentions").json()["meta"]["result_count"] == 1


def test_fault_after_the_work_leaves_the_post_behind(world: World) -> None:
    world.control("faults", kind="drop", when="after", method="tweets.create")
    with pytest.raises(requests.ConnectionError):
        world.post({"text": "did it arrive?"})
    assert [p["text"] for p in world.get(f"users/{world.us}/tweets").json()["data"]] == ["did it arrive?"]
    assert world.post({"text": "did it arrive?"}).status_code == 403


def test_fault_hang_until_released(world: World) -> None:
    world.control("faults", kind="hang", method="users.mentions")
    answers: list[int] = []
    waiting = threading.Thread(
        target=lambda: answers.append(world.get(f"users/{world.us}/mentions").status_code)
    )
    waiting.start()
    while world.server.control("faults")["holding"] == 0:
        pass
    assert not answers
    world.control("faults/release")
    waiting.join(10)
    assert answers == [200]


def test_fault_empty_last_page(world: World) -> None:
    world.deliver({"author": "lena", "text": "@volmera hi"})
    world.control("faults", kind="empty_page", method="users.mentions")
    first = world.get(f"users/{world.us}/mentions").json()
    assert first["meta"]["result_count"] == 1
    last = world.get(f"users/{world.us}/mentions", pagination_token=first["meta"]["next_token"]).json()
    assert last == {"meta": {"result_count": 0}}


def test_credits_run_out(world: World) -> None:
    world.deliver({"author": "lena", "text": "@volmera hi"})
    world.control("credits", dollars=0.001)
    assert world.get(f"users/{world.us}/mentions").status_code == 200
    depleted = world.get(f"users/{world.us}/mentions")
    assert (depleted.status_code, depleted.json()["title"]) == (402, "CreditsDepleted")
    with pytest.raises(tweepy.HTTPException):
        world.client().get_users_mentions(world.us)
    world.control("credits", dollars=None)
    world.control("faults", kind="credits", status=403)
    assert world.get(f"users/{world.us}/mentions").status_code == 403
    assert world.get(f"users/{world.us}/mentions").status_code == 200


def test_control_requests_are_strict(world: World) -> None:
    for path, body, said in (
        ("deliver", {"posts": [{"author": "a", "text": "b", "color": "red"}]}, "unknown fields 'color'"),
        ("deliver", {"posts": [{"author": "not a handle", "text": "b"}]}, "is not one"),
        ("deliver", {"posts": [{"author": "a", "text": " "}]}, "needs a text"),
        ("deliver", {"posts": [{"author": "a", "text": "b", "created_at": "soon"}]}, "is not ISO 8601"),
        ("faults", {"kind": "fire"}, "must be one of"),
        ("limits", {"endpoint": "nothing"}, "There is no endpoint"),
        ("nothing", {}, "There is no control request"),
    ):
        with pytest.raises(ControlFailed, match=said):
            world.server.control(path, body)


def test_state_survives_a_restart(tmp_path: Path) -> None:
    state = str(tmp_path / "x.sqlite")
    with demo.x.serve(state) as server, new_world(server) as world:
        world.deliver({"id": "a", "author": "lena", "text": "@volmera hi"})
        world.get(f"users/{world.us}/mentions")
        world.control("clock", advance=3600)
        world.control("edit", id="a", text="@volmera hello")
        us, before, stats = world.us, server.control("snapshot"), world.stats()
    with demo.x.serve(state) as server:
        assert server.control("snapshot") == before
        assert server.control("stats") == stats
        assert stats["cost_usd"] == 0.001
        headers = {"Authorization": "Bearer app"}
        answer = requests.get(f"{server.url}/2/users/{us}/mentions", headers=headers, timeout=10)
        assert answer.json()["data"][0]["text"] == "@volmera hello"
        again = server.control("deliver", {"posts": [{"id": "a", "author": "lena", "text": "@volmera hi"}]})
        assert again["ids"] == [before["posts"][1]["id"]]


def start(port: int, state: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "demo.x", "--port", str(port), "--state", str(state)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )


def test_the_process_listens_on_loopback_keeps_its_state_and_ends_on_sigterm(tmp_path: Path) -> None:
    state = tmp_path / "x.sqlite"
    process = start(0, state)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split(" on ")[1].strip()
        listening = [
            c.laddr.ip
            for c in psutil.Process(process.pid).net_connections()
            if c.status == psutil.CONN_LISTEN
        ]
        assert listening == ["127.0.0.1"]
        call_control(url, "users", {"handle": "volmera"})
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    with demo.x.serve(str(state)) as server:
        assert [user["handle"] for user in server.control("users")["users"]] == ["volmera"]


def test_a_busy_port_is_said_with_the_mend(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start(taken.getsockname()[1], tmp_path / "x.sqlite")
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "already in use" in errors
    assert "--port" in errors
    assert len(errors.splitlines()) == 1
