"""The stand-ins of Bluesky and Mastodon: as strict as the services, spoiled on demand, and gone at the end."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import requests

import demo.bluesky
import demo.mastodon
from demo.common.serving import ControlFailed, Server

NOTICES = {"bluesky": "/xrpc/app.bsky.notification.listNotifications", "mastodon": "/api/v1/notifications"}


class Client:
    """Somebody who asks one of them, let in."""

    def __init__(self, name: str, server: Server) -> None:
        self.name, self.server = name, server
        self.session = requests.Session()
        self.session.trust_env = False
        server.control("reset", {})
        if name == "bluesky":
            server.control("accounts", {"handle": "us.example", "password": "p"})
            self.tokens = self.log_in().json()
            self.use(self.tokens["accessJwt"])
        else:
            server.control("accounts", {"acct": "us", "token": "t"})
            self.use("t")

    def use(self, token: str) -> None:
        self.session.headers["Authorization"] = f"Bearer {token}"

    def log_in(self, **changes: str) -> requests.Response:
        body = {"identifier": "us.example", "password": "p", **changes}
        url = f"{self.server.url}/xrpc/com.atproto.server.createSession"
        return self.session.post(url, json=body, timeout=10)

    def get(self, path: str = "", **params: Any) -> requests.Response:
        return self.session.get(self.server.url + (path or NOTICES[self.name]), params=params, timeout=10)

    def deliver(self, count: int) -> None:
        us, kind = ("us.example", "posts") if self.name == "bluesky" else ("us", "statuses")
        author = "ada.example" if self.name == "bluesky" else "ada"
        self.server.control(
            "deliver", {kind: [{"author": author, "text": f"@{us} {n}"} for n in range(count)]}
        )


@pytest.fixture(scope="module", params=["bluesky", "mastodon"])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[str, Server]]:
    with {"bluesky": demo.bluesky, "mastodon": demo.mastodon}[request.param].serve() as running:
        yield request.param, running


@pytest.fixture
def client(served: tuple[str, Server]) -> Client:
    return Client(*served)


@pytest.fixture
def bluesky() -> Iterator[Client]:
    with demo.bluesky.serve() as running:
        yield Client("bluesky", running)


@pytest.fixture
def mastodon() -> Iterator[Client]:
    with demo.mastodon.serve() as running:
        yield Client("mastodon", running)


def test_an_unknown_parameter_method_or_path_is_refused(client: Client) -> None:
    assert client.get(colour="red").status_code == 400
    assert client.get("/api/v1/nothing").status_code == 404
    assert client.session.put(client.server.url + NOTICES[client.name], timeout=10).status_code == 404


def test_nobody_reads_without_a_token(client: Client) -> None:
    del client.session.headers["Authorization"]
    assert client.get().status_code == 401


@pytest.mark.parametrize(
    ("rule", "status"),
    [({"kind": "status", "status": 503}, 503), ({"kind": "rate_limit", "seconds": 9}, 429)],
)
def test_a_fault_strikes_as_often_as_it_is_told_and_is_counted(
    client: Client, rule: dict[str, Any], status: int
) -> None:
    client.server.control("faults", {**rule, "skip": 1, "times": 2})
    assert [client.get().status_code for _ in range(4)] == [200, status, status, 200]
    assert client.server.control("faults")["rules"][0]["done"] == 2
    client.server.control("faults", verb="DELETE")
    assert client.server.control("faults")["rules"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("nothing", {}),
        ("accounts", {}),
        ("accounts", {"handle": 7}),
        ("faults", {"kind": "odd"}),
        ("deliver", {}),
    ],
)
def test_a_control_request_that_is_wrong_says_so(client: Client, path: str, body: dict[str, Any]) -> None:
    with pytest.raises(ControlFailed):
        client.server.control(path, body)


def test_the_limit_is_told_in_headers_and_ends_with_its_window(client: Client) -> None:
    client.server.control("limits", {"name": "all", "limit": 3})
    answers = [client.get() for _ in range(4)]
    assert answers[-1].status_code == 429
    headers = answers[-1].headers
    if client.name == "bluesky":
        reset = float(headers["ratelimit-reset"])
        assert (headers["ratelimit-remaining"], headers["ratelimit-policy"]) == ("0", "3;w=300")
    else:
        reset = datetime.fromisoformat(headers["X-RateLimit-Reset"]).timestamp()
        assert headers["X-RateLimit-Remaining"] == "0"
    assert reset > client.server.control("clock", {"advance": 301})["now"] - 302
    assert client.get().status_code == 200


def test_pages_go_down_without_gap_or_repeat(client: Client) -> None:
    client.deliver(7)
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 3}
    for _ in range(4):
        answer = client.get(**params)
        if client.name == "bluesky":
            body = answer.json()
            seen += [n["record"]["text"] for n in body["notifications"]]
            params["cursor"] = body.get("cursor")
        else:
            seen += [n["status"]["content"][-5] for n in answer.json()]
            links = requests.utils.parse_header_links(answer.headers.get("Link", ""))
            params["max_id"] = links[0]["url"].split("=")[-1] if links else None
    assert [text[-1] for text in seen] == list("6543210")


def test_bluesky_sessions_end_are_renewed_once_and_are_limited(bluesky: Client) -> None:
    assert bluesky.log_in(password="x").json()["error"] == "AuthenticationRequired"
    assert bluesky.log_in(more="x").status_code == 400
    bluesky.server.control("clock", {"advance": 7201})
    assert bluesky.get().json()["error"] == "ExpiredToken"
    bluesky.use(bluesky.tokens["refreshJwt"])
    url = f"{bluesky.server.url}/xrpc/com.atproto.server.refreshSession"
    assert bluesky.get().json()["error"] == "InvalidToken"
    assert bluesky.session.post(url, timeout=10).status_code == 200
    assert bluesky.session.post(url, timeout=10).json()["error"] == "InvalidToken"
    assert [bluesky.log_in().status_code for _ in range(31)][-1] == 429


@pytest.mark.parametrize("limit", ["0", "101", "many"])
def test_bluesky_refuses_a_limit_out_of_range(bluesky: Client, limit: str) -> None:
    assert bluesky.get(limit=limit).json()["error"] == "InvalidRequest"
    assert bluesky.get(cursor="nonsense").json()["error"] == "InvalidRequest"


def test_mastodon_lowers_a_limit_and_refuses_a_bound_that_is_no_number(mastodon: Client) -> None:
    mastodon.deliver(81)
    assert len(mastodon.get(limit=500).json()) == 80
    assert mastodon.get(max_id="x").status_code == 422


def test_mastodon_checks_scopes(mastodon: Client) -> None:
    mastodon.server.control("accounts", {"acct": "us", "token": "few", "scopes": ["read:statuses"]})
    mastodon.use("few")
    assert mastodon.get().status_code == 403
    assert mastodon.get("/api/v1/timelines/tag/volmera").status_code == 200


@pytest.mark.parametrize("name", ["bluesky", "mastodon"])
def test_the_process_answers_and_ends_cleanly(name: str) -> None:
    command = [sys.executable, "-m", f"demo.{name}", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        assert opener.open(f"{url}/control/health", timeout=10).status == 200
        process.terminate()
        assert process.wait(10) == 0
