"""One Gmail message, as the API gives it raw, to ours."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.utils import parseaddr
from typing import Any
from urllib.parse import quote

from triage.core.errors import Skip
from triage.core.thanks import is_bare_thanks
from triage.core.types import Direction, Message, MessageKey, Quarantined
from triage.sources import mail

_MOST_QUARANTINED_BYTES = 64 * 1024
_MOST_HEADER_BYTES = 64 * 1024


def to_message(
    answer: Mapping[str, Any], key: MessageKey, *, addresses: Sequence[str], fetched_at: datetime
) -> Message:
    """The message; `addresses` are ours, in lower case, the first the one whose web page links open. Raises Skip."""
    raw = _raw(answer)
    parsed = mail.parse(raw, own=addresses)
    if not (parsed.sender[1] or parsed.full_text or parsed.attachments):
        raise Skip("the mail has neither sender nor text")
    name, address = _author(parsed, raw, addresses)
    direction = _direction(parsed, address, answer.get("labelIds", ()), addresses)
    return Message(
        key=key,
        conversation=str(answer["threadId"]),
        direction=direction,
        author=address,
        author_name=name,
        sent_at=_moment(answer),
        fetched_at=fetched_at,
        subject=parsed.subject,
        text=parsed.text,
        url=link(key.native_id, addresses),
        labels=tuple(answer.get("labelIds", ())),
        reply_to=parsed.in_reply_to or None,
        global_id=parsed.message_id,
        automatic_reason=parsed.automatic,
        bare_thanks=direction is Direction.INBOUND and is_bare_thanks(parsed.text),
        extra={
            "message_id": parsed.message_id,
            "references": list(parsed.references),
            "to": [address for _, address in parsed.to],
            "attachments": [{"name": a.name, "type": a.type, "bytes": a.bytes} for a in parsed.attachments],
        },
    )


def to_quarantine(answer: Mapping[str, Any], key: MessageKey, reason: str) -> Quarantined:
    """The item that could not be read, with its first 64 kB as base64."""
    try:
        raw = base64.b64encode(_raw(answer)[:_MOST_QUARANTINED_BYTES]).decode()
    except Skip:
        raw = ""
    return Quarantined(key=key, reason=reason, raw=raw)


def _raw(answer: Mapping[str, Any]) -> bytes:
    try:
        text = str(answer["raw"])
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (KeyError, binascii.Error, ValueError):
        raise Skip("Gmail gave no readable raw mail") from None
    if not raw.strip():
        raise Skip("the mail is empty")
    return raw


def _moment(answer: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromtimestamp(int(answer["internalDate"]) / 1000, UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        raise Skip("Gmail gave no time of arrival") from None


def _author(parsed: mail.Parsed, raw: bytes, addresses: Sequence[str]) -> tuple[str, str]:
    """Name and address of who wrote. A group of ours sends on what a customer wrote as its own mail, and says whose.

    Google Groups does so when the customer's domain forbids others to send for it (DMARC):
    `From: 'Ana' via Care <care@…>` with `X-Original-Sender: ana@…`.
    """
    name, address = parsed.sender
    if address not in addresses:
        return name, address
    head = BytesHeaderParser().parsebytes(raw[:_MOST_HEADER_BYTES])
    original = parseaddr(str(head.get("X-Original-Sender", "")))[1].lower()
    if "@" not in original or original in addresses:
        return name, address
    return re.sub(r"^'(.*)' via .*$", r"\1", name), original


def _direction(
    parsed: mail.Parsed, author: str, labels: Sequence[str], addresses: Sequence[str]
) -> Direction:
    if parsed.automatic:
        return Direction.AUTOMATIC
    return Direction.OUTBOUND if "SENT" in labels or author in addresses else Direction.INBOUND


def link(native_id: str, addresses: Sequence[str]) -> str:
    """Where a person can read a message: the web page of the mailbox, which is the first of the addresses."""
    user = quote(addresses[0]) if addresses else ""
    return f"https://mail.google.com/mail/u/?authuser={user}#all/{quote(native_id)}"
