"""The X stand-in: reading, fields, pages, authentication."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import tweepy

import demo.x
from demo.common.serving import Server
from tests.demo.x_world import KEYS, World, ago, message, new_world

SNOWFLAKE_EPOCH = 1288834974657


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with demo.x.serve() as running:
        yield running


@pytest.fixture
def world(server: Server) -> Iterator[World]:
    with new_world(server) as opened:
        yield opened


def mention(text: str, minutes: float = 5, author: str = "lena", **more: object) -> dict[str, object]:
    return {"author": author, "text": f"@volmera {text}", "created_at": ago(minutes=minutes), **more}


def test_a_tweepy_client_reads_mentions_with_everything_asked_for(world: World) -> None:
    brand, first = world.deliver(
        {"author": "volmera", "text": "New mixer", "created_at": ago(hours=2), "id": "brand"},
        mention("la tête de mon mixeur est tombée", reply_to="brand", lang="fr"),
    )
    page = world.client().get_users_mentions(
        world.us,
        max_results=100,
        tweet_fields=[
            "created_at",
            "conversation_id",
            "referenced_tweets",
            "in_reply_to_user_id",
            "lang",
            "author_id",
        ],
        expansions=["author_id", "referenced_tweets.id", "in_reply_to_user_id"],
        user_fields=["verified"],
    )
    (post,) = page.data
    assert str(post.id) == first
    assert str(post.conversation_id) == brand
    assert str(post.in_reply_to_user_id) == world.us
    assert [(item.type, str(item.id)) for item in post.referenced_tweets] == [("replied_to", brand)]
    assert post.lang == "fr"
    assert post.created_at == datetime.fromtimestamp(((post.id >> 22) + SNOWFLAKE_EPOCH) / 1000, UTC)
    assert {user.username for user in page.includes["users"]} == {"lena", "volmera"}
    assert [str(tweet.id) for tweet in page.includes["tweets"]] == [brand]
    assert page.meta == {"newest_id": first, "oldest_id": first, "result_count": 1}


def test_only_the_fields_asked_for_are_given(world: World) -> None:
    (post_id,) = world.deliver(mention("hello #Duo7"))
    bare = world.get(f"tweets/{post_id}").json()["data"]
    assert bare == {"id": post_id, "text": "@volmera hello #Duo7", "edit_history_tweet_ids": [post_id]}
    asked = world.get(f"tweets/{post_id}", tweet_fields="entities,author_id").json()["data"]
    assert set(asked) == {*bare, "entities", "author_id"}
    user = world.get(f"users/{world.lena}").json()["data"]
    assert user == {"id": world.lena, "name": "Lena", "username": "lena"}
    assert "created_at" in world.get(f"users/{world.lena}", user_fields="created_at").json()["data"]


def test_text_is_escaped_links_are_shortened_and_positions_fit(world: World) -> None:
    (post_id,) = world.deliver(
        mention('2 < 3 & "so" see https://volmera.example/duo7?batch=1, or volmera.example #Duo7')
    )
    post = world.get(f"tweets/{post_id}", tweet_fields="entities").json()["data"]
    (url, bare), (tag,), (name,) = (post["entities"][kind] for kind in ("urls", "hashtags", "mentions"))
    text = post["text"]
    assert text.startswith('@volmera 2 &lt; 3 &amp; "so" see https://t.co/')
    assert text[url["start"] : url["end"]] == url["url"]
    assert text[bare["start"] : bare["end"]] == bare["url"]
    assert url["expanded_url"] == "https://volmera.example/duo7?batch=1"
    assert (bare["expanded_url"], bare["display_url"]) == ("http://volmera.example", "volmera.example")
    assert text[tag["start"] : tag["end"]] == "#Duo7"
    assert text[name["start"] : name["end"]] == "@volmera"
    assert (tag["tag"], name["username"], name["id"]) == ("Duo7", "volmera", world.us)


def test_a_long_post_is_cut_and_whole_in_note_tweet(world: World) -> None:
    words = " ".join(f"word{number}" for number in range(80))
    (post_id,) = world.deliver(mention(words))
    post = world.get(f"tweets/{post_id}", tweet_fields="note_tweet").json()["data"]
    assert post["text"].endswith("…")
    assert len(post["text"]) <= 281
    assert post["note_tweet"]["text"] == f"@volmera {words}"


def test_threads_quotes_and_retweets_refer_as_on_x(world: World) -> None:
    root, reply, nested, quote, retweet = world.deliver(
        {"author": "lena", "text": "my #Duo7 broke", "id": "root", "created_at": ago(minutes=9)},
        {
            "author": "omar",
            "text": "same here",
            "id": "reply",
            "reply_to": "root",
            "created_at": ago(minutes=8),
        },
        {
            "author": "lena",
            "text": "oh no",
            "id": "nested",
            "reply_to": "reply",
            "created_at": ago(minutes=7),
        },
        {"author": "omar", "text": "look", "quotes": "root", "id": "quote", "created_at": ago(minutes=6)},
        {"author": "omar", "retweets": "root", "id": "retweet", "created_at": ago(minutes=5)},
    )
    fields = "conversation_id,referenced_tweets,public_metrics,author_id"
    ids = ",".join([root, reply, nested, quote, retweet])
    found = {post["id"]: post for post in world.get("tweets", ids=ids, tweet_fields=fields).json()["data"]}
    assert found[reply]["text"] == "@lena same here"
    assert found[nested]["conversation_id"] == found[reply]["conversation_id"] == root
    assert found[quote]["conversation_id"] == quote
    assert found[quote]["referenced_tweets"] == [{"type": "quoted", "id": root}]
    assert found[retweet]["referenced_tweets"] == [{"type": "retweeted", "id": root}]
    assert found[retweet]["text"] == "RT @lena: my #Duo7 broke"
    metrics = found[root]["public_metrics"]
    assert (metrics["reply_count"], metrics["quote_count"], metrics["retweet_count"]) == (1, 1, 1)


def test_pages_go_back_in_time_and_end(world: World) -> None:
    ids = world.deliver(*(mention(f"number {number}", minutes=60 - number) for number in range(15)))
    newest_first = ids[::-1]
    seen, token, pages = [], None, 0
    while True:
        params = {"max_results": 5} | ({"pagination_token": token} if token else {})
        body = world.get(f"users/{world.us}/mentions", **params).json()
        pages += 1
        seen += [post["id"] for post in body["data"]]
        assert body["meta"]["newest_id"] == body["data"][0]["id"]
        assert body["meta"]["oldest_id"] == body["data"][-1]["id"]
        world.deliver(mention(f"late {pages}", minutes=0))
        token = body["meta"].get("next_token")
        if token is None:
            break
    assert seen == newest_first
    assert pages == 3
    foreign = world.get(
        f"users/{world.us}/tweets", pagination_token=body["meta"].get("next_token", "0000000abc")
    )
    assert "is not valid" in message(foreign)


def test_bounds_are_exclusive_ids_and_inclusive_start(world: World) -> None:
    when = [ago(minutes=minutes) for minutes in (4, 3, 2, 1)]
    ids = world.deliver(*(mention(f"at {at}", created_at=at) for at in when))

    def listed(**bounds: str) -> list[str]:
        body = world.get(f"users/{world.us}/mentions", **bounds).json()
        return [post["id"] for post in body.get("data", [])][::-1]

    assert listed(since_id=ids[1]) == ids[2:]
    assert listed(until_id=ids[1]) == ids[:1]
    assert listed(start_time=when[1], end_time=when[3]) == ids[1:3]
    assert listed(since_id=ids[2], start_time=when[0]) == ids[3:]
    empty = world.get(f"users/{world.us}/mentions", since_id=ids[3]).json()
    assert empty == {"meta": {"result_count": 0}}


def test_mentions_reach_the_last_800_only(world: World) -> None:
    ids = world.deliver(*(mention(f"crisis {number}", minutes=900 - number) for number in range(810)))
    seen, token = [], None
    while True:
        params = {"max_results": 100, "since_id": ids[0]} | ({"pagination_token": token} if token else {})
        body = world.get(f"users/{world.us}/mentions", **params).json()
        seen += [post["id"] for post in body.get("data", [])]
        token = body["meta"].get("next_token")
        if token is None:
            break
    assert seen == ids[10:][::-1]


def test_own_timeline_gives_our_posts_and_excludes(world: World) -> None:
    _, ours, reply = world.deliver(
        mention("help", id="help"),
        {"author": "volmera", "text": "Statement", "created_at": ago(minutes=4)},
        {"author": "volmera", "text": "Sorry!", "reply_to": "help", "created_at": ago(minutes=3)},
    )
    listed = world.get(f"users/{world.us}/tweets").json()["data"]
    assert [post["id"] for post in listed] == [reply, ours]
    without = world.get(f"users/{world.us}/tweets", exclude="replies").json()["data"]
    assert [post["id"] for post in without] == [ours]


def test_what_is_gone_is_a_partial_error(world: World) -> None:
    gone, there = world.deliver(mention("gone", id="gone"), mention("there", reply_to="gone", author="omar"))
    world.control("delete", id="gone")
    response = world.get("tweets", ids=f"{gone},{there},17", expansions="referenced_tweets.id")
    body = response.json()
    assert response.status_code == 200
    assert [post["id"] for post in body["data"]] == [there]
    assert {(error["resource_id"], error["parameter"]) for error in body["errors"]} == {
        (gone, "ids"),
        ("17", "ids"),
        (gone, "referenced_tweets.id"),
    }
    assert body["errors"][0]["detail"] == f"Could not find tweet with ids: [{gone}]."
    assert "data" not in world.get(f"tweets/{gone}").json()
    assert [p["id"] for p in world.get(f"users/{world.us}/mentions").json()["data"]] == [there]


def test_retweets_are_not_mentions(world: World) -> None:
    original, _ = world.deliver(mention("broken", id="m"), {"author": "omar", "retweets": "m"})
    listed = world.get(f"users/{world.us}/mentions").json()["data"]
    assert [post["id"] for post in listed] == [original]


def test_an_edit_makes_a_new_version_that_replaces_the_old_in_listings(world: World) -> None:
    (old,) = world.deliver(mention("it bokre", id="typo"))
    new = world.control("edit", id="typo", text="@volmera it broke")["id"]
    assert int(new) > int(old)
    (listed,) = world.get(f"users/{world.us}/mentions").json()["data"]
    assert listed == {"id": new, "text": "@volmera it broke", "edit_history_tweet_ids": [old, new]}
    assert world.get(f"tweets/{old}").json()["data"]["edit_history_tweet_ids"] == [old, new]


def test_users_are_found_by_name_and_id(world: World) -> None:
    client = world.client()
    assert str(client.get_user(username="VOLMERA").data.id) == world.us
    assert client.get_user(id=world.lena).data.username == "lena"
    several = client.get_users(usernames=["lena", "nobody_here"])
    assert [user.username for user in several.data] == ["lena"]
    assert several.errors[0]["detail"] == "Could not find user with usernames: [nobody_here]."
    assert client.get_user(username="nobody_here").data is None


@pytest.mark.parametrize(
    ("path", "params", "said"),
    [
        ("tweets/1", {"foo": "1"}, "The query parameter [foo] is not one of [tweet.fields,"),
        ("tweets/1", {"id": "2"}, "The query parameter [id] is not one of"),
        (
            "tweets/1",
            {"tweet.fields": "text,likes"},
            "The `tweet.fields` query parameter value [likes] is not one of [",
        ),
        (
            "tweets/1",
            {"expansions": "author"},
            "The `expansions` query parameter value [author] is not one of",
        ),
        ("tweets/1", {"user.fields": ""}, "The `user.fields` query parameter value [] is not one of"),
        ("tweets/x1", {}, "The `id` query parameter value [x1] does not match ^[0-9]{1,19}$"),
        ("tweets", {}, "The `ids` query parameter can not be empty"),
        (
            "tweets",
            {"ids": ",".join(map(str, range(1, 102)))},
            "query parameter list [101] is not between 1 and 100",
        ),
        (
            "users/1/mentions",
            {"max_results": "4"},
            "The `max_results` query parameter value [4] is not between 5 and 100",
        ),
        ("users/1/mentions", {"max_results": "many"}, "[many] is not a valid integer"),
        ("users/1/mentions", {"since_id": "abc"}, "does not match ^[0-9]{1,19}$"),
        ("users/1/mentions", {"start_time": "yesterday"}, "[yesterday] is not a valid RFC3339 timestamp"),
        ("users/by/username/a-b", {}, "does not match ^[A-Za-z0-9_]{1,15}$"),
        ("tweets/search/recent", {"query": "a", "max_results": "9"}, "value [9] is not between 10 and 100"),
        ("tweets/search/recent", {"query": ""}, "The `query` query parameter can not be empty"),
        (
            "tweets/search/recent",
            {"query": "a", "sort_order": "oldest"},
            "[oldest] is not one of [recency,relevancy]",
        ),
        (
            "tweets/counts/recent",
            {"query": "a", "granularity": "year"},
            "[year] is not one of [minute,hour,day]",
        ),
        (
            "tweets/counts/recent",
            {"query": "a", "max_results": "10"},
            "The query parameter [max_results] is not one of",
        ),
    ],
)
def test_what_x_does_not_know_is_a_400_that_names_it(
    world: World, path: str, params: dict[str, str], said: str
) -> None:
    assert said in message(world.get(path, **params))


def test_every_fault_of_a_request_is_named(world: World) -> None:
    errors = world.get("tweets/1", foo="1", tweet_fields="x,y").json()["errors"]
    assert [error["parameters"] for error in errors] == [
        {"foo": ["1"]},
        {"tweet.fields": ["x"]},
        {"tweet.fields": ["y"]},
    ]


def test_a_path_that_x_does_not_have_is_an_empty_404(world: World) -> None:
    for path in ("tweets/1/likes", "tweets/search/all", "nothing"):
        response = world.get(path)
        assert (response.status_code, response.content) == (404, b"")


def test_without_a_good_token_it_is_a_401_without_limit_headers(world: World) -> None:
    for token in (None, "wrong"):
        response = world.get("tweets/1", token=token)
        assert response.json() == {
            "title": "Unauthorized",
            "type": "about:blank",
            "status": 401,
            "detail": "Unauthorized",
        }
        assert response.status_code == 401
        assert "x-rate-limit-limit" not in response.headers
    world.control("tokens/revoke", token="app")
    with pytest.raises(tweepy.Unauthorized):
        world.client().get_tweet(1)


def test_kinds_of_token_are_held_apart(world: World) -> None:
    refused = world.post({"text": "hi"}, token="app")
    assert refused.status_code == 403
    assert refused.json()["title"] == "Unsupported Authentication"
    assert refused.json()["type"].endswith("/2/problems/unsupported-authentication")
    assert "Application-Only is forbidden" in refused.json()["detail"]
    assert world.get("users/me", token="app").status_code == 403
    assert world.get("users/me", token="user").json()["data"]["id"] == world.us
    assert world.get("tweets/counts/recent", token="user", query="a").status_code == 403


def test_oauth1_signatures_are_checked(world: World) -> None:
    four = {
        "consumer_key": KEYS["consumer_key"],
        "consumer_secret": KEYS["consumer_secret"],
        "access_token": KEYS["token"],
    }
    good = world.client(**four, access_token_secret=KEYS["token_secret"])
    assert str(good.get_me(user_fields=["created_at"]).data.id) == world.us
    assert good.create_tweet(text="Bonjour à tous").data["text"] == "Bonjour à tous"
    with pytest.raises(tweepy.Unauthorized):
        world.client(**four, access_token_secret="guess").get_me()
