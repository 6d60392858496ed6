"""Posting and deleting, through the API and on cue."""

from __future__ import annotations

from typing import Any

from demo.x.errors import (
    DUPLICATE,
    NOT_SUMMONED,
    NOT_YOURS,
    REPLY_TO_NOTHING,
    TOO_LONG,
    XError,
    invalid_request,
    missing,
    plain,
)
from demo.x.hub import Hub
from demo.x.people import User
from demo.x.posts import Post
from demo.x.reads import Call
from demo.x.text import LIMIT, guess_language, links, render, weighted_length

DAY_MS = 86_400_000
RETWEET_LIMIT = 140
SERVED = {"text": str, "reply": dict, "quote_tweet_id": str, "reply_settings": str, "made_with_ai": bool}
REPLY_FIELDS = {
    "in_reply_to_tweet_id": str,
    "auto_populate_reply_metadata": bool,
    "exclude_reply_user_ids": list,
}


def make_post(
    hub: Hub,
    author: User,
    text: str,
    ms: int,
    *,
    reply_to: Post | None = None,
    quotes: Post | None = None,
    retweets: Post | None = None,
    label: str | None = None,
    lang: str | None = None,
) -> Post:
    """Put a post into the world as X stores it: threaded, with the @handle that a reply begins with."""
    prefix = _prefix(hub, author, text, reply_to)
    original = retweets and hub.posts.by_id.get(retweets.retweets or 0, retweets)
    if original is not None and not text:
        text = _retweet_text(hub, original)
    new = hub.posts.free_id(ms)
    return hub.posts.save(
        Post(
            id=new,
            author=author.id,
            text=prefix + text,
            prefix=len(prefix),
            lang=lang or (original.lang if original else guess_language(text)),
            conversation=reply_to.conversation if reply_to else new,
            reply_to=reply_to.id if reply_to else None,
            reply_user=reply_to.author if reply_to else None,
            quotes=quotes.id if quotes else None,
            retweets=original.id if original else None,
            versions=(new,),
            label=label,
        )
    )


def _prefix(hub: Hub, author: User, text: str, reply_to: Post | None) -> str:
    if reply_to is None or reply_to.author == author.id:
        return ""
    handle = hub.people.by_id[reply_to.author].handle
    return "" if handle.lower() in render(text).mentions else f"@{handle} "


def _retweet_text(hub: Hub, original: Post) -> str:
    text = f"RT @{hub.people.by_id[original.author].handle}: {original.text}"
    return text if len(text) <= RETWEET_LIMIT else text[: RETWEET_LIMIT - 1] + "…"


def tweets_create(call: Call) -> dict[str, Any]:
    """POST /2/tweets"""
    hub, author, body = call.hub, call.caller.user, _checked(call.body)
    text = body.get("text", "")
    if weighted_length(text) > LIMIT:
        raise plain(403, TOO_LONG)
    target = _visible(hub, body.get("reply", {}).get("in_reply_to_tweet_id"))
    quoted = _visible(hub, body.get("quote_tweet_id"))
    if target is not None and not _may_reply(hub, author, target):
        raise plain(403, NOT_SUMMONED)
    if _duplicate(hub, author, _prefix(hub, author, text, target) + text):
        raise plain(403, DUPLICATE)
    post = make_post(hub, author, text, hub.now_ms, reply_to=target, quotes=quoted)
    hub.ledger.charge("create_with_url" if links(text) else "create")
    return {"data": {"id": str(post.id), "text": post.shown.text, "edit_history_tweet_ids": [str(post.id)]}}


def tweets_delete(call: Call) -> dict[str, Any]:
    """DELETE /2/tweets/:id"""
    value = call.params["id"]
    post = call.hub.posts.live(int(value))
    if post is None:
        raise XError(404, missing("tweet", "id", value) | {"status": 404})
    if post.author != call.caller.user.id:
        raise plain(403, NOT_YOURS)
    call.hub.posts.delete(post)
    return {"data": {"deleted": True}}


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    faults = _field_faults("$", body, SERVED)
    if isinstance(body.get("reply"), dict):
        faults += _field_faults("$.reply", body["reply"], REPLY_FIELDS)
        if "in_reply_to_tweet_id" not in body["reply"]:
            faults.append("$.reply.in_reply_to_tweet_id: is missing but it is required")
    if not faults and not str(body.get("text", "")).strip():
        faults.append("$.text: is missing but it is required")
    if faults:
        raise invalid_request([({}, f"[{fault}]") for fault in faults])
    return body


def _field_faults(path: str, body: dict[str, Any], known: dict[str, type]) -> list[str]:
    stray = "is not defined in the schema and the schema does not allow additional properties"
    faults = [f"{path}.{name}: {stray}" for name in body if name not in known]
    typed = [
        (name, kind) for name, kind in known.items() if name in body and not isinstance(body[name], kind)
    ]
    return faults + [
        f"{path}.{name}: {type(body[name]).__name__} found, {kind.__name__} expected" for name, kind in typed
    ]


def _visible(hub: Hub, post_id: str | None) -> Post | None:
    """The post that is replied to or quoted; None when nothing is."""
    if post_id is None:
        return None
    found = hub.posts.live(int(post_id)) if post_id.isdigit() else None
    if found is None:
        raise plain(403, REPLY_TO_NOTHING)
    return found


def _may_reply(hub: Hub, author: User, target: Post) -> bool:
    """Summoned only: whoever wrote the post must have mentioned or quoted us in this conversation."""
    if target.author == author.id or hub.setting("reply_policy") == "open":
        return True
    name = author.handle.lower()
    for post in hub.posts.newest_first(target.conversation - 1, 1 << 63):
        if (post.author, post.conversation) != (target.author, target.conversation):
            continue
        quoted = hub.posts.by_id.get(post.quotes or 0)
        if name in post.whole.mentions or (quoted is not None and quoted.author == author.id):
            return True
    return False


def _duplicate(hub: Hub, author: User, text: str) -> bool:
    from_day = hub.posts.newest_first(hub.posts.free_id(hub.now_ms - DAY_MS) - 1, 1 << 63)
    return any(post.author == author.id and post.text == text for post in from_day)
