"""Mails that should not exist: mutants of real ones, and hostile shapes of any size. Same seed, same mails."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from email.message import EmailMessage

from hypothesis import strategies as st

HEAD = b"From: Ana Sorel <ana@example.org>\r\nDate: Tue, 03 Nov 2026 10:00:00 +0100\r\nSubject: Leak\r\n"
TYPES = (
    "text/plain text/html text/calendar text/x-unknown multipart/mixed multipart/alternative multipart/digest "
    "multipart/report multipart/signed message/rfc822 message/delivery-status message/partial application/pdf "
    "application/ms-tnef image/png application/octet-stream text multipart/ / ; text/plain/html"
).split()
ENCODINGS = "7bit 8bit binary base64 quoted-printable x-uuencode x-nonsense BASE64 =?utf-8?q?base64?=".split()
CHARSETS = (
    "us-ascii utf-8 iso-8859-1 windows-1252 utf-16 utf-7 gb2312 shift_jis iso-2022-jp koi8-r punycode rot13 "
    "unicode-escape hex zip idna x-unknown utf-8; ' \x00"
).split(" ")
_TOKENS = (
    "\r\n|\n|\r|\r\r\n|\r\n\r\n|\x00|\xff\xfe|\t|--|\n--|=?utf-8?b?|=?utf-8?q?=C3|?=|boundary=|;|;;;|\"|'|\\|(|(((|<|>"
    "|<div>|<!--|<blockquote type=cite>|=|=\r\n|=3D|%00|*0*=|: |From |> |-- \r\n|wrote:\r\n|a écrit :"
).encode("latin-1").split(b"|")  # fmt: skip


def seeds() -> list[bytes]:
    """Well-formed mails of the common kinds, as mail programs make them."""
    plain = _mail(
        "Mon mixeur a pris feu", "Il a fumé.\n\nLe 3 nov. 2026 à 10:00, Care <c@v.e> a écrit :\n> Bonjour\n"
    )
    rich = _mail("It leaks", "It leaks.\n\nOn 3 Nov 2026 10:00, Care <c@v.e> wrote:\n> Hello\n\n-- \nAna\n")
    rich.add_alternative("<p>It <b>leaks</b></p><div class=gmail_quote>Hello</div>", subtype="html")
    full = _mail("Photo é", "Voir photo.")
    full.add_alternative("<p>Voir <img src=cid:1> photo.</p>", subtype="html")
    full.add_attachment(bytes(range(256)) * 8, maintype="image", subtype="png", filename="photo é.png")
    full.add_attachment(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Visit\nEND:VEVENT\n", subtype="calendar", filename="i.ics"
    )
    full.add_attachment(
        b"\x78\x9f\x3e\x22" * 9, maintype="application", subtype="ms-tnef", filename="winmail.dat"
    )
    outer = _mail("Fwd: It leaks", "See below")
    outer.add_attachment(rich)
    latin = HEAD + "Content-Type: text/plain; charset=iso-8859-1\r\n\r\nDéjà vu : 5 €\r\n".encode("cp1252")
    bounce = HEAD + (
        b'Content-Type: multipart/report; boundary="r"\r\nAuto-Submitted: auto-replied\r\n\r\n'
        b"--r\r\n\r\nUndelivered\r\n"
        b"--r\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\n\r\n--r--\r\n"
    )
    digest = (
        HEAD
        + b'Content-Type: multipart/digest; boundary="d"\r\n\r\n--d\r\n\r\nSubject: one\r\n\r\nOne\r\n--d--\r\n'
    )
    made = [plain, rich, full, outer]
    for number, mail in enumerate(made):
        for place, part in enumerate(mail.walk()):
            if part.is_multipart() and part.get_content_maintype() == "multipart":
                part.set_boundary(f"=_{number}_{place}_b")
    return [*(mail.as_bytes() for mail in made), latin, bounce, digest]


def _mail(subject: str, text: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Zoé Lefèvre <zoe@example.org>"
    mail["To"] = "care@volmera.example, Ana <ana@example.org>"
    mail["Date"] = "Tue, 03 Nov 2026 10:00:00 +0100"
    mail["Message-ID"] = "<1@example.org>"
    mail["Subject"] = subject
    mail.set_content(text)
    return mail


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A seed after one to six mutations."""
    raw = draw(st.sampled_from(_SEEDS))
    for _ in range(draw(st.integers(1, 6))):
        raw = draw(st.sampled_from(_MUTATIONS))(draw, raw)[:200_000]
    return raw


def _place(draw: st.DrawFn, raw: bytes) -> int:
    return draw(st.integers(0, len(raw)))


def _truncate(draw: st.DrawFn, raw: bytes) -> bytes:
    return raw[: _place(draw, raw)]


