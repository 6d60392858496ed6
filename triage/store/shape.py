"""A message as the columns that PostgreSQL takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from triage.core.types import Message

Head = tuple[str, str, str]
"""Source, account and key of a conversation, as its account sees it."""

_LONGEST_ID = 998
"""A line of RFC 5322; what is longer is no Message-ID that anybody made in good faith, and too long for an index."""


def clean(text: str) -> str:
    """PostgreSQL text holds no NUL and no lone surrogate."""
    if text.isascii() and "\x00" not in text:
        return text
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


def row(m: Message, ids: Mapping[Head, int]) -> dict[str, Any]:
    """The columns of `upsert_messages`, as they are; `ids` are those of the conversations."""
    source, account, native_id = key(m)
    return {
        "source": source, "account": account, "native_id": native_id, "conversation_id": ids[head(m)],
        "direction": m.direction.value, "author": m.author, "author_name": m.author_name, "sent_at": m.sent_at,
        "fetched_at": m.fetched_at, "subject": m.subject, "text": m.text, "lang": m.lang, "url": m.url,
        "labels": list(m.labels), "reply_to": m.reply_to, "global_id": global_id(m),
        "automatic_reason": m.automatic_reason, "bare_thanks": m.bare_thanks, "extra": m.extra,
    }  # fmt: skip


def document(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as one JSON text that PostgreSQL takes; cleaned only when there is anything in them that it would not."""
    with suppress(TypeError, UnicodeEncodeError):
        written = msgspec.json.encode(rows)
        if b"\\u0000" not in written:
            return written.decode()
    return msgspec.json.encode(clean_json(rows)).decode()
