"""The endpoints that read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from demo.x.errors import invalid, missing
from demo.x.hub import Hub
from demo.x.paging import Window, page_of, search_window, timeline_window
from demo.x.people import Caller, User
from demo.x.posts import Post
from demo.x.query import compile_query
from demo.x.snowflake import iso, milliseconds
from demo.x.views import Shelf

MENTIONS_REACH, TIMELINE_REACH = 800, 3200
EVERYTHING = 1 << 63
STEPS_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
TIMELINE_PAGE = 10
Body = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request: authorised, within its limit, its parameters checked."""

    hub: Hub
    endpoint: str
    caller: Caller
    params: dict[str, Any]
    body: Body
    quirks: set[str] = field(default_factory=set)

    def shelf(self) -> Shelf:
        """Where the answer is put together."""
        return Shelf(self.hub.people, self.hub.posts, self.params)

    def bill(self, shelf: Shelf, what: str, ids: list[int]) -> None:
        """Charge what is returned: the data, and as X does what the expansions brought."""
        ledger = self.hub.ledger
        ledger.read(what, ids)
        if self.hub.setting("bill_expansions") == "yes":
            ledger.read("post", list(shelf.included_posts))
            ledger.read("user", list(shelf.included_users))


def _users(call: Call, found: list[tuple[str, User | None]], parameter: str, *, many: bool) -> Body:
    shelf = call.shelf()
    shelf.errors += [missing("user", parameter, value) for value, user in found if user is None]
    known = [user for _, user in found if user is not None]
    call.bill(shelf, "user", [user.id for user in known])
    data = [shelf.user(user) for user in known]
    return shelf.wrap(data if many else next(iter(data), None))


def users_me(call: Call) -> Body:
    """GET /2/users/me"""
    return _users(call, [("me", call.caller.user)], "id", many=False)


def users_by(call: Call) -> Body:
    """GET /2/users/by"""
    names = call.params["usernames"]
    return _users(
        call, [(name, call.hub.people.by_handle.get(name.lower())) for name in names], "usernames", many=True
    )


def users_by_username(call: Call) -> Body:
    """GET /2/users/by/username/:username"""
    name = call.params["username"]
    return _users(call, [(name, call.hub.people.by_handle.get(name.lower()))], "username", many=False)


def users_get(call: Call) -> Body:
    """GET /2/users/:id"""
    value = call.params["id"]
    return _users(call, [(value, call.hub.people.by_id.get(int(value)))], "id", many=False)


def _posts(call: Call, values: list[str], parameter: str) -> tuple[Shelf, list[Post]]:
    shelf = call.shelf()
    found = {value: call.hub.posts.live(int(value)) for value in values}
    shelf.errors += [missing("tweet", parameter, value) for value, post in found.items() if post is None]
    return shelf, [post for post in found.values() if post is not None and post.created_ms <= call.hub.now_ms]


def tweets_list(call: Call) -> Body:
    """GET /2/tweets"""
    shelf, posts = _posts(call, call.params["ids"], "ids")
    body = shelf.answer(posts)
    call.bill(shelf, "post", [post.id for post in posts])
    return body


def tweets_get(call: Call) -> Body:
    """GET /2/tweets/:id"""
    shelf, posts = _posts(call, [call.params["id"]], "id")
    body = shelf.answer(posts)
    call.bill(shelf, "post", [post.id for post in posts])
    return body | ({"data": body["data"][0]} if posts else {})


def _listing(call: Call, posts: Iterable[Post], size: int, scope: str, what: str = "post") -> Body:
    token = call.params.get("pagination_token") or call.params.get("next_token")
    if token and "bad_token" in call.quirks:
        raise invalid("next_token", token, f"The `next_token` query parameter value [{token}] is not valid")
    scope = f"{call.endpoint} {scope}"
    page = page_of(posts, size, token, scope, one_more="empty_page" in call.quirks)
    shelf = call.shelf()
    body = shelf.answer(page.posts)
    call.bill(shelf, what, [post.id for post in page.posts])
    return body | {"meta": page.meta()}


def _timeline(call: Call, user: User, kept: Iterable[Post], what: str) -> Body:
    window = timeline_window(call.params, call.hub.now_ms)
    posts = (post for post in kept if window.above < post.id < window.below)
    return _listing(call, posts, call.params.get("max_results", TIMELINE_PAGE), str(user.id), what)


def users_mentions(call: Call) -> Body:
    """GET /2/users/:id/mentions: posts that name the user, the last 800 and no more; no retweets."""
    hub, value = call.hub, call.params["id"]
    user = hub.people.by_id.get(int(value))
    if user is None:
        return {"errors": [missing("user", "id", value)]}
    name = user.handle.lower()
    visible = hub.posts.newest_first(0, timeline_window({}, hub.now_ms).below)
    mentions = (post for post in visible if post.retweets is None and name in post.whole.mentions)
    what = "mention" if call.caller.user.id == user.id else "post"
    return _timeline(call, user, islice(mentions, MENTIONS_REACH), what)


def users_tweets(call: Call) -> Body:
    """GET /2/users/:id/tweets: the user's posts, the last 3,200."""
    hub, value = call.hub, call.params["id"]
    user = hub.people.by_id.get(int(value))
    if user is None:
        return {"errors": [missing("user", "id", value)]}
    left_out = set(call.params.get("exclude", []))
    visible = hub.posts.newest_first(0, timeline_window({}, hub.now_ms).below)
    own = islice((post for post in visible if post.author == user.id), TIMELINE_REACH)
    what = "own" if call.caller.user.id == user.id else "post"
    return _timeline(call, user, (post for post in own if not _excluded(post, left_out)), what)


def _excluded(post: Post, kinds: set[str]) -> bool:
    is_reply, is_retweet = post.reply_to is not None, post.retweets is not None
    return ("replies" in kinds and is_reply) or ("retweets" in kinds and is_retweet)


def _matches(call: Call) -> tuple[Window, Iterable[Post]]:
    hub = call.hub
    matches = compile_query(call.params["query"], hub.people, hub.posts)
    window = search_window(call.params, hub.now_ms, round(float(hub.setting("search_lag")) * 1000))
    return window, (post for post in hub.posts.newest_first(window.above, window.below) if matches(post))


def search_recent(call: Call) -> Body:
    """GET /2/tweets/search/recent"""
    _, posts = _matches(call)
    return _listing(call, posts, call.params["max_results"], call.params["query"])


def counts_recent(call: Call) -> Body:
    """GET /2/tweets/counts/recent: posts per minute, hour or day, oldest first, empty ones included."""
    window, posts = _matches(call)
    step = STEPS_MS[call.params["granularity"]]
    first, last = milliseconds(window.above + 1), milliseconds(window.below)
    counts = Counter(post.created_ms // step for post in posts)
    call.hub.ledger.charge("counts")
    fields = call.params.get("search_count.fields", ["end", "start", "tweet_count"])
    data = []
    for number in range(first // step, -(-last // step)):
        start, end = max(first, number * step), min(last, (number + 1) * step)
        bucket = {"end": iso(end), "start": iso(start), "tweet_count": counts[number]}
        data.append({name: value for name, value in bucket.items() if name in fields})
    return {"data": data, "meta": {"total_tweet_count": sum(counts.values())}}
