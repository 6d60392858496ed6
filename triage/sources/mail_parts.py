"""The parts of a mail, found by searching for their boundaries: nothing is copied, nothing is decoded.

The standard parser reads a mail line by line (a second for 15 MB of attachment, and each line is tried against
each open boundary). Here it reads only headers, and an attachment costs one search and four counts of bytes.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.message import Message as Head
from email.parser import BytesHeaderParser

from triage.sources import mail_header

MOST_PARTS = 500
"""A mail of people has under fifty; each part costs about a tenth of a millisecond."""
_MOST_DEPTH = 30
"""Replies that forward replies nest about three levels a time; recursion ends far below Python's limit."""
_MOST_SEARCHED = 500_000_000
"""Bytes searched for boundaries in all, at 5 GB a second: a 50 MB mail may be nested ten levels deep."""
_MOST_NEAR_MISSES = 20_000
"""Places that look like a boundary and are none; each is tried in Python."""
_MOST_HEADER_BYTES, _MOST_HEADER_LINES = 200_000, 5_000
"""Of the mail: room for five thousand recipients, one a line. Python's header parser does 200 lines a millisecond."""
_MOST_PART_HEADER_BYTES, _MOST_PART_HEADER_LINES = 20_000, 100
_MOST_PARAMETERS_CHARACTERS, _MOST_PARAMETERS = 5_000, 40
"""Of a Content-Type or -Disposition: a file name of 255 letters in RFC 2231; their parser is quadratic."""
_MOST_NESTED_BYTES = 1_000_000
"""Read of a mail that is attached in base64 or quoted-printable, which has to be decoded first."""
_GUESS_WITHIN = 10_000
"""Bytes in which a boundary is looked for that no header names."""

_LINE = rb"(?:[!-9;-~]*+:|[ \t]|From )[^\r\n]*+(?:\r\n|\r|\n|\Z)"
_HEADER = re.compile(rb"(?:%s){0,%d}+" % (_LINE, _MOST_HEADER_LINES))
_PART_HEADER = re.compile(rb"(?:%s){0,%d}+" % (_LINE, _MOST_PART_HEADER_LINES))
_HEADER_LINE = re.compile(_LINE)
_NEWLINE = re.compile(rb"\r\n|\r|\n")
_REST_OF_BOUNDARY = re.compile(rb"(--)?[ \t]*(?:\r\n|\r|\n|\Z)")
_GUESS = re.compile(rb"^--(\S{1,70})[ \t]*\r?\n(?=content-[a-z-]+:|\r?\n)", re.IGNORECASE | re.MULTILINE)
_MAIL = ("message/rfc822", "message/global")
_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)
_WHITE = b" \t\r\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part: its headers, its type, and where in `raw` its content is, still in its transfer encoding."""

    head: Head
    kind: str
    raw: bytes
    start: int
    end: int
    children: tuple[Part, ...] = ()

    def walk(self) -> Iterator[Part]:
        """This part and all below it, in order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def filename(self) -> str:
        """The name a person would see, at most 255 characters; empty when there is none."""
        try:
            name = self.head.get_filename() or ""
        except Exception:  # broken RFC 2231 parameters raise many kinds: a name that cannot be read is none
            return ""
        return mail_header.one_line(mail_header.decode_words(mail_header.unfold(str(name))))[:255]

    def charset(self) -> str | None:
        """The charset that is claimed, lower case."""
        try:
            charset = self.head.get_content_charset()
        except Exception:  # as above; such a part names no charset
            return None
        return charset if isinstance(charset, str) else None

    def encoding(self) -> str:
        """base64, quoted, uue, or empty when the bytes stand for themselves."""
        value = str(self.head.get("Content-Transfer-Encoding", ""))[:200].lower()
        return next((name for name in ("base64", "quoted", "uue") if name in value), "")

    def size(self) -> int:
        """Bytes once decoded, counted without decoding; of attached mail and of uuencode: as it was sent."""
        raw, start, end = self.raw, self.start, self.end
        length = end - start
        if self.children or not length:
            return length
        signs = raw.count(b"=", start, end)
        if self.encoding() == "base64":
            white = sum(raw.count(c, start, end) for c in (b"\r", b"\n", b" ", b"\t"))
            return (length - white - signs) * 3 // 4
        if self.encoding() == "quoted":
            dos, unix = raw.count(b"=\r\n", start, end), raw.count(b"=\n", start, end)
            return length - 2 * (signs - dos - unix) - 3 * dos - 2 * unix
        return length

    def content(self, most: int) -> tuple[bytes, str]:
        """At most so many bytes, decoded, and what was wrong with their transfer encoding."""
        room = {"base64": 3 * most // 2, "quoted": 3 * most}.get(self.encoding(), most)
        data = self.raw[self.start : min(self.end, self.start + room)]
        if self.encoding() == "base64":
            found = _from_base64(data)
            return (data[:most], "text is not base64, whatever its header says") if found is None else (
                found[:most], "")  # fmt: skip
        if self.encoding() == "quoted":
            return binascii.a2b_qp(data)[:most], ""
        return data, "uuencoded content is not decoded" if self.encoding() else ""


def _from_base64(data: bytes) -> bytes | None:
    """Decoded, whatever else stands between; None for what is plain text under a wrong header."""
    letters = data.translate(None, _NOT_BASE64)
    others = len(data.translate(None, _WHITE)) - len(letters)
    if others * 10 > len(letters):
        return None
    letters = letters.partition(b"=")[0]
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def read(raw: bytes, defects: list[str]) -> Part:
    """The tree of a mail's parts; what was not as it should be, or was cut, is added to `defects`."""
    if b"\r\r\n" in raw[:_GUESS_WITHIN]:
        defects.append("lines end in CR CR LF")
        raw = raw.replace(b"\r\r\n", b"\r\n")
    return _Reader(defects).mail(raw, 3 if raw.startswith(b"\xef\xbb\xbf") else 0, len(raw), 0)


