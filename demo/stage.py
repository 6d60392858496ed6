"""Putting mails and posts on the stand-ins' stages, through their control addresses."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from demo import story
from demo.common.serving import call_control

CHUNK = 500
"""Mails in one control request: what arrives in one moment should be seen in one."""


X_KEYS = {"consumer_key": "ck", "consumer_secret": "cs", "token": "1500000001-at", "token_secret": "ats"}
"""What our account on X writes with (OAuth 1.0a)."""


def prepare(gmail: str, x: str, addresses: Sequence[str]) -> None:
    """The mailbox (its first address, the others are aliases) and our account on X exist; again changes nothing."""
    call_control(gmail, "mailboxes", {"address": addresses[0], "aliases": list(addresses[1:])})
    us = {"handle": story.HANDLE, "name": "Volmera", "app_tokens": ["app-token"], "oauth1": X_KEYS}
    call_control(x, "users", us)


def deliver(gmail: str, x: str, mailbox: str, steps: Sequence[story.Step]) -> None:
    """Put steps into the mailbox and on X."""
    mails = [s for s in steps if isinstance(s, story.Mail)]
    posts = [s for s in steps if isinstance(s, story.Post)]
    for start in range(0, len(mails), CHUNK):
        batch = [mail_json(m) for m in mails[start : start + CHUNK]]
        call_control(gmail, f"mailboxes/{mailbox}/deliver", {"messages": batch})
    if posts:
        call_control(x, "deliver", {"posts": [post_json(p) for p in posts]})


def mail_json(mail: story.Mail) -> dict[str, Any]:
    """A mail as the Gmail stand-in's control takes it."""
    return {
        "raw": base64.urlsafe_b64encode(mail.raw).decode(), "internalDate": int(mail.at.timestamp() * 1000),
        "labels": list(mail.labels), "thread": mail.thread,
    }  # fmt: skip


def post_json(post: story.Post) -> dict[str, Any]:
    """A post as the X stand-in's control takes it."""
    given = {
        "id": post.label, "author": post.author, "author_name": post.name, "text": post.text,
        "created_at": post.at.isoformat(), "lang": post.lang, "reply_to": post.reply_to, "quotes": post.quotes,
        "retweets": post.retweets,
    }  # fmt: skip
    return {key: value for key, value in given.items() if value is not None}
