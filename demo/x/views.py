"""Posts and users as JSON: only the fields that were asked for, with what they refer to beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from demo.x.errors import missing
from demo.x.people import People, User
from demo.x.posts import Post, Posts
from demo.x.snowflake import iso
from demo.x.text import Rendered

POST_ALWAYS = ("id", "text", "edit_history_tweet_ids")
USER_ALWAYS = ("id", "name", "username")
EDITABLE_MS = 3_600_000
Entry = dict[str, Any]


class Shelf:
    """Builds the `data`, `includes` and `errors` of one answer, and remembers what was read for the bill."""

    def __init__(self, people: People, posts: Posts, params: dict[str, Any]) -> None:
        self.people = people
        self.posts = posts
        self.post_fields = {*POST_ALWAYS, *params.get("tweet.fields", [])}
        self.user_fields = {*USER_ALWAYS, *params.get("user.fields", [])}
        self.expansions = frozenset(params.get("expansions", []))
        self.included_posts: dict[int, Post] = {}
        self.included_users: dict[int, User] = {}
        self.errors: list[dict[str, str]] = []

    def post(self, post: Post) -> Entry:
        """One post."""
        every = self._facts(post) | self._context(post)
        return {
            name: value for name, value in every.items() if name in self.post_fields and value is not None
        }

    def user(self, user: User) -> Entry:
        """One user."""
        every = user.as_json(self.posts.counts["posts", user.id])
        return {name: value for name, value in every.items() if name in self.user_fields}

    def _facts(self, post: Post) -> Entry:
        shown = post.shown
        note = {"text": post.whole.text} | self._with_ids(post.whole) if post.long else None
        return {
            "id": str(post.id),
            "text": shown.text,
            "edit_history_tweet_ids": [str(version) for version in post.versions],
            "author_id": str(post.author),
            "created_at": iso(post.created_ms),
            "lang": post.lang,
            "entities": self._with_ids(shown).get("entities"),
            "note_tweet": note,
            "display_text_range": [post.prefix, len(shown.text)],
            "possibly_sensitive": False,
            "reply_settings": "everyone",
            "edit_controls": {
                "edits_remaining": 6 - len(post.versions),
                "is_edit_eligible": post.retweets is None and post.reply_to is None,
                "editable_until": iso(self.posts.by_id[post.versions[0]].created_ms + EDITABLE_MS),
            },
        }

    def _context(self, post: Post) -> Entry:
        references = [{"type": kind, "id": str(target)} for kind, target in post.references]
        counts = {f"{name}_count": self.posts.counts[kind, post.id] for name, kind in METRICS}
        return {
            "conversation_id": str(post.conversation),
            "in_reply_to_user_id": None if post.reply_user is None else str(post.reply_user),
            "referenced_tweets": references or None,
            "public_metrics": counts | {"like_count": 0, "bookmark_count": 0, "impression_count": 0},
        }

    def _with_ids(self, rendered: Rendered) -> Entry:
        """The entities of a text; a mention of a known user carries the id."""
        if not rendered.entities:
            return {}
        entities = dict(rendered.entities)
        if "mentions" in entities:
            entities["mentions"] = [self._mention(item) for item in entities["mentions"]]
        return {"entities": entities}

    def _mention(self, item: Entry) -> Entry:
        user = self.people.by_handle.get(item["username"].lower())
        return item if user is None else item | {"id": str(user.id)}

    def answer(self, found: list[Post]) -> Entry:
        """`data` of several posts, with `includes` and `errors`; what is empty is left out."""
        for post in found:
            self._expand(post)
        return self.wrap([self.post(post) for post in found])

    def wrap(self, data: Any) -> Entry:
        """`data` with what has gathered beside it."""
        includes: Entry = {}
        if self.included_users:
            includes["users"] = [self.user(user) for user in self.included_users.values()]
        if self.included_posts:
            includes["tweets"] = [self.post(post) for post in self.included_posts.values()]
        body = {"data": data, "includes": includes, "errors": self.errors}
        return {name: value for name, value in body.items() if value}

    def _expand(self, post: Post) -> None:
        if "author_id" in self.expansions:
            self._include_user(post.author)
        if "in_reply_to_user_id" in self.expansions and post.reply_user is not None:
            self._include_user(post.reply_user)
        if "entities.mentions.username" in self.expansions:
            self._include_mentioned(post)
        if "edit_history_tweet_ids" in self.expansions:
            self._include_posts(post.versions, "edit_history_tweet_ids")
        targets = [target for _, target in post.references]
        if "referenced_tweets.id" in self.expansions:
            self._include_posts(targets, "referenced_tweets.id")
        if "referenced_tweets.id.author_id" in self.expansions:
            for target in filter(None, map(self.posts.live, targets)):
                self._include_user(target.author)

    def _include_user(self, user_id: int) -> None:
        self.included_users.setdefault(user_id, self.people.by_id[user_id])

    def _include_mentioned(self, post: Post) -> None:
        for item in post.shown.entities.get("mentions", []):
            user = self.people.by_handle.get(item["username"].lower())
            if user is None:
                self._miss("user", "entities.mentions.username", item["username"])
            else:
                self._include_user(user.id)

    def _include_posts(self, ids: Iterable[int], parameter: str) -> None:
        for target in ids:
            post = self.posts.live(target)
            if post is None:
                self._miss("tweet", parameter, str(target))
            else:
                self.included_posts.setdefault(target, post)

    def _miss(self, kind: str, parameter: str, value: str) -> None:
        entry = missing(kind, parameter, value)
        if entry not in self.errors:
            self.errors.append(entry)


METRICS = (("retweet", "retweeted"), ("reply", "replied_to"), ("quote", "quoted"))
