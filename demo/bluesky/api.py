"""The methods of the Bluesky stand-in, and its control requests."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from demo.bluesky.posts import POST, Person, Post, World, iso
from demo.bluesky.records import put
from demo.common.clock import Clock
from demo.common.faults import FaultBook
from demo.common.json_api import Answered, ApiError, Call, Endpoint, limit_of
from demo.common.web import ControlError, Fields

ACCESS_SECONDS = 7200.0
MAIN_PASSWORD = "the account's own password"
"""Sessions opened with it may do anything; with any other, what an app password may."""

LOGINS = (30, 300.0)
"""Logins of a handle in five minutes (docs.bsky.app, rate limits)."""


@dataclass
class Token:
    """One half of a session."""

    person: Person
    kind: str
    ends: float


def _jwt(payload: dict[str, Any]) -> str:
    """A token of the right form; its signature is noise."""
    parts = [json.dumps(part).encode() for part in ({"typ": "at+jwt", "alg": "ES256K"}, payload)]
    return ".".join(
        base64.urlsafe_b64encode(p).decode().rstrip("=") for p in (*parts, secrets.token_bytes(32))
    )


class Bluesky:
    """The state, the methods and the control requests of one stand-in."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.faults = FaultBook(quirks=("rate_limit", "empty_page"))
        self.endpoints = [
            self._endpoint("POST", "com.atproto.server.createSession", self.create_session, limit=LOGINS),
            self._endpoint("POST", "com.atproto.server.refreshSession", self.refresh_session),
            self._endpoint("GET", "app.bsky.notification.listNotifications", self.notices, "reasons limit cursor"),
            self._endpoint("GET", "com.atproto.repo.listRecords", self.records, "repo collection limit cursor"),
            self._endpoint("GET", "com.atproto.repo.getRecord", self.record, "repo collection rkey cid"),
            self._endpoint("POST", "com.atproto.repo.putRecord", self.put_record),
            self._endpoint("GET", "app.bsky.feed.searchPosts", self.search, "q sort since until limit cursor"),
            self._endpoint("GET", "app.bsky.feed.getPosts", self.get_posts, "uris"),
            self._endpoint("GET", "app.bsky.feed.getPostThread", self.thread, "uri depth parentHeight"),
            self._endpoint("GET", "app.bsky.actor.getProfile", self.profile, "actor"),
        ]  # fmt: skip
        self.controls: dict[str, Callable[[Fields], Any]] = {
            "accounts": self.make_account, "deliver": self.deliver, "delete": self.delete,
            "expire": self.expire, "revoke": self.revoke, "written": self.written,
        }  # fmt: skip
        self.reset()

    @staticmethod
    def _endpoint(verb: str, name: str, handler: Callable[[Call], Answered], params: str = "",
                  limit: tuple[int, float] = (3000, 300)) -> Endpoint:  # fmt: skip
        path = re.compile(re.escape(f"/xrpc/{name}"))
        short = name.rpartition(".")[2]
        shared = "all" if limit == (3000, 300) else short
        return Endpoint(name=short, verb=verb, path=path, handler=handler, params=frozenset(params.split()),
                        limit=limit, limited_as=shared)  # fmt: skip

    def reset(self) -> None:
        """Back to empty."""
        self.world = World()
        self.tokens: dict[str, Token] = {}
        self.labels: dict[str, str] = {}

    def error_body(self, error: ApiError) -> Any:
        """XRPC's error."""
        return {"error": error.error, "message": error.message}

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """The headers of a draft standard that Bluesky follows."""
        return {
            "ratelimit-limit": str(limit), "ratelimit-remaining": str(max(0, remaining)),
            "ratelimit-reset": str(int(reset)), "ratelimit-policy": f"{limit};w=300",
        }  # fmt: skip

    def create_session(self, call: Call) -> Answered:
        """Log in with handle and app password."""
        given = call.body if isinstance(call.body, dict) else {}
        if unknown := given.keys() - {"identifier", "password"}:
            raise ApiError(400, "InvalidRequest", f"Unknown fields: {sorted(unknown)}")
        person = self.world.people.get(str(given.get("identifier", "")).lower())
        if person is None or not person.password or person.password != given.get("password"):
            raise ApiError(401, "AuthenticationRequired", "Invalid identifier or password")
        return self._session(person)

    def refresh_session(self, call: Call) -> Answered:
        """A new pair of tokens for a refresh token, which is used up."""
        person = self._caller(call, "refresh")
        del self.tokens[call.token]
        return self._session(person)

    def _session(self, person: Person) -> Answered:
        made = {}
        for kind, seconds in (("access", ACCESS_SECONDS), ("refresh", 60 * 86_400.0)):
            ends = self.clock.now() + seconds
            scope = (
                "refresh"
                if kind == "refresh"
                else "access"
                if person.password == MAIN_PASSWORD
                else "appPass"
            )
            made[kind] = _jwt({"scope": f"com.atproto.{scope}", "sub": person.did, "exp": int(ends)})
            self.tokens[made[kind]] = Token(person, kind, ends)
        return Answered(
            body={"accessJwt": made["access"], "refreshJwt": made["refresh"], "did": person.did,
                  "handle": person.handle, "active": True}
        )  # fmt: skip

    def _caller(self, call: Call, kind: str = "access") -> Person:
        token = self.tokens.get(call.token)
        if not call.token:
            raise ApiError(401, "AuthMissing", "Authentication Required")
        if token is None or token.kind != kind:
            raise ApiError(400, "InvalidToken", "Token could not be verified")
        if token.ends <= self.clock.now():
            raise ApiError(400, "ExpiredToken", "Token has expired")
        return token.person

    def notices(self, call: Call) -> Answered:
        """What concerns us, newest first."""
        me, reasons = self._caller(call), call.query.get("reasons")
        found = [n for n in self.world.notices if n.to is me and (not reasons or n.reason in reasons)]
        posts = {n.post.uri: n for n in found}
        page, cursor = self._keyset([n.post for n in found], call)
        return self._page("notifications", [posts[p.uri].view() for p in page], cursor, call)

    def records(self, call: Call) -> Answered:
        """The posts of a repository, newest key first."""
        self._caller(call)
        if call.one("collection") != POST:
            raise ApiError(400, "InvalidRequest", "Only posts are kept here")
        size, before = limit_of(call, 50, 100), call.one("cursor", "~")
        mine = [p for p in self.world.posts.values() if p.author.did == call.one("repo") and p.rkey < before]
        page = sorted(mine, key=lambda p: p.rkey, reverse=True)[:size]
        views = [{"uri": p.uri, "cid": p.cid, "value": p.record} for p in page]
        return self._page("records", views, page[-1].rkey if page else "", call)

    def record(self, call: Call) -> Answered:
        """One record; as at Bluesky anybody may read it."""
        uri = f"at://{call.one('repo')}/{call.one('collection')}/{call.one('rkey')}"
        post = self.world.posts.get(uri)
        if post is None:
            raise ApiError(400, "RecordNotFound", f"Could not locate record: {uri}")
        return Answered(body={"uri": post.uri, "cid": post.cid, "value": post.record})

    def put_record(self, call: Call) -> Answered:
        """Publish."""
        post = put(self.world, self._caller(call), call.body, self.clock.now())
        return Answered(body={"uri": post.uri, "cid": post.cid, "validationStatus": "valid"})

    def search(self, call: Call) -> Answered:
        """Posts that hold a hashtag, word or phrase; the cursor is an offset, as it is at Bluesky."""
        self._caller(call)
        query, size = call.one("q").strip('"').lower(), limit_of(call, 25, 100)
        if not query or call.one("sort") != "latest":
            raise ApiError(400, "InvalidRequest", "q is needed, and sort=latest is all there is here")
        offset = call.one("cursor", "0")
        if not offset.isdigit():
            raise ApiError(400, "InvalidRequest", "Malformed cursor")
        since, until = call.one("since"), call.one("until") or "9999"
        found = [
            p for p in self._listed(self.world.posts.values())
            if since <= iso(p.sort_at) < until
            and (query[1:] in p.tags if query.startswith("#") else query in str(p.record["text"]).lower())
        ]  # fmt: skip
        end = int(offset) + size
        views = [p.view() for p in found[int(offset) : end]]
        return self._page("posts", views, str(end) if end < len(found) else "", call)

    def get_posts(self, call: Call) -> Answered:
        """Those of the posts that are there."""
        self._caller(call)
        uris = call.query.get("uris", [])
        if not 1 <= len(uris) <= 25:
            raise ApiError(400, "InvalidRequest", "uris must hold 1 to 25 addresses")
        return Answered(body={"posts": [self.world.posts[u].view() for u in uris if u in self.world.posts]})

    def thread(self, call: Call) -> Answered:
        """One post, without what is above and below."""
        self._caller(call)
        post = self.world.posts.get(call.one("uri"))
        if post is None:
            raise ApiError(400, "NotFound", f"Post not found: {call.one('uri')}")
        return Answered(body={"thread": {"$type": "app.bsky.feed.defs#threadViewPost", "post": post.view()}})

    def profile(self, call: Call) -> Answered:
        """Somebody's profile."""
        self._caller(call)
        for person in self.world.people.values():
            if call.one("actor") in (person.did, person.handle):
                return Answered(body=person.view())
        raise ApiError(400, "InvalidRequest", "Profile not found")

    def _listed(self, posts: Any) -> list[Post]:
        """Newest first; what is indexed later is not there yet."""
        there = [p for p in posts if p.indexed <= self.clock.now()]
        return sorted(there, key=lambda p: (p.sort_at, p.number), reverse=True)

    def _keyset(self, posts: Sequence[Post], call: Call) -> tuple[list[Post], str]:
        """The page below the cursor, which is the place of the last post given."""
        size, cursor = limit_of(call, 50, 100), call.one("cursor")
        if cursor and not re.fullmatch(r"\d+\.\d+::\d+", cursor):
            raise ApiError(400, "InvalidRequest", "Malformed cursor")
        at, _, number = cursor.partition("::")
        below = (float(at), int(number)) if cursor else (float("inf"), 0)
        page = [p for p in self._listed(posts) if (p.sort_at, p.number) < below][:size]
        return page, f"{page[-1].sort_at:.3f}::{page[-1].number}" if page else ""

    @staticmethod
    def _page(name: str, views: list[Any], cursor: str, call: Call) -> Answered:
        if call.quirk == "empty_page" and not call.one("cursor"):
            first = {"notifications": "9999999999.0::0", "records": "~", "posts": "0"}[name]
            return Answered(body={name: [], "cursor": first})
        return Answered(body={name: views, **({"cursor": cursor} if cursor else {})})

    def make_account(self, fields: Fields) -> Any:
        """An account with an app password; given again with `did`, its handle goes to another account."""
        person = self.world.person(fields.text("handle"))
        person.password = fields.text("password", person.password)
        person.name = fields.text("name", person.name)
        person.bot = fields.take("bot", bool, person.bot)
        if did := fields.text("did", None):
            person.did = did
            self.tokens.clear()
        return {"did": person.did, "handle": person.handle}

    def deliver(self, fields: Fields) -> Any:
        """Posts. `id` is a label; `reply_to` and `quotes` take labels or addresses; times are epoch seconds."""
        ids = [self._deliver(Fields(item, "A post")) for item in fields.take("posts", list)]
        return {"ids": ids, "labels": self.labels}

    def _deliver(self, fields: Fields) -> str:
        label, now = fields.text("id", None), self.clock.now()
        written = round(fields.number("written", now), 3)
        made = self.world.post(
            fields.text("author"), fields.text("text", ""), written=written,
            indexed=fields.number("indexed", max(now, written)), langs=fields.texts("langs", ["en"]),
            reply_to=self._named(fields.text("reply_to", None)), quotes=self._named(fields.text("quotes", None)),
        )  # fmt: skip
        made.record |= fields.take("record", dict, {})
        fields.finish()
        if label:
            self.labels[label] = made.uri
        return made.uri

    def _named(self, name: str | None) -> Post | None:
        if name is None:
            return None
        found = self.world.posts.get(self.labels.get(name, name))
        if found is None:
            raise ControlError(f"There is no post {name!r}: deliver it first.", 404)
        return found

    def delete(self, fields: Fields) -> Any:
        """Take a post away, as its author does."""
        post = self._named(fields.text("id"))
        if post is not None:
            self.world.delete(post)
        return {}

    def expire(self, fields: Fields) -> Any:
        """Let the access tokens given so far run out, as they do after two hours."""
        for token in self.tokens.values():
            token.ends = min(token.ends, self.clock.now()) if token.kind == "access" else token.ends
        return {}

    def revoke(self, fields: Fields) -> Any:
        """Forget all tokens."""
        self.tokens.clear()
        return {}

    def written(self, fields: Fields) -> Any:
        """What an account has published, oldest first."""
        handle = fields.text("author")
        mine = sorted(
            (p for p in self.world.posts.values() if p.author.handle == handle), key=lambda p: p.number
        )
        return {"texts": [p.record["text"] for p in mine], "records": [p.record for p in mine]}
