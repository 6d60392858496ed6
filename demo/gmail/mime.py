"""Raw mail to what the API shows of it: headers, the tree of parts, the snippet."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses
from typing import Any

SNIPPET_CHARACTERS = 200
PREFIX = re.compile(r"^\s*(re|fwd?|aw|wg|tr|rép|réf|rif|sv|vs|antw)\s*(\[\d+\])?\s*:\s*", re.IGNORECASE)
FOLD = re.compile(r"\r?\n(?=[ \t])|[\r\n]+")
MESSAGE_ID = re.compile(r"<[^<>\s]+>")
INVISIBLE = re.compile(r"<(script|style|head)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Facts:
    """What the mailbox indexes of a message."""

    message_id: str
    parents: tuple[str, ...]
    subject: str
    sender: str
    recipients: str
    snippet: str
    attached: bool
    words: str


def parse(raw: bytes) -> Message:
    """The parsed mail; bytes that defeat the parser become one plain text."""
    try:
        return message_from_bytes(raw)
    except Exception:
        # The standard parser raises on a few malformed mails (nesting, broken parameters); Gmail shows them.
        broken = Message()
        broken.set_type("text/plain")
        broken.set_payload(raw.decode("latin-1"))
        return broken


def facts(raw: bytes) -> Facts:
    """Index a mail."""
    mail = parse(raw)
    ids = MESSAGE_ID.findall(header(mail, "Message-ID"))
    parents = MESSAGE_ID.findall(header(mail, "In-Reply-To"))
    parents += reversed(MESSAGE_ID.findall(header(mail, "References")))
    to = ", ".join(header(mail, name) for name in ("To", "Cc", "Bcc", "Delivered-To") if header(mail, name))
    return Facts(
        message_id=ids[0] if ids else "",
        parents=tuple(dict.fromkeys(parents)),
        subject=header(mail, "Subject"),
        sender=header(mail, "From"),
        recipients=to,
        snippet=_snippet(mail),
        attached=any(_is_attachment(part) for part in _leaves(mail)),
        words=_words(mail),
    )


def subject_key(subject: str) -> str:
    """A subject without its reply and forward prefixes, for threading."""
    previous = None
    while previous != subject:
        previous, subject = subject, PREFIX.sub("", subject, count=1)
    return " ".join(subject.split()).casefold()


def addresses(text: str) -> list[str]:
    """The bare addresses of a header, in lower case."""
    return [address.lower() for _, address in getaddresses([text]) if "@" in address]


def header(mail: Message, name: str) -> str:
    """A header's first value as text, or an empty string."""
    return next((value for key, value in headers(mail) if key.lower() == name.lower()), "")


def headers(mail: Message) -> Iterator[tuple[str, str]]:
    """All headers, unfolded and decoded, in order."""
    for name, value in mail.raw_items():
        yield clean(str(name)), decode_text(str(value))


def decode_text(value: str) -> str:
    """A header value without folding, encoded words or undecodable bytes."""
    text = FOLD.sub("", clean(value)).strip()
    if "=?" not in text:
        return text
    try:
        parts = decode_header(text)
        words = [part if isinstance(part, str) else decode_bytes(part, charset) for part, charset in parts]
        return FOLD.sub(" ", "".join(words)).strip()
    except Exception:
        # An encoded word that cannot be decoded is shown as it came.
        return text


def clean(text: str) -> str:
    """Text without the stand-ins that the mail parser leaves for 8-bit bytes."""
    try:
        text.encode("utf-8")
        return text
    except UnicodeEncodeError:
        return decode_bytes(text.encode("utf-8", "surrogateescape"), None)


def decode_bytes(data: bytes, charset: str | None) -> str:
    """Bytes as text, whatever the charset claims."""
    for name in (charset, "utf-8"):
        try:
            return data.decode(name or "utf-8").encode("utf-8", "replace").decode("utf-8")
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1")


