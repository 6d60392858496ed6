"""The X stand-in: rate limits and what reading costs."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import tweepy

import demo.x
from demo.common.serving import Server
from tests.demo.test_x_standin import mention
from tests.demo.x_world import World, new_world


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with demo.x.serve() as running:
        yield running


@pytest.fixture
def world(server: Server) -> Iterator[World]:
    with new_world(server) as opened:
        yield opened


def test_limits_are_counted_by_app_and_by_user(world: World) -> None:
    app = world.get(f"users/{world.us}/mentions").headers
    user = world.get(f"users/{world.us}/mentions", token="user").headers
    assert (app["x-rate-limit-limit"], user["x-rate-limit-limit"]) == ("450", "300")
    assert (app["x-rate-limit-remaining"], user["x-rate-limit-remaining"]) == ("449", "299")
    world.control("limits", endpoint="users.mentions", app=2)
    world.get(f"users/{world.us}/mentions")
    response = world.get(f"users/{world.us}/mentions")
    assert response.status_code == 429
    assert response.json()["title"] == "Too Many Requests"
    assert response.headers["x-rate-limit-remaining"] == "0"
    assert 0 < int(response.headers["x-rate-limit-reset"]) - time.time() <= 900
    with pytest.raises(tweepy.TooManyRequests) as caught:
        world.client().get_users_mentions(world.us)
    assert caught.value.reset_time == int(response.headers["x-rate-limit-reset"])
    assert world.get(f"users/{world.us}/mentions", token="user").status_code == 200
    world.control("clock", advance=901)
    assert world.get(f"users/{world.us}/mentions").headers["x-rate-limit-remaining"] == "1"


def test_a_refused_request_counts_against_the_limit(world: World) -> None:
    world.get("tweets/1", foo="1")
    assert world.get("tweets/1").headers["x-rate-limit-remaining"] == "448"


def test_cost_follows_the_price_list_and_a_day_bills_once(world: World) -> None:
    ids = world.deliver(mention("one", 3), mention("two", 2), {"author": "lena", "text": "no mention #Duo7"})
    world.get(f"users/{world.us}/mentions")
    assert world.stats()["cost_usd"] == pytest.approx(0.002)
    world.get(f"users/{world.us}/mentions")
    world.get("tweets", ids=",".join(ids))
    assert world.stats()["cost_usd"] == pytest.approx(0.007)
    world.get(f"users/{world.lena}")
    world.get("tweets/counts/recent", query="#Duo7")
    world.post({"text": "We are sorry"})
    world.post({"text": "Read volmera.example/duo7"})
    stats = world.stats()
    assert stats["cost"] == pytest.approx(
        {
            "mention": 0.002,
            "post": 0.005,
            "user": 0.01,
            "counts": 0.005,
            "create": 0.015,
            "create_with_url": 0.2,
        }
    )
    assert stats["posts_read"] == 7
    world.control("clock", advance=86_400)
    world.get(f"users/{world.us}/mentions")
    assert world.stats()["billed"]["mention"] == 4


def test_expansions_are_billed_unless_told_otherwise(world: World) -> None:
    world.deliver(mention("one"))
    world.control("settings", bill_expansions="no")
    world.get(f"users/{world.us}/mentions", expansions="author_id")
    assert world.stats()["cost_usd"] == pytest.approx(0.001)
    world.control("settings", bill_expansions="yes")
    world.get(f"users/{world.us}/mentions", expansions="author_id")
    assert world.stats()["cost_usd"] == pytest.approx(0.011)


def test_mentions_of_somebody_else_cost_as_posts(world: World) -> None:
    world.deliver({"author": "omar", "text": "@lena hello"})
    world.get(f"users/{world.lena}/mentions")
    assert world.stats()["billed"] == {"post": 1}