def _flip(draw: st.DrawFn, raw: bytes) -> bytes:
    changed = bytearray(raw)
    for place in draw(st.lists(st.integers(0, max(0, len(raw) - 1)), max_size=20)) if raw else []:
        changed[place] ^= draw(st.integers(1, 255))
    return bytes(changed)


def _insert(draw: st.DrawFn, raw: bytes) -> bytes:
    place = _place(draw, raw)
    return raw[:place] + draw(st.sampled_from(_TOKENS)) * draw(st.sampled_from([1, 1, 2, 300])) + raw[place:]


def _cut_or_double(draw: st.DrawFn, raw: bytes) -> bytes:
    start = _place(draw, raw)
    end = min(len(raw), start + draw(st.integers(0, 400)))
    return raw[:start] + raw[start:end] * draw(st.sampled_from([0, 2, 3])) + raw[end:]


def _lines(draw: st.DrawFn, raw: bytes) -> bytes:
    lines = raw.splitlines(keepends=True)
    if not lines:
        return raw
    one, two = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    lines[one], lines[two] = lines[two], lines[one]
    return b"".join(lines)


def _header(name: str, values: tuple[str, ...] | list[str]) -> Callable[[st.DrawFn, bytes], bytes]:
    """One of the places where a header stands gets another value, goes, or is doubled."""
    pattern = re.compile(rb"^%s:[^\n]*\n" % name.encode(), re.IGNORECASE | re.MULTILINE)

    def mutate(draw: st.DrawFn, raw: bytes) -> bytes:
        line = f"{name}: {draw(st.sampled_from(values))}\r\n".encode()
        found = list(pattern.finditer(raw))
        if not found:
            return line + raw
        one = draw(st.sampled_from(found))
        return raw[: one.start()] + draw(st.sampled_from([line, b"", line + one[0]])) + raw[one.end() :]

    return mutate


def _charset(draw: st.DrawFn, raw: bytes) -> bytes:
    return re.sub(rb'charset="?[\w-]+"?', b"charset=" + draw(st.sampled_from(CHARSETS)).encode(), raw)


def _boundary(draw: st.DrawFn, raw: bytes) -> bytes:
    """The boundary is renamed where it is declared, where it is used, or in one use."""
    found = re.search(rb'boundary="?([^"\r\n;]+)', raw)
    if not found:
        return raw
    new = draw(
        st.sampled_from([b"", b"-", b"--", b"a b", b"x" * 300, b"[.*+", b"\xe9", found[1] + b"--", b"r"])
    )
    where = draw(st.sampled_from(["declared", "used", "once"]))
    if where == "declared":
        return raw[: found.start(1)] + new + raw[found.end(1) :]
    return raw.replace(b"--" + found[1], b"--" + new, -1 if where == "used" else 1)


def _newlines(draw: st.DrawFn, raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(
        b"\n", draw(st.sampled_from([b"\r\n", b"\r", b"\r\r\n", b"\n\r"]))
    )


def _nest(draw: st.DrawFn, raw: bytes) -> bytes:
    for level in range(draw(st.integers(1, 40))):
        if draw(st.booleans()):
            raw = HEAD + b"Content-Type: message/rfc822\r\n\r\n" + raw
        else:
            mark = draw(st.sampled_from([b"same", b"n%d" % level]))
            raw = HEAD + b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n%s\r\n--%s--\r\n" % (
                mark,
                mark,
                raw,
                mark,
            )
    return raw


def _splice(draw: st.DrawFn, raw: bytes) -> bytes:
    other = draw(st.sampled_from(_SEEDS))
    return raw[: _place(draw, raw)] + other[_place(draw, other) :]


_SEEDS = seeds()
_TYPE_VALUES = [
    t + p for t in TYPES for p in ("", "; boundary=q", "; charset*=x'y", "; name*0*=a''%E9; name*1=b")
]
_MUTATIONS = [
    _truncate, _flip, _insert, _cut_or_double, _lines, _charset, _boundary, _newlines, _nest, _splice,
    _header("Content-Type", _TYPE_VALUES),
    _header("Content-Transfer-Encoding", ENCODINGS),
    _header("Content-Disposition", ["attachment", "inline; filename=", "attachment; filename*=a''%00%0a", "x" * 5000]),
    _header("Date", ["", "yesterday", "Tue, 99 Foo 99999 99:99:99 +9999", "Mon, 1 Jan 0001 00:00:00 +2359"]),
    _header("From", ["", "a", "<<>>@", "(" * 900, "=?utf-8?q?=00?= <a@b>", ",".join(["a@b.c"] * 999)]),
]  # fmt: skip


def _mixed(*parts: bytes) -> bytes:
    inner = b"".join(b"--q\r\n" + part + b"\r\n" for part in parts)
    return HEAD + b"Content-Type: multipart/mixed; boundary=q\r\n\r\n" + inner + b"--q--\r\n"


def _part(content: bytes, kind: bytes = b"text/plain", encoding: bytes = b"8bit") -> bytes:
    return b"Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n%s" % (kind, encoding, content)


