"""A stand-in for X with a brand, two customers, and clients of two kinds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
import tweepy
from requests.adapters import HTTPAdapter

import demo.x
from demo.common.serving import Server

KEYS = {"consumer_key": "ck", "consumer_secret": "cs&1", "token": "tk", "token_secret": "ts/2"}


class Rewrite(HTTPAdapter):
    """Sends what is meant for api.twitter.com to the stand-in."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        request.url = f"{self.url}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        return super().send(request, *args, **options)


class World:
    """A running stand-in and how to talk to it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.control("reset")
        self.session = requests.Session()
        self.session.trust_env = False
        self.control(
            "users", handle="volmera", name="Volmera", tokens=["user"], app_tokens=["app"], oauth1=KEYS
        )
        self.control("users", handle="lena", name="Lena", tokens=["lena-user"])
        users = {user["handle"]: user["id"] for user in server.control("users")["users"]}
        self.us, self.lena = users["volmera"], users["lena"]

    def control(self, path: str, **body: Any) -> Any:
        """A control request with a body."""
        return self.server.control(path, body)

    def deliver(self, *posts: dict[str, Any]) -> list[str]:
        """Deliver posts; the ids."""
        ids: list[str] = self.control("deliver", posts=list(posts))["ids"]
        return ids

    def get(self, path: str, token: str | None = "app", **params: Any) -> requests.Response:
        """GET /2/<path>; an underscore in a parameter's name stands for the dot of `tweet.fields`."""
        named = {name.replace("_fields", ".fields"): value for name, value in params.items()}
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self.session.get(f"{self.server.url}/2/{path}", params=named, headers=headers, timeout=10)

    def post(self, body: Any, token: str = "user") -> requests.Response:
        """POST /2/tweets"""
        headers = {"Authorization": f"Bearer {token}"}
        return self.session.post(f"{self.server.url}/2/tweets", json=body, headers=headers, timeout=10)

    def client(self, **options: Any) -> tweepy.Client:
        """A real tweepy client whose requests arrive here."""
        client = tweepy.Client(**(options or {"bearer_token": "app"}))
        client.session.trust_env = False
        client.session.mount("https://", Rewrite(self.server.url))
        return client

    def stats(self) -> dict[str, Any]:
        """What was asked and what it cost."""
        stats: dict[str, Any] = self.server.control("stats")
        return stats


@contextmanager
def new_world(server: Server) -> Iterator[World]:
    """A world that begins empty on a server that tests share."""
    world = World(server)
    with world.session:
        yield world


@contextmanager
def open_world() -> Iterator[World]:
    """A world on a server of its own."""
    with demo.x.serve() as server, new_world(server) as world:
        yield world


def ago(**span: float) -> str:
    """A moment before now, as the API writes it."""
    return (datetime.now(UTC) - timedelta(**span)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def message(response: requests.Response) -> str:
    """The first message of a 400."""
    assert response.status_code == 400, response.text
    body = response.json()
    assert body["title"] == "Invalid Request"
    assert body["type"].endswith("/2/problems/invalid-request")
    text: str = body["errors"][0]["message"]
    return text
