"""The X stand-in: recent search and counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.demo.x_world import World, ago, message, open_world

POSTS = [
    {
        "id": "brand",
        "author": "volmera",
        "text": "Stop using the Duo 7 now. Details: https://volmera.example/duo7 #Volmera",
    },
    {"id": "hurt", "author": "lena", "text": "The lock broke, my hand is cut #Duo7 @volmera"},
    {"id": "reply", "author": "omar", "text": "is my batch concerned?", "reply_to": "brand"},
    {"id": "french", "author": "zoe", "text": "La tête est tombée #RappelVolmera", "lang": "fr"},
    {"id": "quote", "author": "omar", "text": "Details would be nice #Volmera", "quotes": "brand"},
    {"id": "rt", "author": "zoe", "retweets": "hurt"},
    {"id": "other", "author": "max", "text": "I like coca-cola 🧈 and #Duo77"},
]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_world() as opened:
        opened.deliver(*({**post, "created_at": ago(minutes=60 - n)} for n, post in enumerate(POSTS)))
        yield opened


def found(world: World, query: str) -> set[str]:
    response = world.get("tweets/search/recent", query=query, max_results=100)
    assert response.status_code == 200, response.text
    labels = {post["id"]: post["label"] for post in world.server.control("snapshot")["posts"]}
    return {labels[post["id"]] for post in response.json().get("data", [])}


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ("lock", {"hurt", "rt"}),
        ("LOCK cut", {"hurt", "rt"}),
        ("loc", set()),
        ('"hand is cut"', {"hurt", "rt"}),
        ('"cut hand"', set()),
        ("coca-cola", {"other"}),
        ("🧈", {"other"}),
        ("#duo7", {"hurt", "rt"}),
        ("#Duo7 OR #RappelVolmera", {"hurt", "rt", "french"}),
        ("#Duo7 -is:retweet", {"hurt"}),
        ("@volmera -is:retweet", {"hurt", "reply"}),
        ("from:omar", {"reply", "quote"}),
        ("from:omar is:quote", {"quote"}),
        ("from:omar -is:quote", {"reply"}),
        ("to:volmera", {"reply"}),
        ("from:omar is:reply", {"reply"}),
        ("retweets_of:lena", {"rt"}),
        ("#RappelVolmera lang:fr", {"french"}),
        ("#RappelVolmera lang:en", set()),
        ("#Volmera has:links", {"brand"}),
        ('url:"volmera.example/duo7"', {"brand"}),
        ("url:volmera", {"brand"}),
        ("url:duo", set()),
        ("details (from:volmera OR from:omar)", {"brand", "quote"}),
        ("details OR lock from:lena", {"brand", "quote", "hurt"}),
        ("#Volmera -(has:links OR lang:fr)", {"quote"}),
        ("(#Duo7 OR #Volmera) -from:volmera -is:retweet", {"hurt", "quote"}),
    ],
)
def test_operators(world: World, query: str, labels: set[str]) -> None:
    assert found(world, query) == labels


def test_a_conversation_is_found_by_its_id(world: World) -> None:
    brand = world.get("tweets/search/recent", query="from:volmera").json()["data"][0]["id"]
    assert found(world, f"conversation_id:{brand}") == {"brand", "reply"}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("is:polls a", "Reference to invalid operator 'is:polls'."),
        ("since:2026-01-01 a", "Reference to invalid operator 'since'."),
        ("context:1.2", "Reference to invalid operator 'context'."),
        ("$twtr", "Reference to invalid operator 'cashtag'."),
        ("is:retweet", "is/has/lang cannot be used as a standalone operator (at position 1)"),
        ("#a OR has:links", "is/has/lang cannot be used as a standalone operator (at position 7)"),
        ("-lock", "Rules must contain at least one positive, non-stopword clause"),
        ("(lock OR hand", "missing ')' at '<EOF>' (at position 14)"),
        ("lock)", "missing EOF at ')' (at position 5)"),
        ("lock OR", "no viable alternative at input '<EOF>' (at position 8)"),
        ("lock AND hand", "Ambiguous use of and as a keyword."),
        ("[lock]", "no viable alternative at input '[' (at position 1)"),
        ("'lock'", "no viable alternative at character ''' (at position 1)"),
        ("from:", "no viable alternative at input 'from:' (at position 1)"),
        ("x" * 513, "Rule length exceeds the maximum of 512 characters"),
    ],
)
def test_a_query_that_x_would_refuse_is_refused(world: World, query: str, said: str) -> None:
    text = message(world.get("tweets/search/recent", query=query))
    assert text.startswith("There were errors processing your request: ")
    assert said in text


def test_512_characters_are_still_served(world: World) -> None:
    query = " OR ".join(["lock", "x" * (512 - 8)])
    assert len(query) == 512
    assert found(world, query) == {"hurt", "rt"}


def test_tweepy_pages_through_a_search(world: World) -> None:
    world.deliver(
        *({"author": "sam", "text": f"paging {n}", "created_at": ago(seconds=60 - n)} for n in range(25))
    )
    client = world.client()
    first = client.search_recent_tweets("paging", max_results=10)
    second = client.search_recent_tweets("paging", max_results=10, next_token=first.meta["next_token"])
    third = client.search_recent_tweets("paging", max_results=10, next_token=second.meta["next_token"])
    texts = [post.text for page in (first, second, third) for post in page.data]
    assert texts == [f"paging {n}" for n in reversed(range(25))]
    assert "next_token" not in third.meta
    other = world.get("tweets/search/recent", query="lock", next_token=first.meta["next_token"])
    assert "is not valid" in message(other)


def test_search_reaches_seven_days(world: World) -> None:
    old, young = world.deliver(
        {"author": "sam", "text": "weekold post", "created_at": ago(days=7, hours=1)},
        {"author": "sam", "text": "weekold post too", "created_at": ago(days=6, hours=23)},
    )
    body = world.get("tweets/search/recent", query="weekold").json()
    assert [post["id"] for post in body["data"]] == [young]
    text = message(world.get("tweets/search/recent", query="weekold", since_id=old))
    said = r"'since_id' must be a tweet id created after (\S+Z)\. Please use a 'since_id' that is larger than (\d+)"
    match = re.fullmatch(said, text)
    assert match
    assert datetime.fromisoformat(match[1]) == (datetime.now(UTC) - timedelta(days=7)).replace(
        second=0, microsecond=0
    )
    accepted = world.get("tweets/search/recent", query="weekold", since_id=match[2])
    assert [post["id"] for post in accepted.json()["data"]] == [young]
    early = world.get("tweets/search/recent", query="weekold", start_time=ago(days=8))
    assert "'start_time' must be on or after" in message(early)


def test_bounds_of_a_search(world: World) -> None:
    ids = world.deliver(
        *({"author": "sam", "text": "bounded", "created_at": ago(minutes=m)} for m in (3, 2, 1))
    )

    def listed(**bounds: str) -> list[str]:
        body = world.get("tweets/search/recent", query="bounded", **bounds).json()
        return [post["id"] for post in body.get("data", [])][::-1]

    assert listed(since_id=ids[0]) == ids[1:]
    assert listed(until_id=ids[2]) == ids[:2]
    assert listed(start_time=ago(minutes=2.5), end_time=ago(minutes=1.5)) == ids[1:2]
    mixed = world.get("tweets/search/recent", query="bounded", since_id=ids[0], end_time=ago(minutes=1))
    assert message(mixed).startswith("Invalid use of 'since_id' or 'until_id' in conjunction with")
    late = world.get("tweets/search/recent", query="bounded", end_time=ago(seconds=5))
    assert message(late).endswith("'end_time' must be a minimum of 10 seconds prior to the request time.")
    swapped = world.get("tweets/search/recent", query="a", start_time=ago(minutes=1), end_time=ago(minutes=2))
    assert message(swapped).startswith("Invalid time range")


def test_results_can_lag_behind(world: World) -> None:
    world.deliver({"author": "sam", "text": "laggard"})
    assert world.get("tweets/search/recent", query="laggard").json()["meta"]["result_count"] == 1
    world.control("settings", search_lag=30)
    try:
        assert world.get("tweets/search/recent", query="laggard").json() == {"meta": {"result_count": 0}}
    finally:
        world.control("settings", search_lag=0)


def test_counts_cover_the_window_without_gaps(world: World) -> None:
    world.deliver(
        *({"author": "sam", "text": "counted", "created_at": ago(hours=h)} for h in (50, 26, 26, 2))
    )
    body = world.get("tweets/counts/recent", query="counted", granularity="day").json()
    counts = [bucket["tweet_count"] for bucket in body["data"]]
    assert body["meta"] == {"total_tweet_count": 4}
    assert sum(counts) == 4
    assert len(counts) == 8
    ends = [bucket["end"] for bucket in body["data"]]
    assert [bucket["start"] for bucket in body["data"]][1:] == ends[:-1]
    hours = world.client().get_recent_tweets_count("counted", start_time=ago(hours=3))
    assert sum(bucket["tweet_count"] for bucket in hours.data) == 1
