"""Header values as text: folding, encoded words (RFC 2047) and lying charsets undone; nothing raises."""

from __future__ import annotations

import binascii
import codecs
import re
from datetime import UTC, datetime
from email.utils import getaddresses, parsedate_to_datetime
from itertools import groupby

MOST_HEADER_CHARACTERS = 20_000
_ENCODED = re.compile(r"=\?([^?*\s]{1,60})(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=")
_BETWEEN_ENCODED = re.compile(r"(\?=)\s+(?==\?)")
_ADDRESS = re.compile(r"[^\s<>\"(),;:]{1,200}@[^\s<>\"(),;:]{1,250}")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,500}>")
_SLOW_OR_STRANGE = frozenset(
    {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "mbcs", "oem"}
)
_WIDER = {"iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "shift_jis": "cp932"}
"""A charset that is named where its superset is meant."""

_LATIN = ("ascii", "iso8859-1", "cp1252")


def decode_bytes(data: bytes, charset: str | None) -> tuple[str, str]:
    """Text, and what was wrong with the charset (empty: nothing). UTF-8 is believed before a Latin claim."""
    name = _codec(charset)
    lie = "" if name or not charset else f"unknown charset {charset[:40]!r}"
    if name in (None, *_LATIN) and not data.isascii():
        try:
            text = clean(data.decode("utf-8"))
        except UnicodeDecodeError:
            if name == "ascii":
                lie = "text is not ASCII, whatever its charset says"
        else:
            return text, lie or ("text is UTF-8, whatever its charset says" if name else "")
    try:
        return clean(data.decode(_WIDER.get(name or "utf-8", name or "utf-8"))), lie
    except (UnicodeError, ValueError):
        lie = lie or f"text is not in its charset {charset or 'utf-8'!r}"
    return clean(data.decode("cp1252", "replace")), lie


def _codec(charset: str | None) -> str | None:
    """Python's name of a text encoding that is safe to use."""
    try:
        name = codecs.lookup((charset or "").strip(" '\"")).name
        b"a".decode(name)
    except UnicodeError:
        pass
    except (LookupError, ValueError):
        return None
    return None if name.replace("_", "-") in _SLOW_OR_STRANGE else name


def clean(text: str) -> str:
    """Text that can be written as UTF-8: no NUL, no lone surrogate."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def unfold(value: str) -> str:
    """A raw header value (8-bit bytes as surrogates) on one line, as text; encoded words stay as they are."""
    value = re.sub(r"[\r\n]+[ \t]*", " ", value[:MOST_HEADER_CHARACTERS]).strip()
    if value.isascii():
        return clean(value)
    return decode_bytes(value.encode("utf-8", "surrogateescape"), None)[0]


def decode_words(value: str) -> str:
    """Encoded words decoded; neighbours of one charset are joined first, since they may split a character."""
    if "=?" not in value:
        return value
    text = _BETWEEN_ENCODED.sub(r"\1", value)
    pieces: list[str] = []
    position = 0
    run: list[tuple[str, bytes]] = []
    for found in _ENCODED.finditer(text):
        if found.start() > position:
            pieces += [_run(run), text[position : found.start()]]
            run = []
        run.append((found[1].lower(), _payload(found[2], found[3])))
        position = found.end()
    return clean("".join([*pieces, _run(run), text[position:]]))


def _run(run: list[tuple[str, bytes]]) -> str:
    grouped = groupby(run, key=lambda item: item[0])
    return "".join(
        decode_bytes(b"".join(data for _, data in items), charset)[0] for charset, items in grouped
    )


def _payload(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(raw, header=True)
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
    whole = letters[:-1] if len(letters) % 4 == 1 else letters
    return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


def addresses(value: str) -> list[tuple[str, str]]:
    """(decoded name, lower-case address) of each mailbox in an unfolded, undecoded header."""
    try:
        pairs = [(n, a) for n, a in getaddresses([value]) if _ADDRESS.fullmatch(a) and a in value]
    except (ValueError, IndexError, TypeError, RecursionError):
        pairs = []
    if not pairs:
        pairs = [("", address) for address in _ADDRESS.findall(decode_words(value))]
    return [(one_line(decode_words(name)), clean(address).strip().lower()) for name, address in pairs]


def message_ids(value: str) -> tuple[str, ...]:
    """The `<…>` ids of a header; a bare word with an @ is taken as one."""
    found = _MESSAGE_ID.findall(value)
    return tuple(found) or tuple(word for word in value.split()[:1] if "@" in word)


def date(value: str) -> datetime | None:
    """The moment a Date header names, in UTC; None when it names none."""
    try:
        moment = parsedate_to_datetime(value[:200])
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def one_line(text: str) -> str:
    """White space and control characters collapsed to single spaces."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", text).split())
