"""From a post as X describes it to our Message."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from triage.core.errors import Skip
from triage.core.thanks import is_bare_thanks
from triage.core.types import Direction, Message, MessageKey, Quarantined

NAME = "x"

POST_FIELDS = (
    "author_id", "conversation_id", "created_at", "entities", "in_reply_to_user_id", "lang", "note_tweet",
    "referenced_tweets",
)  # fmt: skip
"""What has to be asked for, beside id and text. `note_tweet` holds what goes beyond 280 characters."""

USER_FIELDS = ("name", "username")

_ID = re.compile(r"[0-9]{1,19}")
_HANDLE = re.compile(r"[A-Za-z0-9_]{1,15}")
_LANG = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?")
_NO_LANGUAGE = re.compile(r"und|zxx|art|q[a-z]{2}")
_TAG = re.compile(r"\w{1,100}")
_LEADING_MENTIONS = re.compile(r"^(\s*@\w+)+[\s,:]*")
_UNIX = datetime.fromtimestamp(0, UTC)
_EPOCH_MS = 1288834974657


@dataclass(frozen=True, kw_only=True)
class Reader:
    """What does not change from post to post: whose account it is, and which user ids are ours."""

    account: str
    own_ids: frozenset[str]
    own_handles: frozenset[str] = field(default_factory=frozenset)

    def message(self, post: Any, users: Mapping[str, tuple[str, str]], fetched_at: datetime) -> Message:
        """The post as a Message. `users`: (handle, name) by id. Raises Skip with what is wrong with it."""
        if not isinstance(post, dict):
            raise Skip(f"a post is {type(post).__name__}, not an object")
        native_id, author = _id(post, "id"), _id(post, "author_id")
        sent_at, text = _time(post), _text(post)
        earlier, conversation = earlier_versions(post), _id(post, "conversation_id")
        if earlier:  # who edits has been waiting since the first version
            sent_at = min(sent_at, time_of(earlier[0]))
            conversation = earlier[0] if conversation in (*earlier, native_id) else conversation
        referenced = _referenced(post)
        retweet = any(kind == "retweeted" for kind, _ in referenced)
        handle, name = users.get(author, ("", ""))
        hashtags = _hashtags(post)
        return Message(
            key=MessageKey(source=NAME, account=self.account, native_id=native_id),
            conversation=f"{conversation}/{self._branch(post, author)}",
            direction=self._direction(author, retweet=retweet),
            author=author,
            author_name=f"@{handle} ({name})" if handle and name else f"@{handle}" if handle else name,
            sent_at=sent_at,
            fetched_at=fetched_at,
            text=text,
            lang=_lang(post),
            url=f"https://x.com/{handle or 'i'}/status/{native_id}",
            reply_to=next((id_ for kind, id_ in referenced if kind == "replied_to"), None),
            automatic_reason="retweet" if retweet else "",
            bare_thanks=is_bare_thanks(self._without_addressees(text)),
            extra={
                "conversation_id": conversation,
                "referenced": [list(pair) for pair in referenced],
                "hashtags": hashtags,
                "in_reply_to_user_id": _optional_id(post, "in_reply_to_user_id"),
            },
        )

    def quarantined(self, post: Any, reason: str) -> Quarantined:
        """The post kept as it came, under its id, or under a digest when it has none."""
        try:
            raw = json.dumps(post, sort_keys=True)
        except RecursionError:
            raw = "(nested too deeply to be shown)"
        found = _optional_id(post, "id") if isinstance(post, dict) else None
        native_id = found or "unreadable-" + hashlib.sha256(raw.encode()).hexdigest()[:16]
        return Quarantined(
            key=MessageKey(source=NAME, account=self.account, native_id=native_id), reason=reason, raw=raw
        )

    def _direction(self, author: str, *, retweet: bool) -> Direction:
        if retweet:
            return Direction.AUTOMATIC
        return Direction.OUTBOUND if author in self.own_ids else Direction.INBOUND

    def _branch(self, post: Mapping[str, Any], author: str) -> str:
        """Whose branch of the conversation the post is in: our reply closes that of the one we answer."""
        answered = _optional_id(post, "in_reply_to_user_id")
        if author in self.own_ids and answered and answered not in self.own_ids:
            return answered
        return author

    def _without_addressees(self, text: str) -> str:
        """The text without the mentions it begins with and without our own handles anywhere."""
        rest = _LEADING_MENTIONS.sub("", text)
        return re.sub(r"@(\w+)", lambda m: "" if m[1].lower() in self.own_handles else m[0], rest)


def handles_of(body: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """(handle, name) of users by id: those an expansion brought, and those that some post mentions (free of charge)."""
    includes = body.get("includes")
    users = includes.get("users") if isinstance(includes, dict) else None
    found: dict[str, tuple[str, str]] = {}
    for user in [*_mentioned(body), *(users if isinstance(users, list) else [])]:
        if isinstance(user, dict) and (id_ := _optional_id(user, "id")):
            handle, name = user.get("username"), user.get("name")
            usable = handle if isinstance(handle, str) and _HANDLE.fullmatch(handle) else ""
            found[id_] = (usable, html.unescape(name) if isinstance(name, str) else "")
    return found


def _mentioned(body: Mapping[str, Any]) -> list[Any]:
    """The users that posts of a page mention, as X names them there."""
    posts = body.get("data")
    entities = [p.get("entities") for p in (posts if isinstance(posts, list) else []) if isinstance(p, dict)]
    lists = [e.get("mentions") for e in entities if isinstance(e, dict)]
    return [user for users in lists if isinstance(users, list) for user in users]


def earlier_versions(post: Any) -> tuple[str, ...]:
    """The ids a post had before its author edited it, oldest first."""
    history = post.get("edit_history_tweet_ids") if isinstance(post, dict) else None
    ids = sorted({id_ for id_ in history if is_id(id_)}, key=int) if isinstance(history, list) else []
    return tuple(id_ for id_ in ids if is_id(post.get("id")) and int(id_) < int(post["id"]))


def is_id(value: Any) -> bool:
    """Whether this is a snowflake as X writes it: a string of digits."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def time_of(native_id: str) -> datetime:
    """When the post with this id was made (snowflakes carry it in milliseconds)."""
    return _UNIX + timedelta(milliseconds=(int(native_id) >> 22) + _EPOCH_MS)


