"""Publishing at the Mastodon and Bluesky stand-ins: as strict as the services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

import demo.bluesky
import demo.mastodon
from demo.common.serving import Server


class Client:
    """A plain HTTP client with our token."""

    def __init__(self, server: Server, token: str) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {token}"

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        answer = self.session.post(self.server.url + path, json=body, headers=headers, timeout=30)
        return answer.status_code, answer.json()


@pytest.fixture(scope="module")
def mastodon() -> Iterator[Client]:
    with demo.mastodon.serve() as server:
        server.control("accounts", {"acct": "us", "token": "t"})
        yield Client(server, "t")


@pytest.fixture(scope="module")
def bluesky() -> Iterator[Client]:
    with demo.bluesky.serve() as server:
        did = server.control("accounts", {"handle": "us.example", "password": "p"})["did"]
        client = Client(server, "")
        _, made = client.post(
            "/xrpc/com.atproto.server.createSession", {"identifier": "us.example", "password": "p"}
        )
        client.session.headers["Authorization"] = f"Bearer {made['accessJwt']}"
        assert made["did"] == did
        yield client


STATUSES = "/api/v1/statuses"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"status": " "}, 422, "Text can't be blank"),
        ({"status": "a" * 501}, 422, "Text character limit of 500 exceeded"),
        ({"status": "a" * 490, "spoiler_text": "b" * 11}, 422, "limit of 500"),
        ({"status": "a", "visibility": "friends"}, 422, "Visibility is not included"),
        ({"status": "a", "language": "klingon!"}, 422, "Language"),
        ({"status": "a", "in_reply_to_id": "1"}, 404, "does not appear to exist"),
        ({"text": "a"}, 400, "no such parameter: text"),
    ],
)
def test_mastodon_refuses_in_its_words(mastodon: Client, body: Any, status: int, said: str) -> None:
    answered, error = mastodon.post(STATUSES, body)
    assert (answered, said in error["error"]) == (status, True), error


def test_mastodon_counts_links_and_far_names_short(mastodon: Client) -> None:
    link, name = "https://example.org/" + "x" * 200, "@ada@far.example"
    assert mastodon.post(STATUSES, {"status": f"{name} {link} " + "a" * (500 - 4 - 1 - 23 - 1)})[0] == 200


def test_mastodon_knows_an_idempotency_key_for_an_hour(mastodon: Client) -> None:
    body = {"status": "once"}
    first = mastodon.post(STATUSES, body, **{"Idempotency-Key": "k1"})[1]["id"]
    assert mastodon.post(STATUSES, body, **{"Idempotency-Key": "k1"})[1]["id"] == first
    assert mastodon.post(STATUSES, body, **{"Idempotency-Key": "k2"})[1]["id"] != first
    mastodon.server.control("clock", {"advance": 3601})
    assert mastodon.post(STATUSES, body, **{"Idempotency-Key": "k1"})[1]["id"] != first


def test_mastodon_wants_the_right_to_write(mastodon: Client) -> None:
    mastodon.server.control("accounts", {"acct": "us", "token": "r", "scopes": ["read:statuses"]})
    status, error = Client(mastodon.server, "r").post(STATUSES, {"status": "a"})
    assert (status, error["error"]) == (403, "This action is outside the authorized scopes")


def record(**changes: Any) -> dict[str, Any]:
    made = {"$type": "app.bsky.feed.post", "text": "Hello", "createdAt": "2026-11-23T08:00:00.000Z"}
    return {name: value for name, value in {**made, **changes}.items() if value is not None}


def put(bluesky: Client, **changes: Any) -> tuple[int, Any]:
    body = {
        "repo": "us.example",
        "collection": "app.bsky.feed.post",
        "rkey": "3lbfyz2abc2s2",
        "record": record(),
    }
    return bluesky.post("/xrpc/com.atproto.repo.putRecord", {**body, **changes})


BROKEN: dict[str, dict[str, Any]] = {
    "repo": {"repo": "somebody.example"},
    "not a TID": {"rkey": "hello"},
    "another collection": {"collection": "app.bsky.feed.like"},
    "no record": {"record": None},
    "a field that is none": {"key": "x"},
    "type": {"record": record(**{"$type": "app.bsky.feed.like"})},
    "no time": {"record": record(createdAt="today")},
    "301 graphemes": {"record": record(text="a" * 301)},
    "3001 bytes": {"record": record(text="é" * 1501)},
    "four languages": {"record": record(langs=["en", "fr", "de", "es"])},
    "half a reply": {"record": record(reply={"parent": {"uri": "at://did:plc:a/b/c", "cid": "bafy"}})},
    "facet past the end": {
        "record": record(facets=[{"index": {"byteStart": 0, "byteEnd": 99}, "features": []}])
    },
    "unknown facet": {
        "record": record(facets=[{"index": {"byteStart": 0, "byteEnd": 5}, "features": [{"$type": "x"}]}])
    },
}


@pytest.mark.parametrize("fault", BROKEN)
def test_bluesky_takes_no_broken_record(bluesky: Client, fault: str) -> None:
    status, error = put(bluesky, **BROKEN[fault])
    assert status in (400, 401), error
    assert error["message"]


def test_bluesky_keeps_one_record_under_one_key(bluesky: Client) -> None:
    first = put(bluesky)
    assert first[0] == 200
    assert put(bluesky, record=record(text="Again"))[1]["uri"] == first[1]["uri"]
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 100
    assert put(bluesky, record=record(text=family))[0] == 200
    assert bluesky.server.control("written", {"author": "us.example"})["texts"] == [family]
