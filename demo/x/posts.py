"""The posts: kept in SQLite, held in memory in the order of their ids."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from demo.common.database import Database
from demo.x.snowflake import first_id, milliseconds
from demo.x.text import LIMIT, Rendered, render, shorten, weighted_length, words

POST_SCHEMA = """
CREATE TABLE IF NOT EXISTS post (
    id           INTEGER PRIMARY KEY,
    author       INTEGER NOT NULL,
    text         TEXT NOT NULL,              -- as written, the @handle that a reply begins with included
    prefix       INTEGER NOT NULL,           -- how much of it that @handle is
    lang         TEXT NOT NULL,
    conversation INTEGER NOT NULL,
    reply_to INTEGER, reply_user INTEGER, quotes INTEGER, retweets INTEGER,
    versions     TEXT NOT NULL,              -- JSON list of ids, oldest first: the edit history
    label        TEXT UNIQUE,                -- what the caller of the control API names it
    state        TEXT NOT NULL               -- live, edited (a later version lives) or deleted
);
"""
COLUMNS = (
    "id", "author", "text", "prefix", "lang", "conversation", "reply_to", "reply_user", "quotes", "retweets",
    "versions", "label", "state",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Post:
    """One post."""

    id: int
    author: int
    text: str
    prefix: int = 0
    lang: str
    conversation: int
    reply_to: int | None = None
    reply_user: int | None = None
    quotes: int | None = None
    retweets: int | None = None
    versions: tuple[int, ...]
    label: str | None = None
    state: str = "live"

    @property
    def references(self) -> list[tuple[str, int]]:
        """The posts it refers to, with X's word for how."""
        kinds = (("retweeted", self.retweets), ("quoted", self.quotes), ("replied_to", self.reply_to))
        return [(kind, target) for kind, target in kinds if target is not None]

    @property
    def created_ms(self) -> int:
        """When it was posted, in milliseconds since 1970."""
        return milliseconds(self.id)

    @cached_property
    def whole(self) -> Rendered:
        """The text in full."""
        return render(self.text)

    @cached_property
    def shown(self) -> Rendered:
        """The text as the field `text` has it: cut when it is longer than a post can be."""
        return (
            render(self.text[: self.prefix] + shorten(self.text[self.prefix :])) if self.long else self.whole
        )

    @cached_property
    def long(self) -> bool:
        """Whether the text needs the field `note_tweet`."""
        return self.retweets is None and weighted_length(self.text[self.prefix :]) > LIMIT

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The tokens of its text."""
        return words(self.text)


class Posts:
    """All posts."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.by_id: dict[int, Post] = {}
        self.labels: dict[str, int] = {}
        self.ids: list[int] = []
        self.counts: Counter[tuple[str, int]] = Counter()
        for row in database.rows("SELECT * FROM post ORDER BY id"):
            self._hold(Post(**dict(row) | {"versions": tuple(json.loads(row["versions"]))}))

    def _hold(self, post: Post) -> None:
        known = self.by_id.get(post.id)
        if known is None:
            insort(self.ids, post.id)
        self._count(known, -1)
        self._count(post, 1)
        self.by_id[post.id] = post
        if post.label is not None:
            self.labels[post.label] = post.id

    def _count(self, post: Post | None, step: int) -> None:
        if post is not None and post.state == "live":
            self.counts["posts", post.author] += step
            for kind, target in post.references:
                self.counts[kind, target] += step

    def save(self, post: Post) -> Post:
        """Keep a new or changed post."""
        values: list[Any] = [getattr(post, name) for name in COLUMNS]
        values[COLUMNS.index("versions")] = json.dumps(post.versions)
        marks = ", ".join("?" * len(COLUMNS))
        self.database.run(f"INSERT OR REPLACE INTO post ({', '.join(COLUMNS)}) VALUES ({marks})", *values)
        self._hold(post)
        return post

    def free_id(self, ms: int) -> int:
        """An id for a post of this moment."""
        candidate = first_id(ms)
        while candidate in self.by_id:
            candidate += 1
        return candidate

    def live(self, post_id: int) -> Post | None:
        """A post that can be seen; of an edited one every version can."""
        found = self.by_id.get(post_id)
        return None if found is None or found.state == "deleted" else found

    def newest_first(self, above: int, below: int) -> Iterator[Post]:
        """The live posts with ids between the two, both excluded; of an edited one the last version only."""
        low, high = bisect_right(self.ids, above), bisect_left(self.ids, below)
        for index in range(high - 1, low - 1, -1):
            post = self.by_id[self.ids[index]]
            if post.state == "live":
                yield post

    def delete(self, post: Post) -> None:
        """Remove a post in all its versions, and its retweets with it."""
        for version in post.versions:
            self.save(replace(self.by_id[version], state="deleted"))
        for other in [
            item for item in self.by_id.values() if item.retweets == post.id and item.state == "live"
        ]:
            self.save(replace(other, state="deleted"))

    def edit(self, post: Post, text: str, lang: str, ms: int) -> Post:
        """A new version with an id of its own; the older ones stay readable by their ids."""
        new = self.free_id(ms)
        versions = (*post.versions, new)
        for version in post.versions:
            old = self.by_id[version]
            self.save(replace(old, versions=versions, label=None, state="edited"))
        kept = post.text[: post.prefix]
        return self.save(replace(post, id=new, text=kept + text, lang=lang, versions=versions))