class _Reader:
    """One reading, with what is left of its bounds."""

    def __init__(self, defects: list[str]) -> None:
        self._defects = defects
        self._parts = MOST_PARTS
        self._search = _MOST_SEARCHED
        self._misses = _MOST_NEAR_MISSES

    def mail(self, raw: bytes, start: int, end: int, depth: int) -> Part:
        """A whole mail."""
        return self._part(raw, start, end, depth, "text/plain", _HEADER, _MOST_HEADER_BYTES)

    def _part(
        self, raw: bytes, start: int, end: int, depth: int, default: str, lines: re.Pattern[bytes], most: int
    ) -> Part:
        head, body = self._head(raw, start, end, lines, most)
        head.set_default_type(default)
        kind = mail_header.clean(head.get_content_type())[:200]
        part = Part(head=head, kind=kind, raw=raw, start=body, end=end)
        if kind in _MAIL and self._deeper(depth):
            return replace(part, children=(self._nested(part, depth),))
        if not kind.startswith("multipart/"):
            return part
        if not (boundary := self._boundary(part)):
            return replace(part, kind="text/plain")
        if not self._deeper(depth):
            return part
        return replace(part, children=tuple(self._children(part, boundary, depth)))

    def _deeper(self, depth: int) -> bool:
        if depth >= _MOST_DEPTH:
            self._defects.append(f"nested deeper than {_MOST_DEPTH} levels")
        return depth < _MOST_DEPTH

    def _head(
        self, raw: bytes, start: int, end: int, lines: re.Pattern[bytes], most: int
    ) -> tuple[Head, int]:
        """The headers, and where the content begins."""
        found = lines.match(raw, start, min(end, start + most))
        stop = found.end() if found else start
        try:
            head = BytesHeaderParser().parsebytes(raw[start:stop])
        except Exception as error:  # hostile bytes raise many kinds; such a part has no headers
            self._defects.append(f"header unreadable ({type(error).__name__})")
            head = Head()
        self._defects += [type(defect).__name__ for defect in head.defects]
        for name in ("Content-Type", "Content-Disposition"):
            if len(value := str(head.get(name, ""))) > 200:
                head.replace_header(name, _short(value))
        if newline := _NEWLINE.match(raw, stop, end):
            return head, newline.end()
        if stop < min(end, start + most) and not _HEADER_LINE.match(raw, stop, end):
            self._defects.append("no blank line between header and text")
            return head, stop
        if stop == end:
            return head, end
        self._defects.append(f"header cut after {stop - start} bytes")
        blanks = [at + len(b) for b in (b"\n\n", b"\n\r\n", b"\r\r") if (at := raw.find(b, stop, end)) >= 0]
        return head, min(blanks, default=end)

    def _nested(self, part: Part, depth: int) -> Part:
        """The mail that a part holds."""
        if not part.encoding():
            return self.mail(part.raw, part.start, part.end, depth + 1)
        content, _ = part.content(_MOST_NESTED_BYTES)
        return self.mail(content, 0, len(content), depth + 1)

    def _boundary(self, part: Part) -> bytes:
        """The boundary of a multipart; one that is not named or does not occur is guessed from the text."""
        raw, start, end = part.raw, part.start, part.end
        named = _named_boundary(part.head)
        found = raw.find(b"--" + named, start, end) if named and self._search > 0 else -1
        self._search -= (found if found >= 0 else end) - start
        if found >= 0:
            return named
        guess = _GUESS.search(raw[start : min(end, start + _GUESS_WITHIN)])
        self._defects.append("boundary missing, " + ("guessed" if guess else "all taken for plain text"))
        return guess[1] if guess else b""

    def _children(self, part: Part, boundary: bytes, depth: int) -> Iterator[Part]:
        default = "message/rfc822" if part.kind == "multipart/digest" else "text/plain"
        for start, end in self._pieces(part.raw, part.start, part.end, b"--" + boundary):
            if self._parts == 0:
                self._defects.append(f"more than {MOST_PARTS} parts")
                return
            self._parts -= 1
            yield self._part(part.raw, start, end, depth + 1, default, _PART_HEADER, _MOST_PART_HEADER_BYTES)

    def _pieces(self, raw: bytes, start: int, end: int, mark: bytes) -> Iterator[tuple[int, int]]:
        """(start, end) of what stands between boundaries."""
        begun = -1
        for line, after, last in self._boundaries(raw, start, end, mark):
            if begun >= 0:
                yield begun, max(begun, _before_newline(raw, line))
            begun = after
            if last:
                return
        if begun >= 0:
            self._defects.append("no closing boundary")
            yield begun, end

    def _boundaries(self, raw: bytes, start: int, end: int, mark: bytes) -> Iterator[tuple[int, int, bool]]:
        """(start of the line, end of the line, whether it closes) of each line that is this boundary."""
        position = start
        while True:
            found = raw.find(mark, position, end) if self._search > 0 else -1
            self._search -= (found if found >= 0 else end) - position
            if self._search <= 0 or self._misses <= 0:
                self._defects.append("too many things like boundaries: not all were looked at")
                return
            if found < 0:
                return
            rest = _REST_OF_BOUNDARY.match(raw, found + len(mark), end)
            position = rest.end() if rest else found + len(mark)
            if rest and (found == start or raw[found - 1] in b"\r\n"):
                yield found, position, bool(rest[1])
            else:
                self._misses -= 1


def _named_boundary(head: Head) -> bytes:
    try:
        return re.sub(r"[\r\n]+", "", head.get_boundary() or "").encode("ascii", "surrogateescape")
    except Exception:  # broken RFC 2231 parameters raise many kinds, foreign letters another
        return b""


def _short(value: str) -> str:
    return ";".join(value[:_MOST_PARAMETERS_CHARACTERS].split(";")[:_MOST_PARAMETERS])


def _before_newline(raw: bytes, position: int) -> int:
    """Where the line before ends: the newline above a boundary belongs to the boundary."""
    if raw[position - 2 : position] == b"\r\n":
        return position - 2
    return position - 1 if raw[position - 1 : position] in (b"\n", b"\r") else position
