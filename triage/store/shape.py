"""A message as the columns that PostgreSQL takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg2.extras import Json

from triage.core.types import Message

Head = tuple[str, str, str]
"""Source, account and key of a conversation, as its account sees it."""

_LONGEST_ID = 998
"""A line of RFC 5322; what is longer is no Message-ID that anybody made in good faith, and too long for an index."""


def clean(text: str) -> str:
    """PostgreSQL text holds no NUL and no lone surrogate."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def clean_json(value: Any) -> Any:
    """The same for every string inside a JSON value."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): clean_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(item) for item in value]
    return value


def head(message: Message) -> Head:
    """The conversation a message belongs to."""
    return message.key.source, message.key.account, clean(message.conversation)


def key(message: Message) -> tuple[str, str, str]:
    """What makes a message itself."""
    return message.key.source, message.key.account, clean(message.key.native_id)


def global_id(message: Message) -> str | None:
    """The Message-ID, if it can serve as one."""
    return clean(message.global_id) if 0 < len(message.global_id) <= _LONGEST_ID else None


def row(m: Message, ids: Mapping[Head, int]) -> tuple[Any, ...]:
    """The columns of `upsert_messages`; `ids` are those of the conversations."""
    return (
        *key(m), ids[head(m)], m.direction.value, clean(m.author), clean(m.author_name), m.sent_at, m.fetched_at,
        clean(m.subject), clean(m.text), m.lang, clean(m.url), [clean(label) for label in m.labels],
        None if m.reply_to is None else clean(m.reply_to), global_id(m), clean(m.automatic_reason), m.bare_thanks,
        Json(clean_json(m.extra)),
    )  # fmt: skip