def payload(mail: Message, message: str, part_id: str = "") -> dict[str, Any]:
    """The part tree of `format=full`; `message` is the id of the message."""
    filename = _filename(mail)
    part: dict[str, Any] = {
        "partId": part_id,
        "mimeType": mail.get_content_type(),
        "filename": filename,
        "headers": [{"name": name, "value": value} for name, value in headers(mail)],
    }
    children = mail.get_payload() if mail.is_multipart() else []
    if children and mail.get_content_maintype() == "multipart":
        part["body"] = {"size": 0}
    else:
        part["body"] = _body(mail, message, part_id)
    if isinstance(children, list) and children:
        below = f"{part_id}." if part_id else ""
        nested = [child for child in children if isinstance(child, Message)]
        part["parts"] = [payload(child, message, f"{below}{number}") for number, child in enumerate(nested)]
    return part


def _body(part: Message, message: str, part_id: str) -> dict[str, Any]:
    data = content(part)
    body: dict[str, Any] = {"size": len(data)}
    if _is_attachment(part):
        body["attachmentId"] = attachment_id(message, part_id)
    elif data:
        body["data"] = base64.urlsafe_b64encode(data).decode()
    return body


def attachment(raw: bytes, message: str, wanted: str) -> bytes | None:
    """The bytes of an attachment, found by its id."""
    stack = [(parse(raw), "")]
    while stack:
        part, part_id = stack.pop()
        if attachment_id(message, part_id) == wanted and _is_attachment(part):
            return content(part)
        below = f"{part_id}." if part_id else ""
        children = part.get_payload() if part.is_multipart() else []
        if isinstance(children, list):
            stack += [
                (child, f"{below}{n}") for n, child in enumerate(children) if isinstance(child, Message)
            ]
    return None


def attachment_id(message: str, part_id: str) -> str:
    """The id of an attachment; opaque to clients."""
    return "ANGjdJ" + base64.urlsafe_b64encode(f"{message}/{part_id}".encode()).decode().rstrip("=")


def content(part: Message) -> bytes:
    """The content of a leaf, transfer encoding undone; text is turned into UTF-8 as Gmail does."""
    try:
        if part.is_multipart():
            return b"".join(child.as_bytes() for child in part.get_payload() if isinstance(child, Message))
        data = part.get_payload(decode=True)
    except Exception:
        # A payload whose encoding header lies is taken as it stands.
        data = clean(str(part.get_payload())).encode("utf-8")
    data = data if isinstance(data, bytes) else b""
    if part.get_content_maintype() == "text" and not _filename(part):
        return decode_bytes(data, _charset(part)).encode("utf-8")
    return data


def _charset(part: Message) -> str | None:
    try:
        charset = part.get_content_charset()
        return charset if isinstance(charset, str) else None
    except Exception:
        # Broken RFC 2231 parameters raise; such a part has no usable charset.
        return None


def _filename(part: Message) -> str:
    try:
        return decode_text(part.get_filename() or "")
    except Exception:
        # As above: a file name that cannot be read is no file name.
        return ""


def _is_attachment(part: Message) -> bool:
    if part.get_content_maintype() == "multipart":
        return False
    return bool(_filename(part)) or part.get_content_maintype() != "text"


def _leaves(mail: Message) -> Iterator[Message]:
    return (part for part in mail.walk() if not part.is_multipart())


def _words(mail: Message) -> str:
    texts = (part for part in mail.walk() if part.get_content_maintype() == "text")
    return "\n".join(content(part).decode("utf-8", "replace").casefold() for part in texts)


def _snippet(mail: Message) -> str:
    texts = [part for part in _leaves(mail) if not _is_attachment(part)]
    plain = next((part for part in texts if part.get_content_type() == "text/plain"), None)
    chosen = plain or next(iter(texts), None)
    text = content(chosen).decode("utf-8", "replace") if chosen is not None else ""
    if chosen is not None and chosen.get_content_type() == "text/html":
        text = html.unescape(INVISIBLE.sub(" ", text))
    return html.escape(" ".join(text.split())[:SNIPPET_CHARACTERS], quote=True)