def first_id_at(moment: datetime) -> str:
    """The lowest id a post of this moment can have."""
    # Whole milliseconds: seconds as a float lose one now and then.
    return str(max(0, (moment - _UNIX) // timedelta(milliseconds=1) - _EPOCH_MS) << 22)


def newest(ids: Iterable[str]) -> str | None:
    """The highest id, compared as integers."""
    return max(ids, key=int, default=None)


def _id(post: Mapping[str, Any], name: str) -> str:
    if found := _optional_id(post, name):
        return found
    raise Skip(f"{name} is {'missing' if name not in post else 'not an id'}")


def _optional_id(post: Mapping[str, Any], name: str) -> str | None:
    value = post.get(name)
    return value if is_id(value) else None


def _time(post: Mapping[str, Any]) -> datetime:
    try:
        moment = datetime.fromisoformat(str(post.get("created_at")))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Skip(f"created_at is {'not a time' if 'created_at' in post else 'missing'}")


def _text(post: Mapping[str, Any]) -> str:
    note = post.get("note_tweet")
    long = note.get("text") if isinstance(note, dict) else None
    text = long if isinstance(long, str) else post.get("text")
    if not isinstance(text, str):
        raise Skip(f"text is {'not a string' if 'text' in post else 'missing'}")
    return html.unescape(text)


def _lang(post: Mapping[str, Any]) -> str:
    value = post.get("lang")
    known = isinstance(value, str) and _LANG.fullmatch(value) and not _NO_LANGUAGE.fullmatch(value)
    return str(value) if known else ""


def _referenced(post: Mapping[str, Any]) -> list[tuple[str, str]]:
    entries = post.get("referenced_tweets")
    return [
        (e["type"], e["id"])
        for e in (entries if isinstance(entries, list) else [])
        if isinstance(e, dict)
        and is_id(e.get("id"))
        and e.get("type") in ("retweeted", "quoted", "replied_to")
    ]


def _hashtags(post: Mapping[str, Any]) -> list[str]:
    note = post.get("note_tweet")
    entities = [post.get("entities"), note.get("entities") if isinstance(note, dict) else None]
    lists = [e.get("hashtags") for e in entities if isinstance(e, dict)]
    tags = [t.get("tag") for tags in lists if isinstance(tags, list) for t in tags if isinstance(t, dict)]
    return list(dict.fromkeys(t for t in tags if isinstance(t, str) and _TAG.fullmatch(t)))