def _attached(content: bytes, kind: bytes = b"image/png", encoding: bytes = b"base64") -> bytes:
    return _mixed(_part(b"Hello"), _part(content, kind, encoding))


def hostile(size: int) -> dict[str, Callable[[], bytes]]:
    """Shapes that made one or another mail parser slow, each about so many bytes long, where size matters."""
    return _hostile_bodies(size) | _hostile_texts(size) | _hostile_heads(size) | _hostile_trees(size)


def _hostile_bodies(size: int) -> dict[str, Callable[[], bytes]]:
    def lines() -> bytes:
        return base64.encodebytes(bytes(range(256)) * (size * 3 // 4 // 256)).replace(b"\n", b"\r\n")

    return {
        "attachment of base64": lambda: _attached(lines()),
        "base64 in one line": lambda: _attached(lines().replace(b"\r\n", b"")),
        "base64 four letters a line": lambda: _attached(b"QUJD\r\n" * (size // 6)),
        "base64 text": lambda: HEAD + _part(lines(), encoding=b"base64"),
        "attached mail in base64": lambda: _attached(lines(), b"message/rfc822"),
        "binary attachment": lambda: _attached(bytes(range(256)) * (size // 256), encoding=b"binary"),
        "quoted-printable": lambda: (
            HEAD + _part(b"=E9t=E9=20=\r\n" * (size // 13), encoding=b"quoted-printable")
        ),
        "uuencode": lambda: HEAD + _part(b"begin 644 x\r\n" + b"M" * size, encoding=b"x-uuencode"),
        "slow charset": lambda: HEAD + _part(b"+AGE-" * (size // 5), b"text/plain; charset=utf-7"),
    }


def _hostile_texts(size: int) -> dict[str, Callable[[], bytes]]:
    html = b"text/html"
    fiftieth = b"<p>Hello <b>you</b></p>" * (size // 1200)
    return {
        "plain lines": lambda: HEAD + _part(b"Hello, this is a line of text.\r\n" * (size // 32)),
        "one line": lambda: HEAD + _part(b"a" * size),
        "carriage returns only": lambda: b"Hello\r" * (size // 6),
        "blank lines": lambda: HEAD + _part(b"\r\n" * (size // 2)),
        "attributions": lambda: HEAD + _part(b"On 1\r\n" * (size // 6)),
        "quotes": lambda: HEAD + _part(b"> a\r\nb\r\n" * (size // 8)),
        "dashes": lambda: _mixed(_part(b"--\r\n" * (size // 4))),
        "HTML": lambda: HEAD + _part(b"<div>Hello <b>you</b></div>\r\n" * (size // 29), html),
        "fifty HTML parts": lambda: _mixed(*[_part(fiftieth, html)] * 50),
        "deep HTML": lambda: HEAD + _part(b"<div>" * (size // 5), html),
        "HTML of <": lambda: HEAD + _part(b"<" * size, html),
        "HTML of tables": lambda: HEAD + _part(b"<table><tr><td>" * (size // 15), html),
    }


def _hostile_heads(size: int) -> dict[str, Callable[[], bytes]]:
    end = b"\r\n\r\nHello"
    quotes = b'text/plain; a="' + b'";"' * 400
    return {
        "header lines": lambda: HEAD + b"X-Y: z\r\n" * (size // 8) + b"\r\nHello",
        "one header": lambda: HEAD + b"X-Y: " + b"y" * size + end,
        "folded header": lambda: HEAD + b"X-Y: z\r\n" + b" z\r\n" * (size // 4) + b"\r\nHello",
        "recipients": lambda: HEAD + b"To: " + b"ana@example.org," * (size // 16) + end,
        "references": lambda: HEAD + b"References: " + b"<1@example.org> " * (size // 16) + end,
        "encoded words": lambda: HEAD + b"Subject: " + b"=?utf-8?q?=C3=A9?= " * (size // 19) + end,
        "parameters": lambda: HEAD + b"Content-Type: text/plain" + b";" * size + end,
        "parameters in 500 parts": lambda: _mixed(*[_part(b"x", quotes)] * 500),
    }


def _hostile_trees(size: int) -> dict[str, Callable[[], bytes]]:
    levels = size // 60
    inner = b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n"
    return {
        "10,000 parts": lambda: _mixed(*[_part(b"Part %d" % number) for number in range(10_000)]),
        "10,000 attachments": lambda: _mixed(*[_part(b"QUJD", b"image/png", b"base64")] * 10_000),
        "nested mails": lambda: HEAD + b"Content-Type: message/rfc822\r\n\r\n" * (size // 32) + b"Hello",
        "nested multiparts": lambda: (
            HEAD
            + b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n"
            + b"".join(inner % (level, level + 1) for level in range(levels))
        ),
        "almost boundaries": lambda: _mixed(_part(b"--qq\r\n" * (size // 6))),
    }
