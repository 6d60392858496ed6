"""People, posts and notifications of the Bluesky stand-in, and how the API shows them."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

POST = "app.bsky.feed.post"
_TID = "234567abcdefghijklmnopqrstuvwxyz"
_FACETS = re.compile(r"(?<!\w)(?:@(?P<handle>[a-z0-9-]+(?:\.[a-z0-9-]+)+)|#(?P<tag>\w+))", re.IGNORECASE)


def iso(seconds: float) -> str:
    """A time as Bluesky writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def cid_of(text: str) -> str:
    """A content id of the right form."""
    digest = b"\x01\x71\x12\x20" + hashlib.sha256(text.encode()).digest()
    return "b" + base64.b32encode(digest).decode().lower().rstrip("=")


@dataclass
class Person:
    """An account."""

    handle: str
    did: str
    name: str = ""
    bot: bool = False
    password: str = ""

    def view(self) -> dict[str, Any]:
        """app.bsky.actor.defs#profileView."""
        label = {"src": self.did, "uri": f"at://{self.did}/app.bsky.actor.profile/self", "val": "bot",
                 "cts": "2026-01-01T00:00:00.000Z"}  # fmt: skip
        return {
            "did": self.did,
            "handle": self.handle,
            "displayName": self.name,
            "labels": [label] * self.bot,
        }


@dataclass
class Post:
    """A post. It is sorted by when it was written or indexed, whichever is earlier."""

    number: int
    author: Person
    uri: str
    written: float
    indexed: float
    record: dict[str, Any]
    tags: set[str] = field(default_factory=set)

    @property
    def cid(self) -> str:
        """Its content id."""
        return cid_of(self.uri)

    @property
    def rkey(self) -> str:
        """Its key in the author's repository."""
        return self.uri.rpartition("/")[2]

    @property
    def sort_at(self) -> float:
        """The time that lists are ordered by."""
        return min(self.written, self.indexed)

    def view(self) -> dict[str, Any]:
        """app.bsky.feed.defs#postView."""
        return {
            "uri": self.uri, "cid": self.cid, "author": self.author.view(), "record": self.record,
            "indexedAt": iso(self.indexed), "labels": [], "likeCount": 0, "replyCount": 0, "repostCount": 0,
            "quoteCount": 0,
        }  # fmt: skip


@dataclass(frozen=True)
class Notice:
    """A notification to one person."""

    to: Person
    post: Post
    reason: str

    def view(self) -> dict[str, Any]:
        """app.bsky.notification.listNotifications#notification; `indexedAt` is the time it is sorted by."""
        return {
            "uri": self.post.uri, "cid": self.post.cid, "author": self.post.author.view(),
            "reason": self.reason, "record": self.post.record, "isRead": False,
            "indexedAt": iso(self.post.sort_at), "labels": [],
        }  # fmt: skip


class World:
    """Everybody and everything."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.posts: dict[str, Post] = {}
        self.notices: list[Notice] = []
        self._made = 0

    def person(self, handle: str) -> Person:
        """The account of that handle, made when it is new."""
        handle = handle.lower()
        if handle not in self.people:
            self.people[handle] = Person(handle=handle, did=self.did_of(handle), name=handle.split(".")[0])
        return self.people[handle]

    @staticmethod
    def did_of(text: str) -> str:
        """An identity of the right form."""
        return "did:plc:" + base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()[:24]

    def post(self, handle: str, text: str, *, written: float, indexed: float, reply_to: Post | None,
             quotes: Post | None, langs: list[str]) -> Post:  # fmt: skip
        """Publish, and tell whom it concerns: once each, as Bluesky does."""
        author = self.person(handle)
        self._made += 1
        record: dict[str, Any] = {"$type": POST, "text": text, "createdAt": iso(written), "langs": langs}
        if reply_to is not None:
            root = reply_to.record.get("reply", {}).get("root") or _ref(reply_to)
            record["reply"] = {"root": root, "parent": _ref(reply_to)}
        if quotes is not None:
            record["embed"] = {"$type": "app.bsky.embed.record", "record": _ref(quotes)}
        mentioned, tags = self._facets(text, record)
        uri = f"at://{author.did}/{POST}/{self._rkey(written)}"
        post = Post(self._made, author, uri, written, indexed, record, tags)
        self.posts[uri] = post
        reasons = [(p, "mention") for p in mentioned]
        reasons += [(quotes.author, "quote")] if quotes is not None else []
        reasons += [(p, "reply") for p in self._above(reply_to)]
        told = {author.did}
        for person, reason in reasons:
            if person.did not in told:
                self.notices.append(Notice(person, post, reason))
                told.add(person.did)
        return post

    def put(self, author: Person, rkey: str, record: dict[str, Any], now: float) -> Post:
        """The record of a key in the author's repository, made or replaced; who it concerns is told once."""
        uri = f"at://{author.did}/{POST}/{rkey}"
        features = [f for facet in record.get("facets", []) for f in facet["features"]]
        tags = {f["tag"].lower() for f in features if "tag" in f}
        if uri in self.posts:
            self.posts[uri].record, self.posts[uri].tags = record, tags
            return self.posts[uri]
        self._made += 1
        written = datetime.fromisoformat(record["createdAt"]).timestamp()
        post = self.posts[uri] = Post(self._made, author, uri, written, now, record, tags)
        parent = self.posts.get(record.get("reply", {}).get("parent", {}).get("uri", ""))
        told = {author.did}
        for person in self._above(parent):
            if person.did not in told:
                self.notices.append(Notice(person, post, "reply"))
                told.add(person.did)
        return post

    def delete(self, post: Post) -> None:
        """Take a post away, with what it told."""
        del self.posts[post.uri]
        self.notices = [notice for notice in self.notices if notice.post is not post]

    def _above(self, post: Post | None) -> list[Person]:
        """Whose posts a reply is below."""
        people: list[Person] = []
        while post is not None:
            people.append(post.author)
            post = self.posts.get(post.record.get("reply", {}).get("parent", {}).get("uri", ""))
        return people

    def _rkey(self, written: float) -> str:
        """A key that sorts by time (a TID), apart from all others by its last digits."""
        number = (int(written * 1e6) << 10) | (self._made & 1023)
        return "".join(_TID[(number >> shift) & 31] for shift in range(60, -1, -5))

    def _facets(self, text: str, record: dict[str, Any]) -> tuple[list[Person], set[str]]:
        people, tags, facets = [], set(), []
        for found in _FACETS.finditer(text):
            if found["tag"]:
                tags.add(found["tag"].lower())
                feature = {"$type": "app.bsky.richtext.facet#tag", "tag": found["tag"]}
            else:
                people.append(self.person(found["handle"]))
                feature = {"$type": "app.bsky.richtext.facet#mention", "did": people[-1].did}
            start, end = (len(text[:place].encode()) for place in found.span())
            facets.append({"index": {"byteStart": start, "byteEnd": end}, "features": [feature]})
        record |= {"facets": facets} if facets else {}
        return people, tags


def _ref(post: Post) -> dict[str, str]:
    return {"uri": post.uri, "cid": post.cid}
