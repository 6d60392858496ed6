"""RFC 5322 bytes to what triage needs of a mail. Never raises, whatever the bytes, and never takes long.

The work is bounded by counts, not by time: the parts by `mail_parts`, the text by the constants below, and
what was cut is named in `defects`. Attachments are measured, never opened (a winmail.dat is one of them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from triage.sources import mail_calendar, mail_header, mail_html, mail_parts, mail_reply
from triage.sources.mail_automatic import automatic_reason
from triage.sources.mail_parts import MOST_PARTS, Part

__all__ = ["MOST_PARTS", "Attachment", "Parsed", "parse"]

_MOST_TEXT_BYTES = 1_000_000
"""Decoded in all parts of a mail together; 200,000 characters of it are kept, a novel's first third."""
_NOT_TEXT = frozenset(
    {"calendar", "rtf", "csv", "css", "vcard", "x-vcard", "directory", "rfc822-headers", "xml"}
)
_CALENDARS = ("text/calendar", "application/ics")
_TNEF = ("application/ms-tnef", "application/vnd.ms-tnef")


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """An attached file as its part describes it, and its size once decoded (of an attached mail: as sent)."""

    name: str
    type: str
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Parsed:
    """A mail. `text` is what was written now, `full_text` all of it.

    `sent_at` is what the Date header claims, else when the last server received it. `automatic` names the
    header that shows a machine wrote it. `sender` and `to` are (name, address).
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
    mail = mail_parts.read(raw, defects)
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
        sent_at=_sent_at(headers, defects),
        text=mail_reply.new_text(fresh),
        full_text=full,
        automatic=automatic_reason(
            headers.get,
            author=sender[1],
            content_type=mail.head.get_content_type(),
            has_empty_return_path=headers.get("Return-Path") == "<>",
            own=own,
        ),
        attachments=tuple(body.attachments),
        defects=tuple(dict.fromkeys(defects)),
    )


class _Headers:
    """The first value of each header, as unfolded text."""

    def __init__(self, mail: Part) -> None:
        self._values: dict[str, str] = {}
        for name, value in mail.head.raw_items():
            self._values.setdefault(str(name).lower(), str(value))

    def get(self, name: str) -> str:
        return mail_header.unfold(self._values.get(name.lower(), ""))


def _sent_at(headers: _Headers, defects: list[str]) -> datetime | None:
    if moment := mail_header.date(headers.get("Date")):
        return moment
    received = mail_header.date(headers.get("Received").rpartition(";")[2].strip())
    defects.append("no readable date" + (", time of receipt taken" if received else ""))
    return received


class _Body:
    """Walks the parts: text to read, attachments to list."""

    def __init__(self, defects: list[str]) -> None:
        self.attachments: list[Attachment] = []
        self._defects = defects
        self._texts: list[tuple[str, str]] = []
        self._nested: list[Part] = []
        self._calendars: list[Part] = []
        self._bytes = _MOST_TEXT_BYTES
        self._tags = mail_html.MOST_TAGS

    def read(self, mail: Part) -> None:
        """Read a mail; a mail nested in it, or an invitation, only when it has no text of its own."""
        self._visit(mail)
        if not self._has_text() and self._nested:
            self._visit(self._nested[0])
        if not self._has_text() and self._calendars:
            text = mail_calendar.to_text(self._decoded(self._calendars[0]))
            self._texts.append((text, text))

    def texts(self) -> tuple[str, str]:
        """(the full text, the text to cut quotes from)."""
        full = "\n\n".join(whole.strip("\r\n") for whole, _ in self._texts)
        fresh = "\n\n".join(part.strip("\r\n") for _, part in self._texts)
        most = mail_reply.MOST_CHARACTERS
        if len(full) > most:
            self._defects.append(f"text cut after {most} characters")
        if fresh.count("\n", 0, most) > mail_reply.MOST_LINES:
            self._defects.append(f"new text looked for in {mail_reply.MOST_LINES} lines")
        return "\n".join(full[:most].splitlines()).strip(), fresh[:most]

    def _has_text(self) -> bool:
        return any(whole.strip() for whole, _ in self._texts)

    def _visit(self, part: Part, *, reading: bool = True) -> None:
        """List the attachments below a part and, when `reading`, take its text."""
        if part.kind == "multipart/alternative" and reading:
            self._alternative(part.children)
        elif part.kind.startswith("multipart/"):
            for child in part.children:
                self._visit(child, reading=reading)
        elif not _is_text(part):
            self._nested += part.children
            self._calendars += [part] if part.kind in _CALENDARS else []
            self._attach(part)
        elif reading:
            self._texts.append(self._text(part))

    def _alternative(self, children: Sequence[Part]) -> None:
        """One rendering of several: plain text when it says anything, else the last that has text."""
        before, plain = self._texts, False
        chosen: list[tuple[str, str]] = []
        for child in sorted(children, key=lambda c: c.kind != "text/plain"):
            self._texts = []
            self._visit(child, reading=not plain)
            if self._has_text():
                chosen, plain = self._texts, child.kind == "text/plain"
        self._texts = before + chosen

    def _text(self, part: Part) -> tuple[str, str]:
        text = self._decoded(part)
        if part.kind != "text/html":
            return text, text
        tags = text.count("<")
        most, self._tags = self._tags, max(0, self._tags - tags)
        if tags > most:
            self._defects.append(f"HTML beyond {mail_html.MOST_TAGS} tags is not laid out")
        if len(text) > mail_html.MOST_HTML_CHARACTERS:
            self._defects.append(f"HTML cut after {mail_html.MOST_HTML_CHARACTERS} characters")
        return mail_html.to_text(text, most_tags=most)

    def _decoded(self, part: Part) -> str:
        """The text of a part, as far as the bound for the whole mail allows."""
        content, trouble = part.content(self._bytes)
        self._bytes -= len(content)
        if self._bytes <= 0:
            self._defects.append(f"text cut after {_MOST_TEXT_BYTES} bytes")
        text, lie = mail_header.decode_bytes(content, part.charset())
        self._defects += [what for what in (trouble, lie) if what]
        return text

    def _attach(self, part: Part) -> None:
        name, size = part.filename(), part.size()
        if part.kind in _TNEF:
            self._defects.append("winmail.dat (TNEF) is listed, not opened")
        if size or name:
            self.attachments.append(Attachment(name=name, type=part.kind, bytes=size))


def _is_text(part: Part) -> bool:
    if not part.kind.startswith("text/") or part.kind.removeprefix("text/") in _NOT_TEXT:
        return False
    disposition = mail_header.unfold(str(part.head.get("Content-Disposition", "")))
    return disposition.partition(";")[0].strip().lower() != "attachment" and not part.filename()
