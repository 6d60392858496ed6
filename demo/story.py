"""The story of the demo, read from demo/story/*.yaml: mails as bytes and posts as values, in time order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "story"
MAILBOX = "care@volmera.example"
ALIASES = ("bonjour@volmera.example",)
TEAM = f"Volmera Care <{MAILBOX}>"
HANDLE = "volmera"
_OFFSET = re.compile(r"([+-])(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?")


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A mail to put into the mailbox: raw bytes, its moment, system labels, the thread it belongs to."""

    at: datetime
    thread: str
    raw: bytes
    labels: tuple[str, ...]
    who: str
    subject: str


@dataclass(frozen=True, kw_only=True)
class Post:
    """A post to publish; `label` is its name in the story, references are labels too."""

    at: datetime
    label: str
    author: str
    name: str
    text: str
    lang: str
    reply_to: str | None = None
    quotes: str | None = None
    retweets: str | None = None


Step = Mail | Post


@dataclass(frozen=True, kw_only=True)
class Thread:
    """What the writer says of a conversation: the topic a fair reader calls it, and how it ends."""

    name: str
    channel: str
    lang: str
    topic: str
    ends: str


def offset(text: str) -> timedelta:
    """`-1d20h05m`, `+4m` as a timedelta from T0."""
    match = _OFFSET.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not an offset; write it as -1d20h05m or +4m")
    sign, days, hours, minutes = match.groups()
    span = timedelta(days=int(days or 0), hours=int(hours or 0), minutes=int(minutes or 0))
    return -span if sign == "-" else span


def files(*, encore: bool) -> list[Path]:
    """The files of the story, or of the encore."""
    return [p for p in sorted(FOLDER.glob("*.yaml")) if (p.stem == "encore") == encore]


def conversations(paths: list[Path]) -> Iterator[dict[str, Any]]:
    """Every conversation of these files, as written."""
    for path in paths:
        yield from yaml.safe_load(path.read_text(encoding="utf-8"))


def threads(paths: list[Path]) -> list[Thread]:
    """What the writers say of each conversation."""
    return [
        Thread(name=c["thread"], channel=c["channel"], lang=c["lang"], topic=c["topic"], ends=c["ends"])
        for c in conversations(paths)
    ]


def steps(paths: list[Path], start: datetime, *, pace: float = 1.0) -> list[Step]:
    """All mails and posts in the order of time; offsets count from `start`, those after it pass `pace` times faster."""
    found: list[Step] = []
    for conversation in conversations(paths):
        if conversation["channel"] == "gmail":
            found.extend(_mails(conversation, start, pace))
        else:
            found.extend(_posts(conversation, start, pace))
    return sorted(found, key=lambda step: step.at)


def _when(start: datetime, text: str, pace: float | None) -> datetime:
    """The moment of an offset; without a pace everything happens at the start."""
    if pace is None:
        return start
    span = offset(text)
    return start + (span / pace if span > timedelta() else span)


def at_moment(step: Step, moment: datetime, paths: list[Path]) -> Step:
    """The same step of the encore, happening now (a mail carries its date inside, so it is written anew)."""
    for conversation in conversations(paths):
        made: list[Step] = list(
            _mails(conversation, moment, None) if conversation["channel"] == "gmail"
            else _posts(conversation, moment, None)
        )  # fmt: skip
        for candidate in made:
            if _name(candidate) == _name(step):
                return candidate
    raise KeyError(_name(step))


def _name(step: Step) -> str:
    if isinstance(step, Post):
        return step.label
    found = re.search(rb"(?im)^message-id: *(\S+)", step.raw)
    return found[1].decode() if found else step.thread


def _mails(conversation: dict[str, Any], start: datetime, pace: float | None) -> Iterator[Mail]:
    ids: list[str] = []
    first = conversation["messages"][0]
    for number, item in enumerate(conversation["messages"]):
        at = _when(start, item["at"], pace)
        ours = item["from"] == "team"
        message_id = f"<{conversation['thread']}.{number}@{'volmera' if ours else 'mail'}.example>"
        raw = (
            _bytes(item["raw"]) if "raw" in item
            else _compose(conversation, item, at, ids, message_id, to=first["from"] if ours else MAILBOX)
        )  # fmt: skip
        ids.append(message_id)
        labels = tuple(item.get("labels") or (("SENT",) if ours else ("INBOX", "UNREAD")))
        yield Mail(
            at=at, thread=conversation["thread"], raw=raw, labels=labels,
            who=TEAM if ours else item["from"], subject=str(item.get("subject") or conversation.get("subject", "")),
        )  # fmt: skip


def _bytes(text: str) -> bytes:
    r"""A raw mail as written: `\xNN` is one byte, everything else UTF-8, lines end as on the wire."""
    parts = re.split(r"\\x([0-9a-fA-F]{2})", text)
    data = b"".join(
        bytes.fromhex(part) if index % 2 else part.encode("utf-8") for index, part in enumerate(parts)
    )
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _compose(
    conversation: dict[str, Any],
    item: dict[str, Any],
    at: datetime,
    ids: list[str],
    message_id: str,
    *,
    to: str,
) -> bytes:
    mail = EmailMessage()
    mail["From"] = TEAM if item["from"] == "team" else item["from"]
    mail["To"] = item.get("to") or (MAILBOX if to == "team" else to)
    if item.get("cc"):
        mail["Cc"] = item["cc"]
    subject = str(conversation.get("subject", ""))
    mail["Subject"] = item.get("subject") or (f"Re: {subject.removeprefix('Re: ')}" if ids else subject)
    mail["Date"] = format_datetime(at.astimezone(UTC))
    mail["Message-ID"] = message_id
    if ids:
        mail["In-Reply-To"] = ids[-1]
        mail["References"] = " ".join(ids[-10:])
    for name, value in (item.get("headers") or {}).items():
        if name.lower() not in {key.lower() for key in mail}:
            mail[name] = str(value)
    if "html" in item:
        mail.set_content(item["html"], subtype="html", cte="quoted-printable")
    else:
        mail.set_content(item.get("text", ""), cte="quoted-printable")
    return mail.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _posts(conversation: dict[str, Any], start: datetime, pace: float | None) -> Iterator[Post]:
    for item in conversation["messages"]:
        handle, name = _author(item["from"])
        yield Post(
            at=_when(start, item["at"], pace), label=item["id"], author=handle, name=name,
            text=item.get("text", "").strip(), lang=conversation["lang"], reply_to=item.get("reply_to"),
            quotes=item.get("quotes"), retweets=item.get("retweets"),
        )  # fmt: skip


def _author(written: str) -> tuple[str, str]:
    if written == "team":
        return HANDLE, "Volmera"
    match = re.fullmatch(r"@(\w+)(?: \((.*)\))?", written.strip())
    if not match:
        raise ValueError(f'{written!r} is not an author; write it as "@handle (Name)"')
    return match[1], match[2] or match[1]


def sender(step: Step) -> str:
    """Who a step is from, for the progress line."""
    if isinstance(step, Post):
        return f"@{step.author}"
    return parseaddr(step.who)[0] or step.who
