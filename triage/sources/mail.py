"""RFC 5322 bytes to what triage needs of a mail. Never raises, whatever the bytes, and never takes long.

Bounds: 200 kB of header, 50,000 lines beside base64 (fewer with many boundaries), 500 parts, 500,000
characters of HTML, 200,000 of text. Attachments are measured, never opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import Message as Part

from triage.sources import mail_header, mail_html, mail_reply
from triage.sources.mail_automatic import automatic_reason

MOST_PARTS = 500
_MOST_BOUNDARIES = 2_000
_MOST_LINES = 50_000
_MOST_LINES_TIMES_BOUNDARIES = 1_000_000
_MOST_HEADER = 200_000
_MOST_TEXT_BYTES = 1_000_000
_NEWLINE = b"\n"
_BLANK_LINE = re.compile(rb"\r?\n\r?\n|\A\r?\n")
_BASE64_RUN = re.compile(rb"^(?>[A-Za-z0-9+/]{60,100}\r?\n){8,}+", re.MULTILINE)
"""Long attachments, joined to one line before parsing: their size stays right and the parser stays quick."""

_MOST_FALLBACK = 200_000
_NOT_TEXT = frozenset(
    {"calendar", "rtf", "csv", "css", "vcard", "x-vcard", "directory", "rfc822-headers", "xml"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """An attached file as its part describes it, and its size once decoded."""

    name: str
    type: str
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Parsed:
    """A mail. `text` is what was written now, `full_text` all of it; `sent_at` is what the Date header claims.

    `automatic` names the header that shows a machine wrote it. `sender` and `to` are (name, address).
    """

    message_id: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    sender: tuple[str, str] = ("", "")
    to: tuple[tuple[str, str], ...] = ()
    subject: str = ""
    sent_at: datetime | None = None
    text: str = ""
    full_text: str = ""
    automatic: str = ""
    attachments: tuple[Attachment, ...] = ()
    defects: tuple[str, ...] = ()


def parse(raw: bytes, *, own: Sequence[str] = ()) -> Parsed:
    """Read a mail; what could not be read as it stands is named in `defects`. `own` are our addresses."""
    defects: list[str] = []
    mail = _read(raw, defects)
    headers = _Headers(mail)
    senders = mail_header.addresses(headers.get("From")) or mail_header.addresses(headers.get("Sender"))
    sender = senders[0] if senders else ("", "")
    if not senders:
        defects.append("no sender")
    body = _Body(defects)
    body.read(mail)
    full, fresh = body.texts()
    return Parsed(
        message_id=next(iter(mail_header.message_ids(headers.get("Message-ID"))), ""),
        in_reply_to=next(iter(mail_header.message_ids(headers.get("In-Reply-To"))), ""),
        references=mail_header.message_ids(headers.get("References"))[-100:],
        sender=sender,
        to=tuple(mail_header.addresses(headers.get("To"))[:200]),
        subject=mail_header.one_line(mail_header.decode_words(headers.get("Subject")))[:2000],
        sent_at=mail_header.date(headers.get("Date")),
        text=mail_reply.new_text(fresh),
        full_text=full,
        automatic=automatic_reason(
            headers.get,
            author=sender[1],
            content_type=mail.get_content_type(),
            has_empty_return_path=headers.get("Return-Path") == "<>",
            own=own,
        ),
        attachments=tuple(body.attachments),
        defects=tuple(dict.fromkeys(defects)),
    )


def _read(raw: bytes, defects: list[str]) -> Part:
    """The tree of parts; bytes that defeat the standard parser become one plain text."""
    raw = _bounded(raw, defects)
    try:
        return message_from_bytes(raw)
    except Exception as error:  # the parser raises many kinds on hostile bytes, RecursionError among them
        defects.append(f"structure unreadable ({type(error).__name__})")
    head, _, rest = raw[:_MOST_FALLBACK].replace(b"\r\n", b"\n").partition(b"\n\n")
    try:
        mail = message_from_bytes(head + b"\n\n")
        del mail["Content-Type"], mail["Content-Transfer-Encoding"]
    except Exception:  # as above; nothing of the header can be used
        mail, rest = Part(), raw[:_MOST_FALLBACK]
    mail.set_payload(rest.decode("ascii", "surrogateescape"))
    return mail


def _bounded(raw: bytes, defects: list[str]) -> bytes:
    """The mail, cut where the standard parser (which tests each line against each open boundary) gets slow."""
    end = _BLANK_LINE.search(raw)
    if end is None or end.start() > _MOST_HEADER:
        raw = raw[:_MOST_HEADER] + b"\n\n" + raw[_MOST_HEADER if end is None else end.end() :]
    raw = _BASE64_RUN.sub(lambda run: run[0].translate(None, b"\r\n") + b"\n", raw)
    for mark, most in ((b"\n--", _MOST_BOUNDARIES), (b"\n", _most_lines(raw))):
        if (cut := _position_of(mark, most, raw)) >= 0:
            raw = raw[:cut]
            defects.append(f"cut after {most} {'boundary ' if mark != _NEWLINE else ''}lines")
    return raw


def _most_lines(raw: bytes) -> int:
    return min(_MOST_LINES, _MOST_LINES_TIMES_BOUNDARIES // max(1, raw.lower().count(b"boundary=")))


def _position_of(mark: bytes, count: int, raw: bytes) -> int:
    """Where the mark occurs for the so-manieth time; -1 when it is rarer."""
    if raw.count(mark) <= count:
        return -1
    position = -1
    for _ in range(count):
        position = raw.find(mark, position + 1)
    return position


class _Headers:
    """The first value of each header, as unfolded text."""

    def __init__(self, mail: Part) -> None:
        self._values: dict[str, str] = {}
        for name, value in mail.raw_items():
            self._values.setdefault(str(name).lower(), str(value))

    def get(self, name: str) -> str:
        return mail_header.unfold(self._values.get(name.lower(), ""))


class _Body:
    """Walks the parts: text to read, attachments to list."""

    def __init__(self, defects: list[str]) -> None:
        self.attachments: list[Attachment] = []
        self._defects = defects
        self._texts: list[tuple[str, str]] = []
        self._nested: list[Part] = []
        self._parts = 0

    def read(self, mail: Part) -> None:
        """Read a mail; a mail nested in it only when it has no text of its own."""
        self._visit(mail)
        if not any(whole.strip() for whole, _ in self._texts):
            for inner in self._nested[:1]:
                self._nested = []
                self._visit(inner)

    def texts(self) -> tuple[str, str]:
        """(the full text, the text to cut quotes from)."""
        full = "\n\n".join(whole.strip("\r\n") for whole, _ in self._texts)[: mail_reply.MOST_CHARACTERS]
        fresh = "\n\n".join(part.strip("\r\n") for _, part in self._texts)[: mail_reply.MOST_CHARACTERS]
        return "\n".join(full.splitlines()).strip(), fresh

    def _visit(self, part: Part) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            self._defects.append(f"more than {MOST_PARTS} parts")
            return
        self._defects += [type(defect).__name__ for defect in part.defects]
        kind = part.get_content_type()
        children = list(_children(part))
        if kind == "message/rfc822":
            self._nested += children[:1]
            self._attach(part, kind)
        elif children and kind == "multipart/alternative":
            self._alternative(children)
        elif children and not kind.startswith("message/"):
            for child in children:
                self._visit(child)
        elif self._is_text(part, kind):
            self._texts.append(self._text(part, kind))
        else:
            self._attach(part, kind)

    def _alternative(self, children: list[Part]) -> None:
        """One rendering of several: plain text when it says anything, else the last that has text."""
        before, attached = list(self._texts), len(self.attachments)
        renderings: list[tuple[bool, list[tuple[str, str]]]] = []
        for child in children:
            self._texts = []
            self._visit(child)
            renderings.append((child.get_content_type() == "text/plain", self._texts))
        spoken = [(plain, texts) for plain, texts in renderings if any(whole.strip() for whole, _ in texts)]
        chosen = next((texts for plain, texts in spoken if plain), spoken[-1][1] if spoken else [])
        self._texts = before + chosen
        self.attachments[attached:] = [
            a for a in self.attachments[attached:] if not a.type.startswith("text/html")
        ]

    @staticmethod
    def _is_text(part: Part, kind: str) -> bool:
        if not kind.startswith("text/") or kind.removeprefix("text/") in _NOT_TEXT:
            return False
        disposition = (
            mail_header.unfold(str(part.get("Content-Disposition", ""))).split(";")[0].strip().lower()
        )
        return disposition != "attachment" and not _filename(part)

    def _text(self, part: Part, kind: str) -> tuple[str, str]:
        charset = _charset(part)
        content = _content(part, self._defects)[:_MOST_TEXT_BYTES]
        text, lie = mail_header.decode_bytes(content, charset)
        if lie:
            self._defects.append(lie)
        return mail_html.to_text(text) if kind == "text/html" else (text, text)

    def _attach(self, part: Part, kind: str) -> None:
        name = _filename(part)
        nested = part.is_multipart()
        size = sum(map(_rough_size, part.walk())) if nested else len(_content(part, self._defects))
        if size or name:
            self.attachments.append(Attachment(name=name, type=mail_header.clean(kind), bytes=size))


def _children(part: Part) -> Iterator[Part]:
    payload = part.get_payload() if part.is_multipart() else []
    if isinstance(payload, list):
        yield from (child for child in payload if isinstance(child, Part))


def _rough_size(part: Part) -> int:
    """Characters of a nested part as it was sent."""
    own = sum(len(str(name)) + len(str(value)) + 4 for name, value in part.raw_items())
    try:
        payload = part.get_payload()
    except Exception:  # a broken charset raises; such a part counts with its headers only
        payload = ""
    return own + (len(payload) if isinstance(payload, str) else 0)


def _as_it_stands(part: Part) -> bytes:
    """The content with its transfer encoding; the content type goes, since a broken one makes reading raise."""
    del part["Content-Type"]
    return str(part.get_payload()).encode("utf-8", "surrogateescape")


def _content(part: Part, defects: list[str]) -> bytes:
    """The decoded content; uuencode, slow to undo and long out of use, is left as it is."""
    if "uue" in str(part.get("Content-Transfer-Encoding", "")).lower():
        defects.append("uuencoded content is not decoded")
        return _as_it_stands(part)
    try:
        content = part.get_payload(decode=True)
    except Exception as error:  # broken transfer encodings raise several kinds
        defects.append(f"transfer encoding unreadable ({type(error).__name__})")
        content = _as_it_stands(part)
    return content if isinstance(content, bytes) else b""


def _charset(part: Part) -> str | None:
    try:
        charset = part.get_content_charset()
    except Exception:  # broken RFC 2231 parameters raise; such a part names no charset
        return None
    return charset if isinstance(charset, str) else None


def _filename(part: Part) -> str:
    try:
        name = part.get_filename() or ""
    except Exception:  # as above: a name that cannot be read is none
        return ""
    return mail_header.one_line(mail_header.decode_words(mail_header.unfold(str(name))))[:255]
