"""Bring your own input: a mailbox export or a folder of mails, and posts, in place of the story."""

from __future__ import annotations

import json
import mailbox
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path
from typing import Any

from demo.story import HANDLE, Mail, Post

MAIL_ENDINGS = {".eml", ".msg", ".raw", ".txt"}
OLDEST = datetime(1970, 1, 2, tzinfo=UTC)
WINDOW = timedelta(days=6)
"""X's search reaches back seven days: older posts are moved into these."""

_SYSTEM = {
    "inbox": "INBOX", "sent": "SENT", "unread": "UNREAD", "starred": "STARRED", "important": "IMPORTANT",
    "spam": "SPAM", "trash": "TRASH", "drafts": "DRAFT", "category promotions": "CATEGORY_PROMOTIONS",
    "category updates": "CATEGORY_UPDATES", "category social": "CATEGORY_SOCIAL", "category forums": "CATEGORY_FORUMS",
}  # fmt: skip


class InputError(ValueError):
    """What was brought cannot be used; the text names the file and the mend."""


@dataclass(frozen=True, kw_only=True)
class Brought:
    """Mails, the addresses that are ours in them, and what was passed over."""

    mails: list[Mail]
    addresses: tuple[str, ...]
    passed_over: int


def mails(path: Path, *, ours: tuple[str, ...] = ()) -> Brought:
    """Read an mbox file (Google Takeout's labels and threads kept) or a folder of mails.

    `ours` are our addresses; without them the commonest recipient is taken for the mailbox.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist; give an mbox file or a folder of .eml files with --mbox")
    passed = 0
    if path.is_dir():
        found = [p for p in sorted(path.rglob("*")) if p.is_file()]
        chosen = [p for p in found if p.suffix.lower() in MAIL_ENDINGS]
        passed = len(found) - len(chosen)
        raws = [(p.read_bytes(), str(p.relative_to(path)), p.stat().st_mtime) for p in chosen]
    else:
        raws = [(data, f"{path.name}#{n}", path.stat().st_mtime) for n, data in enumerate(_mbox(path), 1)]
    if not raws:
        raise InputError(f"{path} holds no mail; an mbox starts with a line `From `, a folder has .eml files")
    parsed = [(raw, name, stamp, _headers(raw)) for raw, name, stamp in raws]
    addresses = ours or _guess(head for _, _, _, head in parsed)
    return Brought(
        mails=sorted((_mail(*item, addresses) for item in parsed), key=lambda m: m.at),
        addresses=addresses,
        passed_over=passed,
    )


def _mbox(path: Path) -> Iterator[bytes]:
    box = mailbox.mbox(path, create=False)
    for key in box.keys():  # noqa: SIM118 - an mbox is not a dict: iterating it gives messages
        yield box.get_bytes(key)


def _headers(raw: bytes) -> Message:
    return message_from_bytes(raw[: 256 * 1024])


def _header(head: Message, name: str) -> str:
    try:
        return str(head.get(name, ""))
    except (ValueError, LookupError, UnicodeError):
        return ""


def _addresses(head: Message, *names: str) -> list[str]:
    found = getaddresses([_header(head, name) for name in names])
    return [address.lower() for _, address in found if "@" in address]


def _guess(heads: Iterator[Message]) -> tuple[str, ...]:
    """The mailbox is whoever mail was delivered to most often."""
    counted: Counter[str] = Counter()
    for head in heads:
        counted.update(_addresses(head, "Delivered-To", "X-Original-To") or _addresses(head, "To")[:1])
    return (counted.most_common(1)[0][0],) if counted else ("me@mailbox.example",)


def _mail(raw: bytes, name: str, stamp: float, head: Message, ours: tuple[str, ...]) -> Mail:
    sender = (_addresses(head, "From") or [""])[0]
    thread = _header(head, "X-GM-THRID").strip() or _thread(head) or name
    return Mail(
        at=_moment(head, stamp), thread=f"thread:{thread}", raw=raw, labels=_labels(head, sender in ours),
        who=sender or name, subject=_header(head, "Subject")[:80],
    )  # fmt: skip


def _thread(head: Message) -> str:
    """The first mail a reply refers to; replies to it share the thread."""
    ids = re.findall(r"<[^<>\s]+>", _header(head, "References") + _header(head, "In-Reply-To"))
    return ids[0] if ids else _header(head, "Message-ID").strip()


def _labels(head: Message, ours: bool) -> tuple[str, ...]:
    takeout = _header(head, "X-GM-LABELS")
    if not takeout:
        return ("SENT",) if ours else ("INBOX", "UNREAD")
    return tuple(
        dict.fromkeys(_SYSTEM.get(label.strip().lower(), label.strip()) for label in takeout.split(","))
    )


def _moment(head: Message, stamp: float) -> datetime:
    try:
        moment = parsedate_to_datetime(_header(head, "Date"))
    except (ValueError, TypeError, IndexError, OverflowError):
        moment = datetime.fromtimestamp(stamp, UTC)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(moment.astimezone(UTC), OLDEST), datetime.now(UTC) - timedelta(minutes=1))


def posts(path: Path) -> list[Post]:
    """Read posts, one JSON object a line: `text`, and if there are `id`, `author`, `created_at`, `lang`,
    `reply_to`. Posts older than X's search reaches are moved, in their order, into the last six days; one
    that does not mention the brand gets its mention in front, for X finds a post only so.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); give a JSON-lines file with --posts"
        ) from None
    rows = [_row(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise InputError(f"{path} holds no post; write one JSON object a line with at least `text`")
    rows.sort(key=lambda row: row["at"])
    labels = {row["label"] for row in rows}
    for row in rows:
        if str(row.get("reply_to")) not in labels:
            row["reply_to"] = None
    newest, oldest = rows[-1]["at"], rows[0]["at"]
    spread = max(newest - oldest, timedelta(seconds=1))
    now = datetime.now(UTC) - timedelta(minutes=1)
    squeeze = min(1.0, WINDOW / spread)
    return [_post(row, now - (newest - row["at"]) * squeeze) for row in rows]


def _row(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        text = row["text"]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}:{number}: not a JSON object with `text`; mend or remove the line") from None
    try:
        at = datetime.fromisoformat(str(row.get("created_at")).replace("Z", "+00:00"))
    except ValueError:
        at = datetime.now(UTC)
    return {
        **row,
        "text": str(text),
        "label": str(row.get("id") or f"post-{number}"),
        "at": at if at.tzinfo else at.replace(tzinfo=UTC),
    }


def _post(row: dict[str, Any], at: datetime) -> Post:
    author = (
        re.sub(r"\W", "", str(row.get("author") or ""))[:15]
        or f"writer{zlib.crc32(row['label'].encode()) % 10**6}"
    )
    text = row["text"] if f"@{HANDLE}" in row["text"].lower() else f"@{HANDLE} {row['text']}"
    return Post(
        at=at, label=row["label"], author=author, name=author, text=text, lang=str(row.get("lang") or "und"),
        reply_to=row.get("reply_to"),
    )  # fmt: skip
